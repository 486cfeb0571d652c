//! Expiry in time, and forgetting what nobody asks for any more.

use super::{MemoryStore, Slot};
use crate::domain::decide::Footprint;
use crate::domain::identifier::OrchestratorId;
use crate::domain::reservation::ExpiredReservation;
use crate::store::disk::asked::budgets::{Asked, Entry};

/// Orchestrators swept in one call, so that nobody waits long when very many expire at once.
const SWEEPS_PER_CALL: usize = 1_000;
/// Orchestrators each writing call reviews: more than it can create.
const REVIEWS_PER_CALL: usize = 2;
/// Entries of a kind forgotten in one review, so that no call waits long. What is left is
/// reviewed by the next.
const FORGET_PER_REVIEW: usize = 1_000;

impl MemoryStore {
    /// When to call [`Self::sweep_due`] next: not later than the next expiry of a reservation in
    /// the whole store. `None` when no sweep is needed.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        Some(self.expiries.soonest_ms()).filter(|at_ms| *at_ms != u64::MAX)
    }

    /// Gives back what expired in any orchestrator. Each reservation is told once. Sweeps a bounded
    /// number of orchestrators; [`Self::next_expiry_ms`] tells whether to sweep again at once.
    pub fn sweep_due(&self, now_ms: u64) -> Vec<ExpiredReservation> {
        let mut expired = Vec::new();
        for orchestrator in self.expiries.take_due(now_ms, SWEEPS_PER_CALL) {
            let Some(mut slot) = self.slots.get_mut(&orchestrator) else { continue };
            if slot.sweep_at_ms <= now_ms {
                slot.sweep_at_ms = u64::MAX;
            }
            let found = slot.state.sweep(&orchestrator, now_ms);
            if !found.is_empty() {
                self.note(&orchestrator, now_ms, Asked::Sweep);
            }
            expired.extend(found);
            self.list(&orchestrator, &mut slot);
        }
        self.review_some(now_ms);
        expired
    }

    /// How many entries are kept. Visits every orchestrator.
    pub fn footprint(&self) -> Footprint {
        self.slots.iter().fold(Footprint::default(), |mut sum, slot| {
            sum += slot.state.footprint();
            sum
        })
    }

    /// Writes down what the store did by itself. The lock of the state is held.
    fn note(&self, orchestrator: &OrchestratorId, now_ms: u64, asked: Asked<'_>) {
        if let Some(journal) = &self.journal {
            journal.append(orchestrator, &Entry::unruled(now_ms, asked));
        }
    }

    /// Puts an orchestrator into the schedules, not later than it needs to be there. Later than
    /// needed never happens; sooner is corrected when its turn comes.
    pub(super) fn list(&self, orchestrator: &OrchestratorId, slot: &mut Slot) {
        let sweep_at_ms = slot.state.next_expiry_ms().unwrap_or(u64::MAX);
        if sweep_at_ms < slot.sweep_at_ms {
            self.expiries.relist(orchestrator, slot.sweep_at_ms, sweep_at_ms);
            slot.sweep_at_ms = sweep_at_ms;
        }
        let review_at_ms = slot.state.next_review_ms().unwrap_or(u64::MAX);
        if review_at_ms < slot.review_at_ms {
            self.reviews.relist(orchestrator, slot.review_at_ms, review_at_ms);
            slot.review_at_ms = review_at_ms;
        }
    }

    /// Reviews a few orchestrators whose turn has come, and removes those that are blank.
    pub(super) fn review_some(&self, now_ms: u64) {
        for orchestrator in self.reviews.take_due(now_ms, REVIEWS_PER_CALL) {
            if let Some(mut slot) = self.slots.get_mut(&orchestrator) {
                if slot.review_at_ms <= now_ms {
                    slot.review_at_ms = u64::MAX;
                }
                let has_more = slot.state.review(now_ms, FORGET_PER_REVIEW);
                self.note(&orchestrator, now_ms, Asked::Review(FORGET_PER_REVIEW));
                if has_more {
                    self.reviews.relist(&orchestrator, slot.review_at_ms, now_ms);
                    slot.review_at_ms = now_ms;
                    continue;
                }
                if !slot.state.is_blank() {
                    self.list(&orchestrator, &mut slot);
                    continue;
                }
            }
            self.remove_blank(&orchestrator, now_ms);
        }
    }

    fn remove_blank(&self, orchestrator: &OrchestratorId, now_ms: u64) {
        let removed = self.slots.remove_if(orchestrator, |_, slot| {
            let is_blank = slot.state.is_blank();
            if is_blank {
                self.note(orchestrator, now_ms, Asked::Forget);
            }
            is_blank
        });
        if let Some((_, slot)) = removed {
            self.expiries.relist(orchestrator, slot.sweep_at_ms, u64::MAX);
            self.reviews.relist(orchestrator, slot.review_at_ms, u64::MAX);
        }
    }
}
