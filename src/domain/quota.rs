//! What a provider says is left, kept true while answers arrive in any order.
//!
//! A provider tells with each response how much of a quota remains and when it resets. Responses overtake each other,
//! and calls that are under way are not in the numbers yet. Whatever their order: within one window the provider only
//! counts down, so the lowest number it told contains every call that was answered with a number, and what is left is
//! that number less all that it may not contain, which are the calls without an answer, or with one that told nothing.
//!
//! A response to a request that was *sent after* the last number was seen is surely newer: it takes the place of all
//! that was told. Any other can only lower it.

use serde::{Deserialize, Serialize};

use super::tokens::MAX_TOKENS;

/// What one response says about one quota. Instants are the store's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// The whole quota, where it was told.
    pub limit: Option<u64>,
    pub remaining: u64,
    /// When the quota is whole again, at the latest.
    pub resets_at_ms: u64,
    /// When the request left that the response answers.
    pub sent_at_ms: u64,
}

impl Reading {
    /// Makes instants of durations. A client knows how long ago it asked and in how long the quota resets;
    /// until the store's clock is known, `sent_at_ms` and `resets_at_ms` hold that. Whoever does not know when it
    /// asked says [`MAX_TOKENS`], which becomes 0.
    pub fn date(&mut self, now_ms: u64) {
        self.sent_at_ms = now_ms.saturating_sub(self.sent_at_ms);
        self.resets_at_ms = now_ms.saturating_add(self.resets_at_ms).min(MAX_TOKENS);
    }
}

/// What is known of one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// The whole, 0 when it was never told.
    pub limit: u64,
    /// What may still be taken before [`Quota::resets_at_ms`]; means nothing after it.
    pub left: u64,
    /// 0 before the first reading.
    pub resets_at_ms: u64,
    /// When the reading that `left` goes back to was taken in.
    pub seen_at_ms: u64,
}

impl Quota {
    /// What may still be taken now; `None` when nothing is known of this moment.
    pub fn left(&self, now_ms: u64) -> Option<u64> {
        (now_ms < self.resets_at_ms).then_some(self.left)
    }
}

/// What a store remembers of one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QuotaState {
    pub limit: u64,
    /// The lowest number that was told since a newer one took the place of all before.
    told: u64,
    /// What was taken and may not be in that number.
    untold: u64,
    pub resets_at_ms: u64,
    /// When the reading that `told` goes back to was taken in.
    pub seen_at_ms: u64,
}

impl QuotaState {
    /// What there is to see of it.
    pub fn quota(&self) -> Quota {
        let Self { limit, resets_at_ms, seen_at_ms, .. } = *self;
        Quota { limit, left: self.told.saturating_sub(self.untold), resets_at_ms, seen_at_ms }
    }

    /// See [`Quota::left`].
    pub fn left(&self, now_ms: u64) -> Option<u64> {
        self.quota().left(now_ms)
    }

    /// It is taken as whole until then, less what is under way. The next reading is newer.
    pub fn assume(&mut self, under_way: u64, resets_at_ms: u64, now_ms: u64) {
        // As if it had been seen just before: all that is taken from now on is newer.
        let seen_at_ms = now_ms.saturating_sub(1);
        *self = Self { limit: self.limit, told: self.limit, untold: under_way, resets_at_ms, seen_at_ms };
    }

    /// Takes a reading in. `under_way`: amounts of other calls that were admitted and not settled, which the reading may
    /// not contain yet. `own`: what the call that it answers has taken, and is in it.
    ///
    /// ```
    /// use token_budget::domain::quota::{QuotaState, Reading};
    ///
    /// let mut quota = QuotaState::default();
    /// let reading = |remaining, sent_at_ms| Reading { limit: Some(100), remaining, resets_at_ms: 60_000, sent_at_ms };
    /// quota.learn(reading(50, 0), 0, 0, 10);
    /// // Three calls leave; their answers come in another order than they were counted in.
    /// (0..3).for_each(|_| quota.take(1));
    /// quota.learn(reading(47, 10), 2, 1, 20);
    /// assert_eq!(quota.left(20), Some(45));
    /// quota.learn(reading(49, 0), 1, 1, 20);
    /// quota.learn(reading(48, 0), 0, 1, 20);
    /// assert_eq!(quota.left(20), Some(47));
    /// // One that left afterwards is newer.
    /// quota.learn(reading(55, 25), 0, 0, 30);
    /// assert_eq!(quota.left(30), Some(55));
    /// assert_eq!(quota.left(60_000), None);
    /// ```
    ///
    /// Returns whether the reading is newer than what was known.
    pub fn learn(&mut self, reading: Reading, under_way: u64, own: u64, now_ms: u64) -> bool {
        if reading.resets_at_ms <= now_ms {
            return false;
        }
        if let Some(limit) = reading.limit {
            self.limit = limit.min(MAX_TOKENS);
        }
        let told = reading.remaining.min(MAX_TOKENS);
        if now_ms >= self.resets_at_ms || reading.sent_at_ms >= self.seen_at_ms {
            let limit = self.limit;
            *self = Self { limit, told, untold: under_way, resets_at_ms: reading.resets_at_ms, seen_at_ms: now_ms };
            return true;
        }
        self.untold = self.untold.saturating_sub(own);
        if told < self.told {
            self.told = told;
            self.resets_at_ms = self.resets_at_ms.max(reading.resets_at_ms);
            self.seen_at_ms = now_ms;
        }
        false
    }

    /// Something was admitted, or what was turned out larger. Before the first reading there is nothing to take from.
    pub fn take(&mut self, amount: u64) {
        if self.resets_at_ms > 0 {
            self.untold = (self.untold + amount).min(MAX_TOKENS);
        }
    }

    /// Something that was admitted, and is in no number yet, turned out smaller.
    pub fn give_back(&mut self, amount: u64) {
        self.untold = self.untold.saturating_sub(amount);
    }
}
