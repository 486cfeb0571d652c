//! What this process told the index of next expiries, and what it has to tell yet.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::domain::identifier::OrchestratorId;
use crate::store::redis::expiry_index::EndedClaim;

/// How long this process relies on a note. An entry that holds nothing any more leaves the index a second later
/// than this at the earliest (`GRACE_MS` of `expiring_note.lua`): what was asked for while the note
/// was relied on has been decided by then, and the sweep sees it.
const RELIED_ON: Duration = Duration::from_secs(2);

/// A note that is due so soon may have been swept and ended already.
const MARGIN_MS: u64 = 50;

/// Who holds nothing for so long is told to the index: most reserve again at once.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// Notes that are no longer relied on are dropped when there are more than this many.
const KEPT: usize = 10_000;

/// Orchestrators known to hold nothing; a further one leaves the index at its expiry only.
const IDLE_KEPT: usize = 100_000;

#[derive(Debug, Clone, Copy)]
struct Note {
    expiry_ms: u64,
    at: Instant,
}

impl Note {
    fn is_relied_on(&self) -> bool {
        self.at.elapsed() < RELIED_ON
    }
}

#[derive(Debug, Clone, Copy)]
struct Claim {
    score_ms: u64,
    at: Instant,
}

type Expiries = RefCell<HashMap<OrchestratorId, u64>>;
type Notes = RefCell<HashMap<OrchestratorId, Note>>;

#[derive(Default)]
pub(super) struct ExpiryNotes {
    /// The next expiry per orchestrator, as the store told it last.
    told: Notes,
    untold: Expiries,
    /// Noted before the reservation was made, if it was made at all.
    ahead: Notes,
    untold_ahead: Expiries,
    /// Since when nothing is held.
    idle: RefCell<HashMap<OrchestratorId, Instant>>,
    /// Orchestrators this process sweeps.
    claimed: RefCell<HashMap<OrchestratorId, Claim>>,
    ended: RefCell<Vec<EndedClaim>>,
    pub(super) claim_ended: Notify,
}

impl ExpiryNotes {
    /// Makes every expiry be told anew: servers that take over may not know them.
    pub(super) fn forget_told(&self) {
        self.told.borrow_mut().clear();
        self.ahead.borrow_mut().clear();
    }

    /// Takes in what a batch that was asked `at` learned. `could_hold`: it reserved or settled.
    pub(super) fn learn(
        &self,
        orchestrator: &OrchestratorId,
        next_expiry_ms: Option<u64>,
        could_hold: bool,
        at: Instant,
    ) {
        let Some(expiry_ms) = next_expiry_ms else { return self.learn_idle(orchestrator, could_hold) };
        self.idle.borrow_mut().remove(orchestrator);
        // Only the very same instant is surely known: what was told of a reservation that has ended
        // since may have left the index, ended by a sweep of another process.
        let mut told = self.told.borrow_mut();
        let is_known = |note: &Note| note.expiry_ms == expiry_ms && note.is_relied_on();
        if !told.get(orchestrator).is_some_and(is_known) {
            told.insert(orchestrator.clone(), Note { expiry_ms, at });
            self.untold.borrow_mut().insert(orchestrator.clone(), expiry_ms);
        }
    }

    fn learn_idle(&self, orchestrator: &OrchestratorId, could_hold: bool) {
        self.told.borrow_mut().remove(orchestrator);
        self.untold.borrow_mut().remove(orchestrator);
        let mut idle = self.idle.borrow_mut();
        if could_hold && idle.len() < IDLE_KEPT {
            idle.entry(orchestrator.clone()).or_insert_with(Instant::now);
        }
    }

    /// Notes a reservation that is about to be asked for. `true` when a round of untold notes begins with it.
    pub(super) fn look_ahead(&self, orchestrator: &OrchestratorId, now_ms: u64, expiry_ms: u64) -> bool {
        self.idle.borrow_mut().remove(orchestrator);
        let is_known = |notes: &Notes| {
            let notes = notes.borrow();
            notes.get(orchestrator).is_some_and(|note| {
                note.expiry_ms <= expiry_ms && note.expiry_ms > now_ms + MARGIN_MS && note.is_relied_on()
            })
        };
        if is_known(&self.told) || is_known(&self.ahead) {
            return false;
        }
        self.ahead.borrow_mut().insert(orchestrator.clone(), Note { expiry_ms, at: Instant::now() });
        let mut untold = self.untold_ahead.borrow_mut();
        untold.insert(orchestrator.clone(), expiry_ms);
        untold.len() == 1
    }

