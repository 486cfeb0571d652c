//! What the receipt of a batch about a budget means to its calls.

use std::rc::Rc;
use std::time::Instant;

use super::pending::{Pending, Role, Stage};
use super::queue::Queue;
use super::tracker::Tracker;
use super::work::Work;
use crate::domain::error::OperationError;
use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::{Operation, Outcome, Receipt, Settlement};
use crate::service::answer::{Answer, CallId, expired_events, threshold_events, transitions};
use crate::store::Batch;

impl Tracker {
    pub(super) fn deliver_budget(
        self: &Rc<Self>,
        queue: &Queue,
        batch: Batch,
        calls: Vec<Rc<Pending>>,
        receipt: Receipt,
    ) {
        let orchestrator = &batch.orchestrator;
        let mut again = Vec::new();
        let mut orphans = Vec::new();
        self.answer(|push| {
            expired_events(orchestrator, &receipt, |event| push(Answer::Event(event)));
            for ((pending, request), outcome) in calls.into_iter().zip(batch.requests).zip(receipt.outcomes) {
                match outcome {
                    Err(OperationError::DeadlinePassed)
                        if pending.is_waiting() && pending.deadline > Instant::now() =>
                    {
                        again.push((pending, Work::Budget(request.operation)));
                    }
                    Err(error) => self.deliver_error(push, &pending, &error),
                    Ok(outcome) => {
                        let abandoned = self.deliver_outcome(push, orchestrator, &pending, request.operation, outcome);
                        orphans.extend(abandoned);
                    }
                }
            }
        });
        self.ask_again(queue, again);
        for operation in orphans {
            self.enqueue_internal(queue.subject.clone(), Work::Budget(operation));
        }
    }

    /// Returns what has to be undone because nobody waits for it any more.
    fn deliver_outcome(
        &self,
        push: &mut dyn FnMut(Answer),
        orchestrator: &OrchestratorId,
        pending: &Pending,
        operation: Operation,
        outcome: Outcome,
    ) -> Option<Operation> {
        let thresholds = &self.settings.shared.policy.thresholds;
        threshold_events(orchestrator, transitions(&outcome), thresholds, |event| push(Answer::Event(event)));
        if pending.stage() == Stage::Answered {
            return match (pending.role, operation, outcome) {
                (Role::Reserve, Operation::Reserve { id, .. }, Outcome::Reserved { .. }) => {
                    Some(Operation::Settle { id, usage: None })
                }
                _ => None,
            };
        }
        self.finish(pending);
        let call = pending.call;
        push(match (operation, outcome) {
            (Operation::Reserve { id, .. }, Outcome::Reserved { created_at_ms, expires_at_ms, remaining }) => {
                let id = id.as_str().to_owned();
                Answer::Reserved { call, id, created_at_ms, expires_at_ms, remaining, store_down: false }
            }
            (_, Outcome::Denied(view)) => Answer::Denied { call, view, store_down: false },
            (Operation::SettleUnheld { .. }, Outcome::Settled(settlement)) => unheld_settled(call, &settlement),
            (_, Outcome::Settled(settlement)) => {
                Answer::Settled { call, orchestrator: orchestrator.clone(), settlement }
            }
            (_, outcome) => Answer::Outcome { call, outcome },
        });
        None
    }
}

/// A reservation that held nothing has ended.
fn unheld_settled(call: CallId, settlement: &Settlement) -> Answer {
    match (settlement.recorded, settlement.recorded_cost) {
        (0, 0) => Answer::Done { call },
        _ => Answer::Outcome { call, outcome: Outcome::Tracked { duplicate: false, transitions: Vec::new() } },
    }
}
