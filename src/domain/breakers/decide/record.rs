//! Calls that were made while it was closed.

use super::{BreakerState, Step, held};
use crate::domain::breakers::operation::{Mode, Policy, State};
use crate::domain::tokens::add;

impl BreakerState {
    pub(super) fn record(
        &mut self,
        now_ms: u64,
        policy: &Policy,
        successes: u64,
        failures: u64,
        reset_in_ms: Option<u64>,
    ) -> Step {
        match self.state {
            State::HalfOpen => return Step::nothing(),
            State::Open if failures > 0 => return self.stay_open(now_ms, policy, reset_in_ms),
            State::Open => return Step::nothing(),
            State::Closed => {}
        }
        let reset_at_ms = reset_in_ms.map_or(0, |reset_in_ms| add(now_ms, held(reset_in_ms)));
        match policy.mode {
            Mode::Consecutive { threshold } => {
                self.count_in_a_row(now_ms, policy, threshold, successes, failures, reset_at_ms)
            }
            Mode::Sampling { threshold_ppm, minimum, window_ms } => {
                if successes == 0 && failures == 0 {
                    return Step::nothing();
                }
                self.count(now_ms, held(window_ms), successes, failures);
                if failures == 0 {
                    return Step::quiet();
                }
                self.reset_at_ms = self.reset_at_ms.max(reset_at_ms);
                let (succeeded, failed) = self.counted(now_ms, held(window_ms));
                let calls = succeeded + failed;
                if calls < minimum || failed * 1_000_000 < threshold_ppm.min(1_000_000) * calls {
                    return Step::quiet();
                }
                self.failures = failed;
                self.open(now_ms, policy, self.reset_at_ms)
            }
        }
    }

    /// Others need to hear of the first failure, so that they tell of successes, and of its end.
    fn count_in_a_row(
        &mut self,
        now_ms: u64,
        policy: &Policy,
        threshold: u64,
        successes: u64,
        failures: u64,
        reset_at_ms: u64,
    ) -> Step {
        let before = self.failures;
        if successes > 0 && before > 0 {
            (self.failures, self.reset_at_ms) = (0, 0);
        }
        if failures == 0 {
            return if self.failures == before { Step::nothing() } else { Step::news(State::Closed, State::Closed) };
        }
        self.failures = add(self.failures, held(failures));
        self.reset_at_ms = self.reset_at_ms.max(reset_at_ms);
        if self.failures >= held(threshold) {
            return self.open(now_ms, policy, self.reset_at_ms);
        }
        if before == 0 { Step::news(State::Closed, State::Closed) } else { Step::quiet() }
    }
}
