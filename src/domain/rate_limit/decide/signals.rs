//! What responses say: pauses after hits, what is left.

use super::PAUSE_MAX_MS;
use super::state::{LimiterState, Moment};
use crate::domain::quota::Reading;
use crate::domain::rate_limit::operation::{Hit, Signals};
use crate::domain::rate_limit::terms::Policy;

/// Doublings stop here.
pub(super) const HITS_MAX: u64 = 30;

impl LimiterState {
    /// Takes in what the response to a request says that left at `sent_at_ms`.
    pub(super) fn observe(&mut self, moment: &Moment<'_>, signals: &Signals, sent_at_ms: u64) {
        match &signals.hit {
            Some(hit) => self.hit(moment, hit, sent_at_ms),
            None if signals.is_success && sent_at_ms > self.last_hit_ms => {
                self.hits = 0;
                self.half_open = false;
                self.probe = None;
            }
            None => {}
        }
        // A call that was settled meanwhile is under way no more, and may not be in these numbers yet: they are new
        // only when their request left after it. A millisecond has room for many: one that left in the very same
        // is not taken for newer.
        let is_latest = sent_at_ms > self.settled_at_ms;
        let sent_at_ms = if is_latest { sent_at_ms.saturating_sub(1) } else { 0 };
        for (unit, reading) in &signals.readings {
            let reading = Reading { sent_at_ms, ..*reading };
            self.quotas[unit.index()].learn(reading, self.under_way.of(*unit), moment.now_ms);
        }
    }

    /// Pauses, twice as long as after the hit before. Hits of one burst count as one.
    fn hit(&mut self, moment: &Moment<'_>, hit: &Hit, sent_at_ms: u64) {
        let now_ms = moment.now_ms;
        let is_same_burst = now_ms < self.paused_until_ms && sent_at_ms <= self.last_hit_ms;
        if !is_same_burst {
            self.hits = (self.hits + 1).min(HITS_MAX);
            self.half_open = true;
            self.last_hit_ms = now_ms;
        } else if hit.retry_after_ms.is_none() {
            return;
        }
        let pause_ms = pause_ms(moment.policy, hit, self.hits);
        self.paused_until_ms = self.paused_until_ms.max(now_ms + pause_ms);
    }

    /// Admits nothing for so long; 0 ends every pause.
    pub(super) fn pause(&mut self, moment: &Moment<'_>, for_ms: u64) {
        if for_ms > 0 {
            self.paused_until_ms = self.paused_until_ms.max(moment.now_ms + for_ms.min(PAUSE_MAX_MS));
            return;
        }
        self.paused_until_ms = 0;
        self.hits = 0;
        self.half_open = false;
        self.probe = None;
    }
}

fn pause_ms(policy: &Policy, hit: &Hit, hits: u64) -> u64 {
    let longest_ms = policy.cooldown_max_ms.min(PAUSE_MAX_MS);
    match hit.retry_after_ms {
        Some(retry_after_ms) => retry_after_ms.min(longest_ms),
        None => {
            let doubled_ms = u128::from(policy.cooldown_ms) << hits.saturating_sub(1);
            let pause_ms = doubled_ms.min(u128::from(longest_ms)) as u64;
            pause_ms - pause_ms * hit.jitter.min(1_000) / 2_000
        }
    }
}
