//! What is known of one account, resource by resource.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::assumed::Assumed;
use super::pause::{Pause, share};
use super::under_way::UnderWay;
use super::{RESOURCES_MAX, UNUSED_TTL_MS};
use crate::domain::credentials::operation::{Policy, Reserve, Resource};
use crate::domain::quota::QuotaState;
use crate::domain::tokens::add;

/// What tokens of one user share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct AccountState {
    /// After secondary limits, which speak of the whole account.
    pub pause: Pause,
    pub resources: BTreeMap<Resource, ResourceState>,
    /// Not needed any more from then on.
    pub ends_at_ms: u64,
}

/// One quota of an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ResourceState {
    pub quota: QuotaState,
    pub pause: Pause,
    pub under_way: UnderWay,
    pub assumed: Assumed,
    /// When it was last told how a request went.
    pub reported_at_ms: u64,
    pub ends_at_ms: u64,
    /// When the reset was moved by numbers that did not count as seen. 0: never.
    #[serde(default)]
    pub reset_set_at_ms: u64,
}

impl AccountState {
    /// When a request for the resource can be sent, no pause and no spent quota being in the way: `now_ms` when
    /// it can be sent now.
    pub fn free_at_ms(&self, resource: &str, reserve: Reserve, now_ms: u64) -> u64 {
        let account_ms = now_ms.max(self.pause.until_ms);
        self.resources.get(resource).map_or(account_ms, |state| state.free_at_ms(reserve, account_ms, now_ms))
    }

    /// Changes a resource. One too many is changed and forgotten.
    pub fn change<T>(
        &mut self,
        resource: &str,
        now_ms: u64,
        change: impl FnOnce(&mut Pause, &mut ResourceState) -> T,
    ) -> T {
        if !self.resources.contains_key(resource) {
            self.make_place(resource, now_ms);
        }
        let mut further = ResourceState::default();
        let state = self.resources.get_mut(resource).unwrap_or(&mut further);
        if state.ends_at_ms <= now_ms {
            *state = ResourceState::default();
        }
        let answer = change(&mut self.pause, state);
        state.prolong(now_ms);
        self.ends_at_ms = self.ends_at_ms.max(state.ends_at_ms).max(add(self.pause.until_ms, UNUSED_TTL_MS));
        answer
    }

    /// Makes a place for a resource that has none, where there is room.
    fn make_place(&mut self, resource: &str, now_ms: u64) {
        if self.resources.len() >= RESOURCES_MAX {
            self.forget(now_ms);
        }
        if self.resources.len() < RESOURCES_MAX {
            self.resources.insert(resource.into(), ResourceState::default());
        }
    }

    /// Forgets the resources whose life is over.
    pub fn forget(&mut self, now_ms: u64) {
        self.resources.retain(|_, state| state.ends_at_ms > now_ms);
    }
}

impl ResourceState {
    fn free_at_ms(&self, reserve: Reserve, account_ms: u64, now_ms: u64) -> u64 {
        let (rested_ms, held_back) = (account_ms.max(self.pause.until_ms), self.held_back(reserve));
        match self.quota.left(now_ms) {
            Some(left) if left <= held_back => rested_ms.max(self.quota.resets_at_ms),
            Some(_) => rested_ms,
            None => rested_ms.max(self.window_free_at_ms(held_back, now_ms)),
        }
    }

    /// By which clock the reset was told.
    pub fn reset_told_at_ms(&self) -> u64 {
        self.quota.seen_at_ms.max(self.reset_set_at_ms)
    }

    /// Requests of the quota that are not taken.
    fn held_back(&self, reserve: Reserve) -> u64 {
        match reserve {
            Reserve::Requests(requests) => requests,
            Reserve::SharePpm(ppm) => share(self.quota.limit, ppm.min(1_000_000), 1_000_000),
        }
    }

    /// Requests that may be sent before the reserve is touched, and when that number is over; `None` and 0 when
    /// nothing is known.
    pub fn left(&self, policy: &Policy, now_ms: u64) -> (Option<u64>, u64) {
        match self.quota.left(now_ms) {
            Some(left) => (Some(left.saturating_sub(self.held_back(policy.reserve))), self.quota.resets_at_ms),
            None => (None, 0),
        }
    }

    pub fn prolong(&mut self, now_ms: u64) {
        let ends = [now_ms, self.pause.until_ms, self.quota.resets_at_ms, self.under_way.last_end_ms()];
        let last_ms = ends.into_iter().max().unwrap_or(now_ms);
        self.ends_at_ms = self.ends_at_ms.max(add(last_ms, UNUSED_TTL_MS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_large_limit_is_exact() {
        let mut state = ResourceState::default();
        state.quota.limit = crate::domain::tokens::MAX_TOKENS;
        for ppm in [0, 1, 10_000, 333_333, 999_999, 1_000_000] {
            let exact = u128::from(state.quota.limit) * u128::from(ppm) / 1_000_000;
            assert_eq!(u128::from(state.held_back(Reserve::SharePpm(ppm))), exact);
        }
        assert_eq!(state.held_back(Reserve::SharePpm(2_000_000)), state.quota.limit);
        assert_eq!(ResourceState::default().held_back(Reserve::SharePpm(10_000)), 0);
    }
}
