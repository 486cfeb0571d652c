//! What the caller asks of a tracker.

use std::time::Duration;

use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::Operation;
use crate::domain::{breakers, credentials, rate_limit, timers};
use crate::service::answer::{CallId, FailureCode};

/// One call, from the caller's number to what is asked.
#[derive(Debug)]
pub struct Call {
    pub id: CallId,
    pub kind: CallKind,
}

#[derive(Debug)]
pub enum CallKind {
    /// `caller_now_ms`: the caller's clock when it asked; understood for operations that carry a
    /// timestamp of that clock.
    Operate {
        orchestrator: OrchestratorId,
        operation: Operation,
        caller_now_ms: Option<u64>,
    },
    Limit(rate_limit::operation::Operation),
    Credential {
        pool: OrchestratorId,
        operation: credentials::operation::Operation,
    },
    /// Replaces what is said of a pool with every batch. Has no answer.
    ConfigurePool {
        pool: OrchestratorId,
        policy: credentials::operation::Policy,
    },
    Timer {
        shard: OrchestratorId,
        operation: timers::operation::Operation,
    },
    /// Replaces what is said of timers with every batch. Has no answer.
    ConfigureTimers(timers::operation::Policy),
    Breaker {
        breaker: OrchestratorId,
        operation: breakers::operation::Operation,
    },
    /// Replaces what is said of a breaker with every batch. Has no answer.
    ConfigureBreaker {
        breaker: OrchestratorId,
        policy: breakers::operation::Policy,
    },
    Ping,
    Ready {
        timeout: Duration,
    },
    Close {
        timeout: Duration,
    },
    /// The answer of a call is no longer wanted.
    Forget(CallId),
    /// Refused before it reached a store.
    Refused {
        code: FailureCode,
        message: String,
    },
}
