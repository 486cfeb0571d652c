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
//!
//! An orchestrator that holds nothing any more is noted, too. That alone does not take it out of the index, for
//! another process may be about to reserve: it has the orchestrator swept soon, and the sweep decides.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::spawn_local;
use tokio::time::MissedTickBehavior;

use super::tracker::Tracker;
use super::work::{Subject, Work};
use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::{Operation, Request};
use crate::store::{Batch, Store};

/// How often the index is looked at: well within the second that expiry may take.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);

/// The index is looked at again soon: not worth a longer wait.
const INDEX_PATIENCE: Duration = Duration::from_millis(500);

/// Orchestrators handed out at a time. A further page follows at once, when half of them are swept.
const CLAIM_PAGE: usize = 512;

/// Entries told in one call. Bounds how long one script keeps the server from others.
const NOTE_PAGE: usize = 1_000;

fn index_deadline() -> Instant {
    Instant::now() + INDEX_PATIENCE
}

impl Tracker {
    /// Called with every receipt, of a batch that was asked `at`.
    pub(super) fn note_expiries(
        self: &Rc<Self>,
        orchestrator: &OrchestratorId,
        requests: &[Request],
        next_expiry_ms: Option<u64>,
        at: Instant,
    ) {
        if self.notes.end_claim(orchestrator, next_expiry_ms, at) {
            self.spawn_end_claims();
        }
        let could_hold =
            |request: &Request| matches!(request.operation, Operation::Reserve { .. } | Operation::Settle { .. });
        self.notes.learn(orchestrator, next_expiry_ms, requests.iter().any(could_hold), at);
    }

    /// Called before a batch leaves: notes the expiry of what it asks to reserve in the same write.
    pub(super) fn note_ahead(self: &Rc<Self>, batch: &Batch) {
        let ttls_ms = batch.requests.iter().filter_map(|request| match &request.operation {
            Operation::Reserve { ttl_ms, .. } => Some(*ttl_ms),
            _ => None,
        });
        let Some(ttl_ms) = ttls_ms.min() else { return };
        let now_ms = self.store.now_ms();
        if self.notes.look_ahead(&batch.orchestrator, now_ms, now_ms.saturating_add(ttl_ms)) {
            // Runs after every batch of this turn has left: one note for all of them.
            let tracker = Rc::clone(self);
            spawn_local(async move {
                for page in tracker.notes.take_ahead().chunks(NOTE_PAGE) {
                    // The answer will be noted all the same.
                    let _ = tracker.store.note_expiries(page, index_deadline()).await;
                }
            });
        }
    }

    pub(super) async fn sweep_forever(self: Rc<Self>) {
        let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut more_are_due = false;
        loop {
            if !more_are_due {
                ticks.tick().await;
            }
            more_are_due = false;
            if self.link.is_connected() {
                self.tell_index().await;
                more_are_due = self.sweep_page().await;
            }
        }
    }

    async fn tell_index(&self) {
        self.notes.tidy(self.store.now_ms());
        let untold = self.notes.take_untold();
        let mut rest = untold.as_slice();
        while let Some(page) = rest.get(..rest.len().min(NOTE_PAGE)).filter(|page| !page.is_empty()) {
            if self.store.note_expiries(page, index_deadline()).await.is_err() {
                return self.notes.put_back(rest);
            }
            rest = &rest[page.len()..];
        }
    }

    /// Sweeps what is due, at most a page. Returns whether to go on at once: the page was full, and what
    /// was claimed is being swept, so that claims never pile up.
    async fn sweep_page(self: &Rc<Self>) -> bool {
        let Ok(due) = self.store.claim_due(CLAIM_PAGE, index_deadline()).await else { return false };
        let is_full = due.len() == CLAIM_PAGE;
        for (orchestrator, claimed_score) in due {
            self.notes.claim(&orchestrator, claimed_score);
            self.enqueue_internal(Subject::Budget(orchestrator), Work::Budget(Operation::Sweep));
        }
        is_full && tokio::time::timeout(INDEX_PATIENCE, self.half_a_page_is_swept()).await.is_ok()
    }

    async fn half_a_page_is_swept(&self) {
        while self.notes.claims() > CLAIM_PAGE / 2 {
            self.notes.claim_ended.notified().await;
        }
    }

    /// Ends the claims whose receipts came in the same turn.
    fn spawn_end_claims(self: &Rc<Self>) {
        let tracker = Rc::clone(self);
        spawn_local(async move {
            for page in tracker.notes.take_ended().chunks(NOTE_PAGE) {
                // A claim that is not ended comes back to the index by itself.
                let _ = tracker.store.end_claims(page, index_deadline()).await;
            }
        });
    }
}
