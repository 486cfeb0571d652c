//! Timers on servers: what the receipt of a batch means to its calls.

use std::rc::Rc;
use std::time::Instant;

use super::batch::requests;
use super::pending::{Pending, Stage};
use super::queue::{Entry, Queue};
use super::tracker::Tracker;
use super::work::Work;
use crate::domain::error::OperationError;
use crate::domain::identifier::OrchestratorId;
use crate::domain::timers::operation::{Delivery, Operation, Outcome, Receipt, Request, Timer};
use crate::service::answer::Answer;
use crate::store::{Ticket, TimerBatch};

impl Tracker {
    pub(super) fn timer_batch(&self, shard: &OrchestratorId, entries: Vec<Entry>, ticket: Ticket) -> TimerBatch {
        let requests = requests(entries, self.timers.now_ms(), |entry| match entry.work {
            Work::Timer(operation) => Some(operation),
            _ => None,
        });
        TimerBatch {
            shard: shard.clone(),
            policy: self.timers_policy.get(),
            requests: requests.map(|(operation, deadline_ms)| Request { operation, deadline_ms }).collect(),
            ticket,
        }
    }

    pub(super) fn deliver_timer(
        self: &Rc<Self>,
        queue: &Queue,
        batch: TimerBatch,
        calls: Vec<Rc<Pending>>,
        receipt: Receipt,
    ) {
        let mut again = Vec::new();
        let mut unwanted = Vec::new();
        let (now_ms, next_due_ms) = (receipt.now_ms, receipt.next_due_ms);
        self.answer(|push| {
            for ((pending, request), outcome) in calls.into_iter().zip(batch.requests).zip(receipt.outcomes) {
                match outcome {
                    Err(OperationError::DeadlinePassed)
                        if pending.is_waiting() && pending.deadline > Instant::now() =>
                    {
                        again.push((pending, Work::Timer(request.operation)));
                    }
                    Err(error) => self.deliver_error(push, &pending, &error),
                    Ok(outcome) => {
                        // The caller of a report that was kept has heard so, and hears no more.
                        if !pending.is_waiting() {
                            unwanted.extend(undoing(&request.operation, &outcome));
                        }
                        if pending.stage() != Stage::Answered {
                            self.finish(&pending);
                            push(Answer::Timer { call: pending.call, outcome, now_ms, next_due_ms });
                        }
                    }
                }
            }
        });
        self.ask_again(queue, again);
        for operation in unwanted {
            self.enqueue_internal(queue.subject.clone(), Work::Timer(operation));
        }
    }
}

/// What gives back claims that nobody knows of.
fn undoing(operation: &Operation, outcome: &Outcome) -> Option<Operation> {
    let (holder, timers, deliveries) = match (operation, outcome) {
        (Operation::Claim { holder, .. }, Outcome::Claimed { timers, deliveries }) => {
            (holder, timers.as_slice(), deliveries.as_slice())
        }
        (Operation::Fired { holder, .. }, Outcome::Fired { delivery: Some(delivery), .. }) => {
            (holder, [].as_slice(), std::slice::from_ref(delivery))
        }
        _ => return None,
    };
    let timers: Vec<_> = timers.iter().map(|Timer { id, .. }| id.clone()).collect();
    let held = deliveries.iter().filter(|delivery| delivery.holder == *holder);
    let deliveries: Vec<_> = held.map(|Delivery { id, .. }| id.clone()).collect();
    let has_claims = !timers.is_empty() || !deliveries.is_empty();
    has_claims.then(|| Operation::Release { holder: holder.clone(), timers, deliveries })
}
