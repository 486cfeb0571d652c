//! A clock that was wrong for a moment.

use super::signals::longest_ms;
use super::state::{LimiterState, Moment};
use super::{CLOCK_BACK_MAX_MS, LEARNED_KEPT_MS};
use crate::domain::rate_limit::terms::Policy;

impl LimiterState {
    /// The instant to decide by. A clock that is a little behind is taken to stand still. One that is far behind was
    /// wrong before: to wait until it comes there again would stall the limiter for as long as it had jumped.
    #[inline]
    pub(super) fn instant(&mut self, clock_ms: u64, policy: &Policy) -> u64 {
        if clock_ms + CLOCK_BACK_MAX_MS >= self.last_now_ms {
            return clock_ms.max(self.last_now_ms);
        }
        self.start_anew(clock_ms, policy);
        clock_ms
    }

    /// Nobody knows when things happened. What was admitted counts as admitted now, so that no window holds more
    /// than its limit; a pause lasts no longer than one that begins now. What clients hold is forgotten: they ask
    /// again.
    fn start_anew(&mut self, now_ms: u64, policy: &Policy) {
        let old = std::mem::take(self);
        let set_terms = old.set_terms.clone();
        let terms = set_terms.as_deref().unwrap_or(&policy.configured);
        let mut windows = old.windows;
        for window in &mut windows {
            window.named_ms = window.named_ms.min(now_ms);
            window.parts.gather(now_ms);
        }
        *self = Self {
            last_now_ms: now_ms,
            set_terms: old.set_terms,
            windows,
            paused_until_ms: old.paused_until_ms.min(now_ms + longest_ms(policy)),
            hits: old.hits,
            hit_kind: old.hit_kind,
            half_open: old.half_open,
            last_hit_ms: old.last_hit_ms.min(now_ms),
            settled_at_ms: old.settled_at_ms.min(now_ms),
            next_admission_us: old.next_admission_us.min(now_ms * 1_000 + terms.pause_us),
            learned: old.learned,
            learned_until_ms: old.learned_until_ms.min(now_ms + LEARNED_KEPT_MS),
            ..Self::default()
        };
        self.prolong(&Moment { now_ms, client: "", policy, terms });
    }
}
