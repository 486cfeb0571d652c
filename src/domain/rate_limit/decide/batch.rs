//! Several operations in one step.

use std::sync::Arc;

use super::direct::{Admission, Ask};
use super::state::{LimiterState, Moment};
use crate::domain::error::OperationError;
use crate::domain::rate_limit::operation::{Grant, Operation, Outcome, Receipt, Request};
use crate::domain::rate_limit::terms::Policy;

impl LimiterState {
    /// Applies the requests in order. Decides as each would be decided alone, but turns what waits into permits
    /// once, at the end. Deadlines are held against the clock as it is, also when it went back.
    pub fn apply(&mut self, clock_ms: u64, client: &str, policy: &Policy, requests: &[Request]) -> Receipt {
        let writes = requests.iter().any(|request| request.operation.writes());
        let now_ms = if writes { self.begin(clock_ms, client, policy) } else { self.pass(clock_ms, policy) };
        let mut receipt = Receipt { now_ms, ..Receipt::default() };
        for request in requests {
            let outcome = match request.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= clock_ms) {
                true => Err(OperationError::DeadlinePassed),
                false => Ok(self.decide(now_ms, client, policy, &request.operation)),
            };
            receipt.outcomes.push(outcome);
        }
        let set_terms = self.set_terms.clone();
        let terms = set_terms.as_deref().unwrap_or(&policy.configured);
        let moment = Moment { now_ms, client, policy, terms };
        let turns = if writes { self.take_turns(&moment) } else { self.look_at_turns(&moment) };
        if writes {
            self.rest(&moment);
        }
        receipt.granted = turns.granted;
        receipt.places = turns.places;
        receipt.poll_in_ms = turns.poll_in_ms;
        receipt.turn_of = turns.turn_of;
        receipt
    }

    fn decide(&mut self, now_ms: u64, client: &str, policy: &Policy, operation: &Operation) -> Outcome {
        let set_terms = self.set_terms.clone();
        let terms = set_terms.as_deref().unwrap_or(&policy.configured);
        let moment = &Moment { now_ms, client, policy, terms };
        match operation {
            Operation::Check { amounts, priority, agent } => {
                let ask = Ask { id: "", amounts: *amounts, priority: *priority, agent, wait: false };
                Outcome::Verdict(self.verdict(moment, &ask))
            }
            Operation::Acquire { id, amounts, priority, agent, wait } => {
                let ask = Ask { id, amounts: *amounts, priority: *priority, agent, wait: *wait };
                match self.ask(moment, &ask) {
                    Admission::Granted { admitted_at_ms, expires_at_ms } => {
                        Outcome::Granted(Grant { id: id.clone(), admitted_at_ms, expires_at_ms })
                    }
                    Admission::Waiting { wait_ms, reason, ahead } => Outcome::Waiting { wait_ms, reason, ahead },
                    Admission::Refused(verdict) => Outcome::Refused(verdict),
                    Admission::LineFull => Outcome::LineFull,
                }
            }
            Operation::Poll => Outcome::Done(true),
            Operation::Settle { id, used, signals } => {
                let settled = self.end_call(moment, id, *used, Some(signals));
                Outcome::Settled { known: settled.known, late: settled.late, estimated: settled.estimated }
            }
            Operation::Cancel { id } => Outcome::Cancelled { known: self.call_off(id) },
            Operation::Observe(signals) => {
                self.observe(moment, signals, signals.sent_at_ms, [0; 4]);
                Outcome::Done(true)
            }
            Operation::SetTerms(terms) => {
                self.set_terms = terms.clone().map(Arc::new);
                self.name_windows(now_ms, policy);
                Outcome::Done(true)
            }
            Operation::Allocate { agent, share_ppm } => Outcome::Done(self.allocate(moment, agent, *share_ppm)),
            Operation::KeepShares(given) => self.keep_shares(moment, given),
            Operation::Handoff { from, to } => Outcome::Done(self.hand_off(moment, from, to)),
            Operation::Pause { for_ms } => {
                self.pause(moment, *for_ms);
                Outcome::Done(true)
            }
            Operation::View => Outcome::View(Box::new(self.view(moment))),
            Operation::Restore(view) => {
                self.restore(moment, view);
                Outcome::Done(true)
            }
            Operation::Learn(counters) => {
                self.learn(moment, counters);
                Outcome::Done(true)
            }
            Operation::Learned => {
                Outcome::Learned(self.learned.iter().map(|(name, count)| (name.clone(), *count)).collect())
            }
        }
    }
}
