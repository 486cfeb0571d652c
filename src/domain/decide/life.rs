//! How long state is kept, and forgetting it when its life is over.
//!
//! No decision depends on when this happens; it only bounds memory.

use super::{Context, OrchestratorState};
use crate::domain::calendar::Window;
use crate::domain::usage::Parts;

/// Old entries each writing call forgets: more than it can add, so that what is old shrinks.
const TIDY_PER_CALL: usize = 4;

/// Lives that come from the policy, as of the last writing batch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lives {
    idempotency_ttl_ms: u64,
    late_settle_ttl_ms: u64,
}

/// How many entries are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    pub orchestrators: usize,
    pub open_reservations: usize,
    pub expired_reservations: usize,
    pub request_ids: usize,
    pub overrides: usize,
    pub history_records: usize,
}

impl std::ops::AddAssign for Footprint {
    fn add_assign(&mut self, other: Self) {
        self.orchestrators += other.orchestrators;
        self.open_reservations += other.open_reservations;
        self.expired_reservations += other.expired_reservations;
        self.request_ids += other.request_ids;
        self.overrides += other.overrides;
        self.history_records += other.history_records;
    }
}

impl OrchestratorState {
    /// Forgets a few entries whose life is over.
    pub(super) fn tidy(&mut self, context: &Context<'_>) {
        self.lives = Lives {
            idempotency_ttl_ms: context.policy.idempotency_ttl_ms,
            late_settle_ttl_ms: context.policy.late_settle_ttl_ms,
        };
        self.forget(context.now_ms, TIDY_PER_CALL);
    }

    /// Forgets what nobody asked for since its life ended, at most `count` entries of a kind.
    pub fn review(&mut self, now_ms: u64, count: usize) {
        for section in &mut self.sections {
            if section.window.end_ms <= now_ms && !section.is_blank() {
                section.restart(Window::default());
            }
        }
        self.forget(now_ms, count);
    }

    /// When [`Self::review`] will find something to forget; `None` when only limits set at run
    /// time are left, which live for ever. An instant that has passed means: now.
    pub fn next_review_ms(&self) -> Option<u64> {
        let windows = self.sections.iter().filter(|section| !section.is_blank());
        let expired_ms = self.expired.last_expiry_ms();
        let seen_ms = self.requests.last_seen_ms();
        let ends = [
            self.open.last_expiry_ms(),
            expired_ms.map(|at_ms| at_ms.saturating_add(self.lives.late_settle_ttl_ms)),
            seen_ms.map(|at_ms| at_ms.saturating_add(self.lives.idempotency_ttl_ms)),
            self.overrides.last_expiry_ms(),
        ];
        let soonest_ms = windows.map(|section| section.window.end_ms).chain(ends.into_iter().flatten()).min();
        match (soonest_ms, self.limits) {
            (None, None) => Some(0),
            (soonest_ms, _) => soonest_ms,
        }
    }

    /// Whether it could as well not exist: a new state answers everything the same.
    pub fn is_blank(&self) -> bool {
        self.limits.is_none()
            && self.open.len() + self.expired.len() + self.requests.len() + self.overrides.len() == 0
            && self.sections.iter().all(super::state::Section::is_blank)
    }

    pub fn footprint(&self) -> Footprint {
        Footprint {
            orchestrators: 1,
            open_reservations: self.open.len(),
            expired_reservations: self.expired.len(),
            request_ids: self.requests.len(),
            overrides: self.overrides.len(),
            history_records: self.sections.iter().map(|section| section.history.len()).sum(),
        }
    }

    fn forget(&mut self, now_ms: u64, count: usize) {
        self.requests.forget(now_ms, self.lives.idempotency_ttl_ms, count);
        self.overrides.forget_expired(now_ms);
        let settled_until_ms = now_ms.checked_sub(self.lives.late_settle_ttl_ms);
        for _ in 0..count {
            if settled_until_ms.and_then(|until_ms| self.expired.pop_due(until_ms)).is_none() {
                break;
            }
        }
    }
}

impl super::state::Section {
    /// Whether nothing was recorded in its window.
    pub(super) fn is_blank(&self) -> bool {
        self.used == 0
            && self.level == 0.0
            && self.parts == Parts::default()
            && self.history.is_empty()
    }
}
