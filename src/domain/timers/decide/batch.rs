//! Batches: requests to one shard, in order.

use super::ShardState;
use crate::domain::error::OperationError;
use crate::domain::timers::operation::{Operation, Outcome, Policy, Receipt, Request};

impl ShardState {
    /// Decides `requests` in their order. When all of them only read, nothing is written.
    pub fn apply(&mut self, now_ms: u64, policy: &Policy, requests: &[Request]) -> Receipt {
        let mut outcomes = Vec::with_capacity(requests.len());
        let mut writes = 0;
        for request in requests {
            let has_passed = request.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms);
            if has_passed {
                outcomes.push(Err(OperationError::DeadlinePassed));
                continue;
            }
            writes += usize::from(request.operation.writes());
            outcomes.push(Ok(match self.read(now_ms, policy, &request.operation) {
                Some(outcome) => outcome,
                None => self.write(now_ms, policy, &request.operation),
            }));
        }
        self.forget(now_ms, policy, writes);
        Receipt { now_ms, outcomes, next_due_ms: self.next_due_ms() }
    }

    /// The same for requests that only read; whatever else is asked is refused.
    pub fn ask(&self, now_ms: u64, policy: &Policy, requests: &[Request]) -> Receipt {
        let outcomes = requests.iter().map(|request| {
            if request.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms) {
                return Err(OperationError::DeadlinePassed);
            }
            let refused = || OperationError::Refused { message: "cannot change what is only read".to_owned() };
            self.read(now_ms, policy, &request.operation).ok_or_else(refused)
        });
        Receipt { now_ms, outcomes: outcomes.collect(), next_due_ms: self.next_due_ms() }
    }

    fn read(&self, now_ms: u64, policy: &Policy, operation: &Operation) -> Option<Outcome> {
        Some(match operation {
            Operation::Get { id } => Outcome::Timer(self.get(id, now_ms, policy)),
            Operation::List { status, name, owner, after, limit } => {
                self.list(now_ms, policy, *status, name.as_deref(), owner.as_deref(), after, *limit)
            }
            Operation::Deliveries { dead, after, limit } => self.list_deliveries(now_ms, policy, *dead, after, *limit),
            Operation::Endpoints => {
                Outcome::Endpoints(self.disabled.iter().map(|(endpoint, _)| endpoint.into()).collect())
            }
            Operation::Broadcast { .. } => Outcome::Done(true),
            _ => return None,
        })
    }

    fn write(&mut self, now_ms: u64, policy: &Policy, operation: &Operation) -> Outcome {
        match operation {
            Operation::Create(timer) => self.create(timer, now_ms, policy),
            Operation::Cancel { id } => Outcome::Timer(self.cancel(id, now_ms)),
            Operation::Update { id, change } => Outcome::Timer(self.update(id, change, now_ms)),
            Operation::Claim { holder, lease_ms, timers, deliveries } => {
                self.claim(now_ms, holder, *lease_ms, *timers, *deliveries)
            }
            Operation::Fired { id, nonce, holder, occurrence, next_fire_at_ms, delivery } => {
                if !self.is_held(id, nonce, holder, *occurrence, now_ms, policy) {
                    return Outcome::Fired { was_held: false, delivery: None };
                }
                self.fire(id, *next_fire_at_ms, now_ms);
                let delivery =
                    delivery.as_ref().map(|new| self.deliver(id, nonce, *occurrence, holder, new, now_ms, policy));
                Outcome::Fired { was_held: true, delivery }
            }
            Operation::Release { holder, timers, deliveries } => {
                Outcome::Done(self.release(holder, timers, deliveries))
            }
            Operation::Renew { holder, lease_ms, timers, deliveries } => {
                Outcome::Renewed(self.renew(now_ms, holder, *lease_ms, timers, deliveries))
            }
            Operation::Delivered { id, .. } => Outcome::Done(self.delivered(id, now_ms, policy)),
            Operation::Undelivered { id, holder, error, retry_in_ms, disable } => {
                Outcome::Done(self.undelivered(id, holder, error, *retry_in_ms, *disable, now_ms, policy))
            }
            Operation::Redeliver { id } => Outcome::Done(self.redeliver(id, now_ms, policy)),
            Operation::Discard { id } => Outcome::Done(self.discard(id, now_ms, policy)),
            Operation::Endpoint { endpoint, enabled: true } => Outcome::Done(self.disabled.remove(endpoint)),
            Operation::Endpoint { endpoint, enabled: false } => Outcome::Done(self.disabled.insert(endpoint, now_ms)),
            Operation::Get { .. }
            | Operation::List { .. }
            | Operation::Deliveries { .. }
            | Operation::Endpoints
            | Operation::Broadcast { .. } => Outcome::Done(false),
        }
    }
}
