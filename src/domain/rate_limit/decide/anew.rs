//! A clock that was wrong for a moment.

use super::signals::longest_ms;
use super::state::{LimiterState, Moment};
use super::{CLOCK_BACK_MAX_MS, LEARNED_KEPT_MS};
use crate::domain::quota::QuotaState;
use crate::domain::rate_limit::terms::Policy;

/// A clock that showed `wrong_ms` when the limiter changed last, and shows less now.
#[derive(Debug, Clone, Copy)]
struct StepBack {
    wrong_ms: u64,
    now_ms: u64,
}

impl StepBack {
    /// Where an end comes to lie that was told at `told_at_ms`. What the clock told while it was right stays; of what
    /// it told while it was wrong there is left what was left at the last change.
    fn moved_ms(self, until_ms: u64, told_at_ms: u64) -> u64 {
        if until_ms <= self.now_ms || told_at_ms <= self.now_ms {
            return until_ms;
        }
        self.now_ms + until_ms.saturating_sub(self.wrong_ms)
    }

    /// What is left stays; what is under way was taken off it.
    fn moved_quota(self, mut quota: QuotaState, longest_ms: u64) -> QuotaState {
        quota.resets_at_ms = self.moved_ms(quota.resets_at_ms, quota.seen_at_ms).min(self.now_ms + longest_ms);
        quota.seen_at_ms = quota.seen_at_ms.min(self.now_ms);
        quota
    }
}

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
    /// than its limit; of a pause there is left what was left, and a
    /// quota is used up for as long as it was. Shares stay, with clients that are alive as of now. What they hold beside
    /// that is forgotten: they ask again.
    fn start_anew(&mut self, now_ms: u64, policy: &Policy) {
        let old = std::mem::take(self);
        let back = StepBack { wrong_ms: old.last_now_ms, now_ms };
        // Of a pause of an earlier version nobody knows when it was set: it may have been at the last change.
        let pause_set_ms = if old.pause_set_ms > 0 { old.pause_set_ms } else { old.last_now_ms };
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
            paused_until_ms: back.moved_ms(old.paused_until_ms, pause_set_ms),
            pause_set_ms: pause_set_ms.min(now_ms),
            agents: old.agents.without_calls(now_ms),
            clients: old.clients.only_givers(now_ms + policy.client_lease_ms),
            quotas: old.quotas.map(|quota| back.moved_quota(quota, longest_ms(policy))),
            hits: old.hits,
            hit_kind: old.hit_kind,
            half_open: old.half_open,
            last_hit_ms: old.last_hit_ms.min(now_ms),
            settled_at_ms: old.settled_at_ms.min(now_ms),
            next_admission_us: old.next_admission_us.min(now_ms * 1_000 + terms.pause_us),
            learned: old.learned,
            lapsed: old.lapsed,
            learned_until_ms: old.learned_until_ms.min(now_ms + LEARNED_KEPT_MS),
            ..Self::default()
        };
        self.prolong(&Moment { now_ms, client: "", policy, terms });
    }
}
