//! States that are set by hand, or brought along.

use super::{BreakerState, Step, held};
use crate::domain::breakers::operation::{FOREVER_MS, Mode, Policy, State, View};
use crate::domain::tokens::add;

impl BreakerState {
    pub(super) fn force(&mut self, now_ms: u64, state: State, for_ms: Option<u64>) -> Step {
        match state {
            State::Open => {
                if self.state != State::Open {
                    self.openings = held(self.openings.saturating_add(1));
                }
                let until_ms = for_ms.map_or(FOREVER_MS, |for_ms| add(now_ms, held(for_ms)));
                self.enter(State::Open, now_ms, until_ms)
            }
            State::HalfOpen => self.enter(State::HalfOpen, now_ms, self.open_until_ms),
            State::Closed => self.enter(State::Closed, now_ms, 0),
        }
    }

    /// What the view tells, from now on. It stays open no longer than the policy's longest time from now, for the
    /// clock that the view tells of may be another. Nobody probes.
    pub(super) fn restore(&mut self, now_ms: u64, policy: &Policy, view: &View) -> Step {
        let longest_ms = add(now_ms, held(policy.reset_after_max_ms));
        let until_ms = match (view.state, view.open_until_ms) {
            (State::Closed, _) => 0,
            (_, until_ms) if until_ms >= FOREVER_MS => FOREVER_MS,
            (_, until_ms) => until_ms.min(longest_ms),
        };
        let step = self.enter(view.state, now_ms, until_ms);
        let opened_at_ms = view.opened_at_ms.min(now_ms);
        match view.state {
            State::Closed => self.opened_at_ms = opened_at_ms,
            _ => (self.opened_at_ms, self.openings) = (opened_at_ms.max(1), held(view.openings).max(1)),
        }
        match (view.state, policy.mode) {
            (State::Closed, Mode::Sampling { window_ms, .. }) if view.successes > 0 || view.failures > 0 => {
                self.count(now_ms, held(window_ms), view.successes, view.failures);
            }
            (State::Closed, Mode::Sampling { .. }) => {}
            _ => self.failures = held(view.failures),
        }
        if view.state == State::HalfOpen {
            self.successes = held(view.successes);
        }
        step
    }
}
