//! Finding out whether the service is back.

use super::{BreakerState, Step, held};
use crate::domain::breakers::operation::{FOREVER_MS, Holder, Policy, State};
use crate::domain::tokens::add;

impl BreakerState {
    /// One call at a time. A probe that had its time makes room for another; asked again, its holder still has it.
    pub(super) fn probe(&mut self, now_ms: u64, policy: &Policy, holder: &Holder) -> Step {
        let step = match self.state {
            State::Closed => return Step::nothing(),
            State::Open if self.open_until_ms == FOREVER_MS || now_ms < self.open_until_ms => return Step::nothing(),
            State::Open => self.enter(State::HalfOpen, now_ms, self.open_until_ms),
            State::HalfOpen if self.is_probed(now_ms) && self.holder == *holder => return Step::nothing().granted(),
            State::HalfOpen if self.is_probed(now_ms) => return Step::nothing(),
            State::HalfOpen => Step::news(State::HalfOpen, State::HalfOpen),
        };
        self.holder = holder.clone();
        self.probe_until_ms = add(now_ms, held(policy.probe_ttl_ms).max(1));
        step.granted()
    }

    /// A probe that took longer than its time counts as long as nobody else has begun one.
    pub(super) fn probed(
        &mut self,
        now_ms: u64,
        policy: &Policy,
        holder: &Holder,
        succeeded: Option<bool>,
        reset_in_ms: Option<u64>,
    ) -> Step {
        if self.state != State::HalfOpen || holder.is_empty() || self.holder != *holder {
            return Step::nothing();
        }
        (self.holder, self.probe_until_ms) = (Box::default(), 0);
        let step = match succeeded {
            None => Step::news(State::HalfOpen, State::HalfOpen),
            Some(false) => {
                let reset_at_ms = reset_in_ms.map_or(0, |reset_in_ms| add(now_ms, held(reset_in_ms)));
                self.open(now_ms, policy, reset_at_ms)
            }
            Some(true) if self.successes.saturating_add(1) >= held(policy.successes_to_close) => {
                self.enter(State::Closed, now_ms, 0)
            }
            Some(true) => {
                self.successes += 1;
                Step::news(State::HalfOpen, State::HalfOpen)
            }
        };
        step.granted()
    }

    pub(super) fn is_probed(&self, now_ms: u64) -> bool {
        !self.holder.is_empty() && now_ms < self.probe_until_ms
    }
}
