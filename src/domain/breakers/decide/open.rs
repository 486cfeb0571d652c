//! Opening, and for how long.

use super::{BreakerState, Step, held};
use crate::domain::breakers::operation::{FOREVER_MS, Policy, State};
use crate::domain::tokens::add;

/// Failed probes in a row that lengthen the time; further ones leave it.
const GROWTHS_MAX: u64 = 64;

/// A time grows a thousandfold at most.
const GROWTH_MAX_PERMILLE: u64 = 1_000_000;

/// How long the opening lasts that is the `openings`th in a row.
fn open_ms(policy: &Policy, openings: u64) -> u64 {
    let longest_ms = held(policy.reset_after_max_ms);
    let growth_permille = policy.growth_permille.min(GROWTH_MAX_PERMILLE);
    let mut open_ms = held(policy.reset_after_ms).min(longest_ms);
    for _ in 1..openings.min(GROWTHS_MAX) {
        let grown_ms = u128::from(open_ms) * u128::from(growth_permille) / 1_000;
        if open_ms >= longest_ms || grown_ms <= u128::from(open_ms) {
            break;
        }
        open_ms = u64::try_from(grown_ms).unwrap_or(longest_ms).min(longest_ms);
    }
    open_ms
}

impl BreakerState {
    /// Opens until the provider's service is said to be back, where it said so; else for the policy's time.
    pub(super) fn open(&mut self, now_ms: u64, policy: &Policy, reset_at_ms: u64) -> Step {
        self.openings = held(self.openings.saturating_add(1));
        let told_ms = reset_at_ms.saturating_sub(now_ms).min(held(policy.reset_after_max_ms));
        let open_ms = if told_ms > 0 { told_ms } else { open_ms(policy, self.openings) };
        self.enter(State::Open, now_ms, add(now_ms, open_ms))
    }

    /// A provider told of a reset while it is open: it stays open until then, within the longest time.
    pub(super) fn stay_open(&mut self, now_ms: u64, policy: &Policy, reset_in_ms: Option<u64>) -> Step {
        let Some(reset_in_ms) = reset_in_ms else { return Step::nothing() };
        let latest_ms = add(self.opened_at_ms, held(policy.reset_after_max_ms));
        let until_ms = add(now_ms, held(reset_in_ms)).min(latest_ms);
        if self.open_until_ms == FOREVER_MS || until_ms <= self.open_until_ms {
            return Step::nothing();
        }
        self.open_until_ms = until_ms;
        Step::news(State::Open, State::Open)
    }

    /// Begins a state. What belonged to the one before is over, but for the failures that led here.
    pub(super) fn enter(&mut self, state: State, now_ms: u64, open_until_ms: u64) -> Step {
        let from = self.state;
        self.state = state;
        self.parts.clear();
        (self.reset_at_ms, self.successes) = (0, 0);
        (self.holder, self.probe_until_ms) = (Box::default(), 0);
        self.open_until_ms = open_until_ms;
        match state {
            State::Open => self.opened_at_ms = now_ms.max(1),
            State::HalfOpen => {}
            State::Closed => (self.failures, self.openings) = (0, 0),
        }
        Step::news(from, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_grows_up_to_the_longest() {
        let policy = Policy { growth_permille: 2_000, reset_after_ms: 1_000, ..Policy::default() };
        let times = [1, 2, 3, 12, 13, 64, FOREVER_MS].map(|openings| open_ms(&policy, openings));
        assert_eq!(times, [1_000, 2_000, 4_000, 2_048_000, 3_600_000, 3_600_000, 3_600_000]);
        for growth_permille in [0, 999, 1_000] {
            assert_eq!(open_ms(&Policy { growth_permille, ..policy }, 9), 1_000);
        }
        let slow = Policy { growth_permille: 1_500, reset_after_ms: 1, ..policy };
        assert_eq!(open_ms(&slow, 9), 1, "what does not grow by a millisecond does not grow");
        let endless = Policy { reset_after_ms: u64::MAX, reset_after_max_ms: u64::MAX, ..policy };
        assert_eq!(open_ms(&endless, 9), FOREVER_MS);
    }
}
