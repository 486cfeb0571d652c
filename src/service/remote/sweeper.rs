//! Gives expired reservations back when nobody calls.
//!
//! A script gives back what has expired whenever it touches an orchestrator, so that no decision
//! ever sees a stale reservation. For orchestrators that nobody touches, perhaps because the process that
//! reserved was killed, an index of the earliest expiries is kept in the store; every tracker looks
//! into it a few times a second, and one of them sweeps.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::tracker::Tracker;
use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::Operation;
use crate::store::Store;

/// How often the index is looked at: well within the second that expiry may take.
const SWEEP_INTERVAL: Duration = Duration::from_millis(400);

/// Orchestrators swept at a time.
const CLAIM_LIMIT: usize = 64;

/// Notes whose time has passed are dropped when there are more than this many.
const NOTES_KEPT: usize = 10_000;

/// The earliest expiry per orchestrator, as far as this process told the index.
#[derive(Default)]
pub(super) struct ExpiryNotes {
    told_ms: RefCell<HashMap<OrchestratorId, u64>>,
    untold_ms: RefCell<HashMap<OrchestratorId, u64>>,
    claimed: RefCell<HashMap<OrchestratorId, u64>>,
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
        let mut told_ms = self.notes.told_ms.borrow_mut();
        let known = told_ms.get(orchestrator).is_some_and(|told| *told <= expiry_ms && *told > self.store.now_ms());
        if !known {
            told_ms.insert(orchestrator.clone(), expiry_ms);
            self.notes.untold_ms.borrow_mut().insert(orchestrator.clone(), expiry_ms);
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
            // Not told: forget that it was, so that the next receipt tells it again.
            let mut told_ms = self.notes.told_ms.borrow_mut();
            for (orchestrator, _) in &untold {
                told_ms.remove(orchestrator);
            }
        }
        let mut told_ms = self.notes.told_ms.borrow_mut();
        if told_ms.len() > NOTES_KEPT {
            let now_ms = self.store.now_ms();
            told_ms.retain(|_, expiry_ms| *expiry_ms > now_ms);
        }
    }

    async fn sweep_due(self: &Rc<Self>) {
        let Ok(due) = self.store.claim_due(CLAIM_LIMIT, index_deadline()).await else { return };
        for (orchestrator, claimed_score) in due {
            self.notes.told_ms.borrow_mut().remove(&orchestrator);
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
