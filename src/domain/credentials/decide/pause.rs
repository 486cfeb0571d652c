//! Rests after limits that were hit.

use serde::{Deserialize, Serialize};

use super::DAY_MS;
use crate::domain::credentials::operation::Policy;
use crate::domain::tokens::{MAX_TOKENS, add};

/// Hits in a row that are told apart; further ones pause as long.
const HITS_MAX: u32 = 30;

/// An account rests so long at least after a secondary limit that names no time: GitHub asks for a minute.
pub(super) const SECONDARY_MIN_MS: u64 = 60_000;

/// Until when something rests, and how often in a row it had to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Pause {
    pub until_ms: u64,
    hits: u32,
    /// When the last of these hits was told; others of its burst do not count.
    pub last_hit_ms: u64,
    /// When `until_ms` was set: not every rest goes back to a hit. 0 in states of earlier versions.
    #[serde(default)]
    set_at_ms: u64,
}

impl Pause {
    /// A limit was hit by a request picked at `picked_at_ms`. What was sent before the last hit was known belongs
    /// to the same burst and is no further reason; of one that nothing was picked for (0) only the rest that is
    /// still going on tells.
    pub fn hit(&mut self, picked_at_ms: u64, now_ms: u64) {
        let is_same_burst = match picked_at_ms {
            0 => now_ms < self.until_ms,
            _ => picked_at_ms <= self.last_hit_ms,
        };
        if self.hits == 0 || !is_same_burst {
            self.hits = (self.hits + 1).min(HITS_MAX);
            self.last_hit_ms = now_ms;
        }
    }

    /// A request went well. One that was picked before the last hit says nothing about what came after.
    pub fn served(&mut self, picked_at_ms: u64) {
        if picked_at_ms > self.last_hit_ms {
            self.hits = 0;
        }
    }

    /// Rests until an instant that the provider told, which is believed for a day and the longest cooldown.
    pub fn rest_as_told(&mut self, until_ms: u64, policy: &Policy, now_ms: u64) {
        let latest_ms = add(add(now_ms, DAY_MS), policy.cooldown_max_ms);
        self.rest_until(until_ms.min(latest_ms), now_ms);
    }

    /// Rests as long as the hits in a row suggest, but at least for one cooldown and for `least_ms`, and never longer
    /// than the longest cooldown. Chance lengthens the first rest by a tenth at most, and shortens those that doubled
    /// by half at most.
    pub fn rest(&mut self, jitter: u64, least_ms: u64, policy: &Policy, now_ms: u64) {
        let doubled_ms = u128::from(policy.cooldown_ms) << self.hits.saturating_sub(1);
        let cooldown_ms = doubled_ms.min(policy.cooldown_max_ms.min(MAX_TOKENS).into()) as u64;
        let jitter = jitter.min(1_000);
        let spread_ms = match self.hits {
            0 | 1 => add(cooldown_ms, share(cooldown_ms, jitter, 10_000)),
            _ => cooldown_ms - share(cooldown_ms, jitter, 2_000),
        };
        let pause_ms = spread_ms.max(policy.cooldown_ms).max(least_ms).min(policy.cooldown_max_ms);
        self.rest_until(add(now_ms, pause_ms), now_ms);
    }

    /// A rest is never shortened.
    fn rest_until(&mut self, until_ms: u64, now_ms: u64) {
        if until_ms > self.until_ms {
            self.until_ms = until_ms;
            self.set_at_ms = now_ms;
        }
    }

    /// By which clock the rest was told. States of earlier versions only know their last hit.
    pub fn told_at_ms(&self) -> u64 {
        if self.set_at_ms > 0 { self.set_at_ms } else { self.last_hit_ms }
    }

    /// The clock went back to `now_ms`, and the rest comes to lie at `until_ms`.
    pub fn move_back(&mut self, until_ms: u64, now_ms: u64) {
        self.set_at_ms = self.told_at_ms().min(now_ms);
        self.until_ms = until_ms;
        self.last_hit_ms = self.last_hit_ms.min(now_ms);
    }
}

/// `amount * numerator / denominator`, rounded down, in steps that stay exact for a double: the numerator is at
/// most the denominator, which is small.
pub(super) fn share(amount: u64, numerator: u64, denominator: u64) -> u64 {
    amount / denominator * numerator + amount % denominator * numerator / denominator
}
