//! Circuit breakers on servers: what the receipt of a batch means to its calls.

use std::rc::Rc;
use std::time::Instant;

use super::batch::requests;
use super::pending::{Pending, Stage};
use super::queue::{Entry, Queue};
use super::tracker::Tracker;
use super::work::Work;
use crate::domain::breakers::operation::{Operation, Outcome, Policy, Receipt, Request};
use crate::domain::error::OperationError;
use crate::domain::identifier::OrchestratorId;
use crate::service::answer::Answer;
use crate::store::{BreakerBatch, Ticket};

impl Tracker {
    pub(super) fn configure_breaker(&self, breaker: OrchestratorId, policy: Policy) {
        self.breaker_policies.borrow_mut().insert(breaker, policy);
    }

    pub(super) fn breaker_batch(&self, breaker: &OrchestratorId, entries: Vec<Entry>, ticket: Ticket) -> BreakerBatch {
        let requests = requests(entries, self.breakers.now_ms(), |entry| match entry.work {
            Work::Breaker(operation) => Some(operation),
            _ => None,
        });
        BreakerBatch {
            breaker: breaker.clone(),
            policy: self.breaker_policies.borrow().get(breaker).copied().unwrap_or_default(),
            requests: requests.map(|(operation, deadline_ms)| Request { operation, deadline_ms }).collect(),
            ticket,
        }
    }

    pub(super) fn deliver_breaker(
        self: &Rc<Self>,
        queue: &Queue,
        batch: BreakerBatch,
        calls: Vec<Rc<Pending>>,
        receipt: Receipt,
    ) {
        let mut again = Vec::new();
        let mut unwanted = Vec::new();
        let now_ms = receipt.now_ms;
        self.answer(|push| {
            for ((pending, request), outcome) in calls.into_iter().zip(batch.requests).zip(receipt.outcomes) {
                match outcome {
                    Err(OperationError::DeadlinePassed)
                        if pending.is_waiting() && pending.deadline > Instant::now() =>
                    {
                        again.push((pending, Work::Breaker(request.operation)));
                    }
                    Err(error) => self.deliver_error(push, &pending, &error),
                    Ok(outcome) if pending.stage() == Stage::Answered => {
                        unwanted.extend(undoing(request.operation, &outcome));
                    }
                    Ok(outcome) => {
                        self.finish(&pending);
                        push(Answer::Breaker { call: pending.call, outcome, now_ms });
                    }
                }
            }
        });
        self.ask_again(queue, again);
        for operation in unwanted {
            self.enqueue_internal(queue.subject.clone(), Work::Breaker(operation));
        }
    }
}

/// What ends a probe that nobody makes.
fn undoing(operation: Operation, outcome: &Outcome) -> Option<Operation> {
    match operation {
        Operation::Probe { holder } if outcome.is_granted => {
            Some(Operation::Probed { holder, succeeded: None, reset_in_ms: None })
        }
        _ => None,
    }
}
