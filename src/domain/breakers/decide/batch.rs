//! Batches: requests to one breaker, in order.

use super::{BreakerState, Step};
use crate::domain::breakers::operation::{Operation, Outcome, Policy, Receipt, Request};
use crate::domain::error::OperationError;

impl BreakerState {
    /// Decides `requests` in their order. `clock_ms`: what the store's clock shows.
    ///
    /// When all of them only read, nothing is written.
    pub fn apply(&mut self, clock_ms: u64, policy: &Policy, requests: &[Request]) -> Receipt {
        if requests.iter().any(|request| request.operation.writes()) {
            return self.decide_all(clock_ms, policy, requests);
        }
        self.clone().decide_all(clock_ms, policy, requests)
    }

    fn decide_all(&mut self, clock_ms: u64, policy: &Policy, requests: &[Request]) -> Receipt {
        let now_ms = self.begin(clock_ms);
        let outcomes = requests.iter().map(|request| {
            let has_passed = request.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= clock_ms);
            if has_passed {
                return Err(OperationError::DeadlinePassed);
            }
            let step = self.decide(now_ms, policy, &request.operation);
            self.end(now_ms, policy, &step);
            let transitions = step.transition.into_iter().collect();
            Ok(Outcome { view: self.view(now_ms, policy), is_granted: step.is_granted, transitions })
        });
        Receipt { now_ms: clock_ms, outcomes: outcomes.collect() }
    }

    fn decide(&mut self, now_ms: u64, policy: &Policy, operation: &Operation) -> Step {
        match operation {
            Operation::View => Step::nothing(),
            Operation::Record { successes, failures, reset_in_ms } => {
                self.record(now_ms, policy, *successes, *failures, *reset_in_ms)
            }
            Operation::Probe { holder } => self.probe(now_ms, policy, holder),
            Operation::Probed { holder, succeeded, reset_in_ms } => {
                self.probed(now_ms, policy, holder, *succeeded, *reset_in_ms)
            }
            Operation::Force { state, for_ms } => self.force(now_ms, *state, *for_ms),
            Operation::Restore { view } => self.restore(now_ms, policy, view),
        }
    }
}
