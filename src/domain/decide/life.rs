//! How long state is kept, and forgetting it when its life is over.
//!
//! No decision depends on when this happens; it only bounds memory.

use serde::{Deserialize, Serialize};

use super::holds::Hold;
use super::{Context, OrchestratorState};
use crate::domain::calendar::Window;
use crate::domain::usage::Parts;

/// Old entries forgotten for each that a batch can add, so that what is old shrinks.
const TIDY_PER_REQUEST: usize = 4;

/// Lives that come from the policy: the longest that any writing batch asked for, so that what one tracker
/// wants to be remembered is not forgotten by another's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lives {
    idempotency_ttl_ms: u64,
    late_settle_ttl_ms: u64,
}

impl Lives {
    /// Whether an expired reservation is still remembered.
    pub fn settles_late(&self, hold: &Hold, now_ms: u64) -> bool {
        hold.expires_at_ms.saturating_add(self.late_settle_ttl_ms) > now_ms
    }
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
    pub(super) fn tidy(&mut self, context: &Context<'_>, request_count: usize) {
        self.lives = Lives {
            idempotency_ttl_ms: self.lives.idempotency_ttl_ms.max(context.policy.idempotency_ttl_ms),
            late_settle_ttl_ms: self.lives.late_settle_ttl_ms.max(context.policy.late_settle_ttl_ms),
        };
        self.forget(context.now_ms, TIDY_PER_REQUEST * request_count);
    }

    /// Forgets what nobody asked for since its life ended, at most `count` entries of a kind.
    /// Returns whether more is left to forget.
    pub fn review(&mut self, now_ms: u64, count: usize) -> bool {
        for section in &mut self.sections {
            if section.window.end_ms <= now_ms && !section.is_blank() {
                section.restart(Window::default());
            }
        }
        self.trim_history();
        self.forget(now_ms, count)
    }

    /// When [`Self::review`] will find something to forget; an instant that has passed means now.
    /// `None` when only that is left which lives for ever (limits set at run time) or ends in
    /// another way (open reservations).
    pub fn next_review_ms(&self) -> Option<u64> {
        let after = |at_ms: Option<u64>, ttl_ms| at_ms.map(|at_ms: u64| at_ms.saturating_add(ttl_ms));
        let ends = [
            after(self.expired.last_expiry_ms(), self.lives.late_settle_ttl_ms),
            after(self.requests.last_seen_ms(), self.lives.idempotency_ttl_ms),
            self.overrides.last_expiry_ms(),
            self.pause.as_ref().and_then(|pause| pause.until_ms),
        ];
        let windows = self.sections.iter().filter(|section| !section.is_blank());
        let window_ends = windows.map(|section| section.window.end_ms);
        let soonest_ms = window_ends.chain(ends.into_iter().flatten()).min();
        soonest_ms.or_else(|| self.is_blank().then_some(0))
    }

    /// Whether it could as well not exist: a new state answers everything the same.
    pub fn is_blank(&self) -> bool {
        self.limits.is_none()
            && self.pause.is_none()
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

    fn forget(&mut self, now_ms: u64, count: usize) -> bool {
        self.overrides.forget_expired(now_ms);
        self.pause.take_if(|pause| pause.is_over(now_ms));
        let has_more_requests = self.requests.forget(now_ms, self.lives.idempotency_ttl_ms, count);
        let Some(until_ms) = now_ms.checked_sub(self.lives.late_settle_ttl_ms) else {
            return has_more_requests;
        };
        let forgotten = (0..count).map_while(|_| self.expired.pop_due(until_ms)).count();
        has_more_requests || forgotten == count && self.expired.has_due(until_ms)
    }
}

impl super::state::Section {
    /// Whether nothing was recorded in its window.
    pub(super) fn is_blank(&self) -> bool {
        let cost = &self.cost;
        self.used == 0
            && self.level == 0.0
            && cost.used == 0
            && cost.level == 0.0
            && self.parts == Parts::default()
            && self.history.is_empty()
    }
}
