//! One call on its way.

use std::cell::Cell;
use std::time::Instant;

use crate::domain::operation::Operation;
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
    pub(super) fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Check { .. } => Role::Check,
            Operation::Reserve { .. } => Role::Reserve,
            Operation::Settle { .. } | Operation::SettleUnheld { .. } | Operation::Track(_) => Role::Usage,
            Operation::Sweep => Role::Internal,
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
