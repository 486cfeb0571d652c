//! When things happened and end, also when the clock goes back.

use super::{BreakerState, CLEAN_TTL_MS, Step, UNUSED_TTL_MS, held};
use crate::domain::breakers::operation::{FOREVER_MS, Mode, Policy, State};
use crate::domain::tokens::add;

/// Callers of one clock are not served in the order in which they read it, and clocks are corrected by some
/// milliseconds all the time: so much is waited for.
const BACK_MS: u64 = 1_000;

impl BreakerState {
    /// What a batch begins with, and the instant it is decided at. What has outlived its life is gone; after a clock
    /// that went back, every instant moves with it. So what remained of a time when it was last looked at still
    /// remains, and nothing lasts longer than its time allows.
    pub(super) fn begin(&mut self, clock_ms: u64) -> u64 {
        let back_ms = self.last_now_ms.saturating_sub(clock_ms);
        let now_ms = if back_ms <= BACK_MS { clock_ms.max(self.last_now_ms) } else { clock_ms };
        if back_ms > BACK_MS {
            self.last_now_ms = now_ms;
            let instants = [
                &mut self.reset_at_ms,
                &mut self.opened_at_ms,
                &mut self.open_until_ms,
                &mut self.probe_until_ms,
                &mut self.ends_at_ms,
            ];
            let told = instants.into_iter().filter(|instant_ms| **instant_ms > 0 && **instant_ms < FOREVER_MS);
            told.for_each(|instant_ms| *instant_ms = instant_ms.saturating_sub(back_ms).max(1));
            self.parts.iter_mut().for_each(|part| part.begin_ms = part.begin_ms.saturating_sub(back_ms));
        }
        if self.is_over(now_ms) {
            *self = Self::default();
        }
        now_ms
    }

    /// What an operation ends with.
    pub(super) fn end(&mut self, now_ms: u64, policy: &Policy, step: &Step) {
        if !step.is_changed {
            return;
        }
        self.last_now_ms = now_ms;
        if step.is_news {
            // By the clock, so that it also grows where an earlier version has been forgotten.
            self.version = held(self.version.saturating_add(1)).max(now_ms);
        }
        self.ends_at_ms = self.end_ms(now_ms, policy);
    }

    fn end_ms(&self, now_ms: u64, policy: &Policy) -> u64 {
        let window_ms = match policy.mode {
            Mode::Consecutive { .. } => 0,
            Mode::Sampling { window_ms, .. } => held(window_ms),
        };
        match self.state {
            State::Closed if self.failures == 0 => add(now_ms, window_ms.max(CLEAN_TTL_MS)),
            State::Open => add(now_ms.max(self.open_until_ms), UNUSED_TTL_MS),
            State::Closed | State::HalfOpen => add(now_ms, UNUSED_TTL_MS),
        }
    }

    /// Whether it could as well not exist.
    pub fn is_over(&self, now_ms: u64) -> bool {
        self.ends_at_ms < FOREVER_MS && self.ends_at_ms <= now_ms
    }

    /// When it could as well not exist; [`FOREVER_MS`]: never.
    pub fn ends_at_ms(&self) -> u64 {
        self.ends_at_ms
    }
}
