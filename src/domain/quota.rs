//! What a provider says is left, kept true while answers arrive in any order.
//!
//! A provider tells with each response how much of a quota remains and when it resets. Responses overtake
//! each other, and calls that are under way are not in the numbers yet. So what is left here falls by every
//! admission at once, and rises only by a response to a request that was *sent after* the last number was
//! seen: that one is surely newer. Any other can only lower it.

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

    /// Takes a reading in. `under_way`: amounts of other calls that were admitted and not settled, which the
    /// reading may not contain yet.
    ///
    /// ```
    /// use token_budget::domain::quota::{Quota, Reading};
    ///
    /// let mut quota = Quota::default();
    /// let reading = |remaining, sent_at_ms| Reading { limit: Some(100), remaining, resets_at_ms: 60_000, sent_at_ms };
    /// quota.learn(reading(50, 0), 0, 10);
    /// // The answer to a request that left at the same time arrives late.
    /// quota.learn(reading(55, 0), 0, 20);
    /// assert_eq!(quota.left(20), Some(50));
    /// // One that left afterwards is newer.
    /// quota.learn(reading(55, 15), 0, 30);
    /// assert_eq!(quota.left(30), Some(55));
    /// assert_eq!(quota.left(60_000), None);
    /// ```
    ///
    /// Returns whether the reading is newer than what was known.
    pub fn learn(&mut self, reading: Reading, under_way: u64, now_ms: u64) -> bool {
        if reading.resets_at_ms <= now_ms {
            return false;
        }
        if let Some(limit) = reading.limit {
            self.limit = limit.min(MAX_TOKENS);
        }
        let told = reading.remaining.min(MAX_TOKENS).saturating_sub(under_way);
        let is_newer = now_ms >= self.resets_at_ms || reading.sent_at_ms >= self.seen_at_ms;
        if is_newer || told < self.left {
            self.left = told;
            self.resets_at_ms =
                if is_newer { reading.resets_at_ms } else { self.resets_at_ms.max(reading.resets_at_ms) };
            self.seen_at_ms = now_ms;
        }
        is_newer
    }

    /// Something was admitted.
    pub fn take(&mut self, amount: u64) {
        self.left = self.left.saturating_sub(amount);
    }

    /// Something that was admitted at `admitted_at_ms` turned out smaller. What was admitted before the last
    /// reading is in that reading.
    pub fn give_back(&mut self, amount: u64, admitted_at_ms: u64) {
        if admitted_at_ms >= self.seen_at_ms {
            self.left = (self.left + amount).min(MAX_TOKENS);
        }
    }
}
