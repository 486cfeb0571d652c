//! What is assumed of a quota after its reset, until numbers tell more.
//!
//! With the reset the numbers of a window are over, but the limit is not: were the quota unknown, everything that
//! waited for the reset would go out at once. So it is taken as whole again, and counted down by each pick.

use serde::{Deserialize, Serialize};

use super::account::ResourceState;
use crate::domain::tokens::add;

/// How long an assumption holds. Short, for windows of a minute are the shortest that providers tell of.
const WINDOW_MS: u64 = 60_000;

/// An assumed window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Assumed {
    /// The first pick in it; 0 when the quota is not assumed.
    pub since_ms: u64,
    /// Reports since then.
    pub reports: u64,
}

impl Assumed {
    /// Whether a request that left then tells of this window.
    pub fn is_told_by(&self, left_at_ms: u64) -> bool {
        self.since_ms > 0 && left_at_ms >= self.since_ms
    }
}

impl ResourceState {
    /// Whether a pick would begin a window: the last one is over, and the limit is known.
    fn is_to_be_assumed(&self, now_ms: u64) -> bool {
        now_ms >= self.quota.resets_at_ms && self.quota.limit > 0 && now_ms < self.ends_at_ms
    }

    /// When a window that a pick would begin leaves more than `held_back`: `now_ms` when it does now, or none would
    /// begin. A limit that is no more than that leaves nothing for as long as it is known.
    pub fn window_free_at_ms(&self, held_back: u64, now_ms: u64) -> u64 {
        if !self.is_to_be_assumed(now_ms) {
            return now_ms;
        }
        match self.quota.limit.saturating_sub(held_back) {
            0 => self.ends_at_ms,
            room => self.under_way.fewer_at_ms(room, now_ms),
        }
    }

    /// Before a pick: a window that is over begins anew, where the limit is known. Requests under way may be
    /// served in it.
    pub fn begin_window(&mut self, now_ms: u64) {
        if !self.is_to_be_assumed(now_ms) {
            return;
        }
        self.quota.assume(self.under_way.total(now_ms), add(now_ms, WINDOW_MS), now_ms);
        self.assumed = Assumed { since_ms: now_ms, reports: 0 };
    }
}
