//! What the caller asks of a tracker.

use std::time::Duration;

use crate::domain::identifier::{OrchestratorId, ReservationId};
use crate::domain::operation::Operation;
use crate::domain::usage::Usage;
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
    /// Settle a reservation that was granted while the store was down and holds nothing. `None`
    /// has nothing to record.
    SettleUnheld {
        id: ReservationId,
        usage: Option<Usage>,
        caller_now_ms: u64,
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

/// Marks the ids of reservations that were granted while the store was down: they hold nothing, and
/// what is settled under them is recorded as plain usage, once.
pub const UNHELD_PREFIX: char = '~';

/// How an unheld reservation is called outside, and the request id that makes it count once.
pub fn unheld_name(id: &ReservationId) -> String {
    format!("{UNHELD_PREFIX}{}", id.as_str())
}
