//! Pools of credentials on servers: what the receipt of a batch means to its calls.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::pending::{Pending, Stage};
use super::queue::Queue;
use super::tracker::Tracker;
use super::work::Work;
use crate::domain::credentials::operation::{Operation, Outcome, Policy, Receipt};
use crate::domain::error::OperationError;
use crate::domain::identifier::OrchestratorId;
use crate::service::answer::Answer;
use crate::store::CredentialBatch;

impl Tracker {
    pub(super) fn pool_policy(&self, pool: &OrchestratorId) -> Arc<Policy> {
        self.pools.borrow().get(pool).cloned().unwrap_or_default()
    }

    pub(super) fn configure_pool(&self, pool: OrchestratorId, policy: Policy) {
        self.pools.borrow_mut().insert(pool, Arc::new(policy));
    }

    pub(super) fn deliver_credential(
        self: &Rc<Self>,
        queue: &Queue,
        batch: CredentialBatch,
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
                        again.push((pending, Work::Credential(request.operation)));
                    }
                    Err(error) => self.deliver_error(push, &pending, &error),
                    Ok(outcome) if pending.stage() == Stage::Answered => {
                        unwanted.extend(undoing(request.operation, outcome));
                    }
                    Ok(outcome) => self.deliver_credential_outcome(push, &pending, outcome, now_ms),
                }
            }
        });
        self.ask_again(queue, again);
        for operation in unwanted {
            self.enqueue_internal(queue.subject.clone(), Work::Credential(operation));
        }
    }

    fn deliver_credential_outcome(
        &self,
        push: &mut dyn FnMut(Answer),
        pending: &Pending,
        outcome: Outcome,
        now_ms: u64,
    ) {
        self.finish(pending);
        push(Answer::Credential { call: pending.call, outcome, now_ms });
    }
}

/// What gives back a token that was picked for nobody.
fn undoing(operation: Operation, outcome: Outcome) -> Option<Operation> {
    match (operation, outcome) {
        (Operation::Pick { resource, .. }, Outcome::Picked { fingerprint, picked_at_ms, .. }) => {
            Some(Operation::Return { fingerprint, resource, picked_at_ms })
        }
        _ => None,
    }
}