    pub(super) fn take_ahead(&self) -> Vec<(OrchestratorId, Option<u64>)> {
        self.untold_ahead.take().into_iter().map(|(orchestrator, expiry_ms)| (orchestrator, Some(expiry_ms))).collect()
    }

    /// What the index has to be told: next expiries, and who holds nothing for a while.
    pub(super) fn take_untold(&self) -> Vec<(OrchestratorId, Option<u64>)> {
        let untold = self.untold.take().into_iter().map(|(orchestrator, expiry_ms)| (orchestrator, Some(expiry_ms)));
        let mut untold: Vec<_> = untold.collect();
        self.idle.borrow_mut().retain(|orchestrator, since| {
            let is_over = since.elapsed() >= IDLE_AFTER;
            if is_over {
                untold.push((orchestrator.clone(), None));
            }
            !is_over
        });
        untold
    }

    /// Keeps for the next time what could not be told. Who holds nothing leaves the index at its expiry then.
    pub(super) fn put_back(&self, untold: &[(OrchestratorId, Option<u64>)]) {
        let mut kept = self.untold.borrow_mut();
        for (orchestrator, expiry_ms) in untold {
            let Some(expiry_ms) = expiry_ms else { continue };
            if kept.len() >= KEPT {
                // The next receipt tells it again.
                self.told.borrow_mut().remove(orchestrator);
            } else {
                kept.entry(orchestrator.clone()).or_insert(*expiry_ms);
            }
        }
    }

    /// Drops what has no use any more: notes nobody relies on, and claims that ran out.
    pub(super) fn tidy(&self, now_ms: u64) {
        for notes in [&self.told, &self.ahead] {
            let mut notes = notes.borrow_mut();
            if notes.len() > KEPT {
                notes.retain(|_, note| note.is_relied_on());
            }
        }
        self.claimed.borrow_mut().retain(|_, claim| claim.score_ms > now_ms);
    }

    pub(super) fn claim(&self, orchestrator: &OrchestratorId, claimed_score: u64) {
        self.told.borrow_mut().remove(orchestrator);
        self.ahead.borrow_mut().remove(orchestrator);
        let claim = Claim { score_ms: claimed_score, at: Instant::now() };
        self.claimed.borrow_mut().insert(orchestrator.clone(), claim);
    }

    pub(super) fn claims(&self) -> usize {
        self.claimed.borrow().len()
    }

    /// Ends the claim of an orchestrator that was swept by a batch that was asked `at`, if there is one and the
    /// batch has seen everything that was noted before it. `true` when a round of ended claims begins with it.
    pub(super) fn end_claim(&self, orchestrator: &OrchestratorId, next_expiry_ms: Option<u64>, at: Instant) -> bool {
        let mut claimed = self.claimed.borrow_mut();
        let Some(claim) = claimed.get(orchestrator).copied().filter(|claim| claim.at <= at) else { return false };
        claimed.remove(orchestrator);
        self.claim_ended.notify_one();
        let mut ended = self.ended.borrow_mut();
        ended.push(EndedClaim { orchestrator: orchestrator.clone(), claimed_score: claim.score_ms, next_expiry_ms });
        ended.len() == 1
    }

    pub(super) fn take_ended(&self) -> Vec<EndedClaim> {
        self.ended.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_ended_only_by_a_batch_that_was_asked_after_it() {
        let orchestrator = OrchestratorId::new("o").unwrap();
        let notes = ExpiryNotes::default();
        let before = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
        notes.claim(&orchestrator, 5);
        assert!(!notes.end_claim(&orchestrator, None, before), "it may not have seen what was noted since");
        assert!(notes.end_claim(&orchestrator, None, Instant::now()));
        assert_eq!(notes.claims(), 0);
    }
}
