//! What responses say: pauses after hits, what is left.

use super::PAUSE_MAX_MS;
use super::state::{LimiterState, Moment};
use crate::domain::quota::Reading;
use crate::domain::rate_limit::amounts::Unit;
use crate::domain::rate_limit::operation::{Hit, HitKind, Signals};
use crate::domain::rate_limit::terms::Policy;

/// Doublings stop here.
pub(super) const HITS_MAX: u64 = 30;

impl LimiterState {
    /// Takes in what the response to a request says that left at `sent_at_ms`. `own`: what it took and its quotas still
    /// count as not told.
    pub(super) fn observe(&mut self, moment: &Moment<'_>, signals: &Signals, sent_at_ms: u64, mut own: [u64; 4]) {
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
            let own = std::mem::take(&mut own[unit.index()]);
            self.learn_quota(moment, *unit, Reading { sent_at_ms, ..*reading }, own);
        }
    }

    /// A reset counts no later than the longest pause ends: one that was told wrong stops nobody for years.
    pub(super) fn learn_quota(&mut self, moment: &Moment<'_>, unit: Unit, reading: Reading, own: u64) {
        let latest_ms = moment.now_ms + longest_ms(moment.policy);
        let reading = Reading { resets_at_ms: reading.resets_at_ms.min(latest_ms), ..reading };
        self.quotas[unit.index()].learn(reading, self.under_way.of(unit), own, moment.now_ms);
    }

    /// Pauses, twice as long as after the hit before. Hits of one burst count as one: those whose requests left
    /// before the last hit was heard of. Of a request of which nobody knows when it left, the pause tells.
    fn hit(&mut self, moment: &Moment<'_>, hit: &Hit, sent_at_ms: u64) {
        let now_ms = moment.now_ms;
        let is_same_burst = if sent_at_ms > 0 { sent_at_ms <= self.last_hit_ms } else { now_ms < self.paused_until_ms };
        // That nothing is left weighs more than that it came too fast.
        let is_graver = hit.kind == HitKind::Quota && self.hit_kind != Some(HitKind::Quota);
        if !is_same_burst {
            self.hits = (self.hits + 1).min(HITS_MAX);
            self.half_open = true;
            self.last_hit_ms = now_ms;
        }
        if !is_same_burst || is_graver {
            self.hit_kind = Some(hit.kind);
        }
        // A provider that refuses again was wrong about the wait it told before, or told none.
        let told_ms = hit.retry_after_ms.filter(|told_ms| *told_ms > 0);
        let backs_off = match is_same_burst {
            true => is_graver,
            false => told_ms.is_none() || self.hits > 1 || hit.kind == HitKind::Quota,
        };
        let backoff_ms = if backs_off { backoff_ms(moment.policy, hit, self.hits) } else { 0 };
        let asked_ms = told_ms.unwrap_or(0).max(hit.least_ms);
        let pause_ms = asked_ms.min(longest_ms(moment.policy)).max(backoff_ms);
        self.pause_until(now_ms + pause_ms, now_ms);
    }

    /// Admits nothing for so long; 0 ends every pause, and forgets what providers said is left.
    pub(super) fn pause(&mut self, moment: &Moment<'_>, for_ms: u64) {
        if for_ms > 0 {
            self.hit_kind = self.paused_by(moment.now_ms);
            self.pause_until(moment.now_ms + for_ms.min(PAUSE_MAX_MS), moment.now_ms);
            return;
        }
        self.paused_until_ms = 0;
        self.hits = 0;
        self.hit_kind = None;
        self.half_open = false;
        self.probe = None;
        self.quotas = Default::default();
    }

    /// A pause is never shortened, but ended by hand.
    pub(super) fn pause_until(&mut self, until_ms: u64, now_ms: u64) {
        if until_ms > now_ms && until_ms > self.paused_until_ms {
            self.paused_until_ms = until_ms;
            self.pause_set_ms = now_ms;
        }
    }

    /// The kind of the hit that a pause or probing goes back to; `None`: of neither, or of none.
    pub(super) fn paused_by(&self, now_ms: u64) -> Option<HitKind> {
        self.hit_kind.filter(|_| self.half_open || now_ms < self.paused_until_ms)
    }
}

/// No pause after a hit is longer, and no reset counts later.
pub(super) fn longest_ms(policy: &Policy) -> u64 {
    policy.cooldown_max_ms.min(PAUSE_MAX_MS)
}

/// Chance lengthens the first pause by a tenth at most, and shortens those that doubled by half at most: none ends
/// before one cooldown is over.
fn backoff_ms(policy: &Policy, hit: &Hit, hits: u64) -> u64 {
    let longest_ms = longest_ms(policy);
    let doubled_ms = u128::from(policy.cooldown_ms) << hits.saturating_sub(1);
    let pause_ms = doubled_ms.min(u128::from(longest_ms)) as u64;
    let jitter = hit.jitter.min(1_000);
    let spread_ms = if hits > 1 { pause_ms - pause_ms * jitter / 2_000 } else { pause_ms + pause_ms * jitter / 10_000 };
    spread_ms.max(policy.cooldown_ms).min(longest_ms)
}
