//! Batches: requests to one pool, in order.

use super::{Picking, PoolState};
use crate::domain::credentials::operation::{Operation, Outcome, Policy, Receipt, Request};
use crate::domain::error::OperationError;

impl PoolState {
    /// Decides `requests` in their order. `clock_ms` is what the store's clock shows, which is what deadlines are
    /// compared with; everything else goes by [`Receipt::now_ms`], which goes back only when the clock was wrong.
    ///
    /// When all of them only read, nothing else changes.
    pub fn apply(&mut self, clock_ms: u64, policy: &Policy, requests: &[Request]) -> Receipt {
        let writes = requests.iter().any(|request| request.operation.writes());
        let now_ms = if writes { self.begin(clock_ms, policy) } else { self.instant(clock_ms, policy) };
        let outcomes = requests.iter().map(|request| {
            let has_passed = request.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= clock_ms);
            if has_passed {
                Err(OperationError::DeadlinePassed)
            } else {
                Ok(self.decide(now_ms, policy, &request.operation))
            }
        });
        Receipt { now_ms, outcomes: outcomes.collect() }
    }

    fn decide(&mut self, now_ms: u64, policy: &Policy, operation: &Operation) -> Outcome {
        match operation {
            Operation::Pick { resource, except } => self.pick_at(now_ms, policy, resource, except).into(),
            Operation::Report { fingerprint, resource, picked_at_ms, result } => {
                Outcome::Done(self.report(now_ms, policy, fingerprint, resource, *picked_at_ms, result))
            }
            Operation::Return { fingerprint, resource, picked_at_ms } => {
                Outcome::Done(self.give_back(now_ms, policy, fingerprint, resource, *picked_at_ms))
            }
            Operation::SetValid { fingerprint, valid } => {
                Outcome::Done(self.set_valid(now_ms, policy, fingerprint, *valid))
            }
            Operation::Count { resource } => Outcome::Count(self.count(now_ms, policy, resource)),
            Operation::View => Outcome::View(self.view(now_ms, policy)),
            Operation::Keep { fingerprint, account, sealed } => {
                Outcome::Done(self.keep(fingerprint, account, sealed, now_ms))
            }
            Operation::Kept => Outcome::Kept(self.kept()),
            Operation::Drop { fingerprint } => Outcome::Done(self.drop_kept(fingerprint, now_ms)),
        }
    }
}

impl From<Picking<'_>> for Outcome {
    fn from(picking: Picking<'_>) -> Self {
        match picking {
            Picking::Picked { credential, picked_at_ms, left, resets_at_ms, .. } => {
                Outcome::Picked { fingerprint: credential.fingerprint.clone(), picked_at_ms, left, resets_at_ms }
            }
            Picking::Exhausted { resets_at_ms, limited, invalid } => {
                Outcome::Exhausted { resets_at_ms, limited, invalid }
            }
        }
    }
}
