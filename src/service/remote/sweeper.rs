//! Gives expired reservations back when nobody calls.
//!
//! A script gives back what has expired whenever it touches an orchestrator, so that no decision
//! ever sees a stale reservation. For orchestrators that nobody touches, perhaps because the process that
//! reserved was killed, an index of the earliest expiries is kept in the store; every tracker looks
//! into it a few times a second, and one of them sweeps.
//!
//! An expiry is noted twice: together with the request to reserve, so that it is known should this
//! process be killed before it hears the answer, and after the answer. The first note may come too
//! early, and be ended by a sweep that did not see the reservation yet; the second cannot.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::tracker::Tracker;
use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::Operation;
use crate::store::{Batch, Store};

/// How often the index is looked at: well within the second that expiry may take.
const SWEEP_INTERVAL: Duration = Duration::from_millis(400);

/// Orchestrators swept at a time.
const CLAIM_LIMIT: usize = 64;

/// Notes whose time has passed are dropped when there are more than this many.
const NOTES_KEPT: usize = 10_000;

/// A note that is due so soon may have been swept and ended already.
const NOTE_MARGIN_MS: u64 = 50;

type InstantsMs = RefCell<HashMap<OrchestratorId, u64>>;

/// The earliest expiry per orchestrator, as far as this process told the index.
#[derive(Default)]
pub(super) struct ExpiryNotes {
    told_ms: InstantsMs,
    untold_ms: InstantsMs,
    /// Noted before the reservation was made, if it was made at all.
    ahead_ms: InstantsMs,
    untold_ahead_ms: InstantsMs,
    claimed: InstantsMs,
}

impl ExpiryNotes {
    /// Makes every expiry be told anew: servers that take over may not know them.
    pub(super) fn forget_told(&self) {
        self.told_ms.borrow_mut().clear();
        self.ahead_ms.borrow_mut().clear();
    }
}

/// The index is looked at again soon: not worth a long wait.
fn index_deadline() -> Instant {
    Instant::now() + SWEEP_INTERVAL
}

impl Tracker {
    /// Called with every receipt.
    pub(super) fn note_expiries(self: &Rc<Self>, orchestrator: &OrchestratorId, next_expiry_ms: Option<u64>) {
        if let Some(claimed_score) = self.notes.claimed.borrow_mut().remove(orchestrator) {
            self.spawn_end_claim(orchestrator.clone(), claimed_score, next_expiry_ms);
        }
        let Some(expiry_ms) = next_expiry_ms else { return };
        // Only the very same instant is surely known: what was told of a reservation that has ended
        // since may have left the index, ended by a sweep of another process.
        let mut told_ms = self.notes.told_ms.borrow_mut();
        if told_ms.get(orchestrator) != Some(&expiry_ms) {
            told_ms.insert(orchestrator.clone(), expiry_ms);
            self.notes.untold_ms.borrow_mut().insert(orchestrator.clone(), expiry_ms);
        }
    }

    /// Called before a batch leaves: notes the expiry of what it asks to reserve in the same write.
    pub(super) fn note_ahead(self: &Rc<Self>, batch: &Batch) {
        let ttls_ms = batch.requests.iter().filter_map(|request| match &request.operation {
            Operation::Reserve { ttl_ms, .. } => Some(*ttl_ms),
            _ => None,
        });
        let Some(ttl_ms) = ttls_ms.min() else { return };
        let now_ms = self.store.now_ms();
        let expiry_ms = now_ms.saturating_add(ttl_ms);
        let is_known = |noted_ms: &InstantsMs| {
            let noted_ms = noted_ms.borrow();
            noted_ms
                .get(&batch.orchestrator)
                .is_some_and(|noted| *noted <= expiry_ms && *noted > now_ms + NOTE_MARGIN_MS)
        };
        if is_known(&self.notes.told_ms) || is_known(&self.notes.ahead_ms) {
            return;
        }
        self.notes.ahead_ms.borrow_mut().insert(batch.orchestrator.clone(), expiry_ms);
        let mut untold_ms = self.notes.untold_ahead_ms.borrow_mut();
        untold_ms.insert(batch.orchestrator.clone(), expiry_ms);
        if untold_ms.len() == 1 {
            // Runs after every batch of this turn has left: one note for all of them.
            let tracker = Rc::clone(self);
            tokio::task::spawn_local(async move {
                let untold: Vec<_> = tracker.notes.untold_ahead_ms.take().into_iter().collect();
                // The answer will be noted all the same.
                let _ = tracker.store.note_expiry(&untold, index_deadline()).await;
            });
        }
    }

    pub(super) async fn sweep_forever(self: Rc<Self>) {
        let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.link.is_connected() {
                self.tell_index().await;
                self.sweep_due().await;
            }
        }
    }

    async fn tell_index(&self) {
        let untold: Vec<_> = self.notes.untold_ms.take().into_iter().collect();
        if !untold.is_empty() && self.store.note_expiry(&untold, index_deadline()).await.is_err() {
            let mut untold_ms = self.notes.untold_ms.borrow_mut();
            for (orchestrator, expiry_ms) in untold {
                if untold_ms.len() >= NOTES_KEPT {
                    // The next receipt tells it again.
                    self.notes.told_ms.borrow_mut().remove(&orchestrator);
                } else {
                    untold_ms.entry(orchestrator).or_insert(expiry_ms);
                }
            }
        }
        for noted_ms in [&self.notes.told_ms, &self.notes.ahead_ms] {
            let mut noted_ms = noted_ms.borrow_mut();
            if noted_ms.len() > NOTES_KEPT {
                let now_ms = self.store.now_ms();
                noted_ms.retain(|_, expiry_ms| *expiry_ms > now_ms);
            }
        }
    }

    async fn sweep_due(self: &Rc<Self>) {
        let Ok(due) = self.store.claim_due(CLAIM_LIMIT, index_deadline()).await else { return };
        for (orchestrator, claimed_score) in due {
            self.notes.told_ms.borrow_mut().remove(&orchestrator);
            self.notes.ahead_ms.borrow_mut().remove(&orchestrator);
            self.notes.claimed.borrow_mut().insert(orchestrator.clone(), claimed_score);
            self.enqueue_internal(orchestrator, Operation::Sweep);
        }
    }

    fn spawn_end_claim(self: &Rc<Self>, orchestrator: OrchestratorId, claimed_score: u64, next_expiry_ms: Option<u64>) {
        let tracker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let deadline = index_deadline();
            // A claim that is not ended comes back to the index by itself.
            let _ = match next_expiry_ms {
                Some(expiry_ms) => tracker.store.postpone(&orchestrator, claimed_score, expiry_ms, deadline).await,
                None => tracker.store.retire(&orchestrator, claimed_score, deadline).await,
            };
        });
    }
}
