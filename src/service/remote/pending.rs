//! One call on its way.

use std::cell::Cell;
use std::time::Instant;

use super::work::Work;
use crate::domain::operation::Operation;
use crate::domain::{breakers, credentials, rate_limit, timers};
use crate::service::answer::CallId;

/// What happens to a call when no answer comes in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Answered by `onStoreError`.
    Check,
    /// Answered by `onStoreError`; given back if it turns out to be granted later.
    Reserve,
    /// Spent tokens, or tokens to give back: kept until the store has them.
    Usage,
    /// Fails.
    Other,
    /// The tracker's own; nobody waits for it.
    Internal,
}

impl Role {
    pub(super) fn of(work: &Work) -> Self {
        match work {
            Work::Budget(operation) => Self::of_budget(operation),
            Work::Limit(operation) => Self::of_limit(operation),
            Work::Credential(operation) => Self::of_credential(operation),
            Work::Timer(operation) => Self::of_timer(operation),
            Work::Breaker(operation) => Self::of_breaker(operation),
        }
    }

    fn of_budget(operation: &Operation) -> Self {
        match operation {
            Operation::Check { .. } => Role::Check,
            Operation::Reserve { .. } => Role::Reserve,
            Operation::Settle { .. } | Operation::SettleUnheld { .. } | Operation::Track(_) => Role::Usage,
            Operation::Sweep => Role::Internal,
            _ => Role::Other,
        }
    }

    fn of_limit(operation: &rate_limit::operation::Operation) -> Self {
        use rate_limit::operation::Operation;
        match operation {
            Operation::Acquire { .. } => Role::Reserve,
            Operation::Settle { .. } | Operation::Cancel { .. } | Operation::Observe(_) | Operation::Learn(_) => {
                Role::Usage
            }
            Operation::Poll | Operation::KeepShares(_) => Role::Internal,
            _ => Role::Other,
        }
    }

    fn of_credential(operation: &credentials::operation::Operation) -> Self {
        use credentials::operation::Operation;
        match operation {
            Operation::Pick { .. } => Role::Reserve,
            Operation::Report { .. } | Operation::Return { .. } | Operation::SetValid { .. } => Role::Usage,
            _ => Role::Other,
        }
    }

    /// What was done because a timer fired is told to the store however late: else it would be done twice.
    fn of_timer(operation: &timers::operation::Operation) -> Self {
        use timers::operation::Operation;
        match operation {
            Operation::Claim { .. } => Role::Reserve,
            Operation::Fired { .. }
            | Operation::Release { .. }
            | Operation::Delivered { .. }
            | Operation::Undelivered { .. }
            | Operation::Broadcast { .. } => Role::Usage,
            _ => Role::Other,
        }
    }

    fn of_breaker(operation: &breakers::operation::Operation) -> Self {
        use breakers::operation::Operation;
        match operation {
            Operation::Probe { .. } => Role::Reserve,
            Operation::Record { .. } | Operation::Probed { .. } => Role::Usage,
            _ => Role::Other,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The caller waits.
    Waiting,
    /// The caller was told that the usage is kept; its final answer follows.
    Spooled,
    /// The caller has its answer, or wants none.
    Answered,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub call: CallId,
    pub role: Role,
    pub deadline: Instant,
    /// Whether the store may have done it already, or be about to.
    pub may_be_applied: Cell<bool>,
    stage: Cell<Stage>,
}

impl Pending {
    pub(super) fn new(call: CallId, role: Role, deadline: Instant) -> Self {
        let stage = if role == Role::Internal { Stage::Answered } else { Stage::Waiting };
        Self { call, role, deadline, may_be_applied: Cell::new(false), stage: Cell::new(stage) }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.get()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.stage.get() == Stage::Waiting
    }

    pub(super) fn set_stage(&self, stage: Stage) {
        self.stage.set(stage);
    }

    /// Whether dropping the call now would lose nothing that its caller or the budget counts on.
    pub(super) fn is_dead(&self, may_be_applied: bool) -> bool {
        match self.role {
            Role::Usage => self.stage() == Stage::Answered,
            // A reservation that nobody heard of holds tokens: its fate must be learned.
            Role::Reserve => self.stage() == Stage::Answered && !may_be_applied,
            Role::Internal => false,
            Role::Check | Role::Other => self.stage() == Stage::Answered,
        }
    }
}
