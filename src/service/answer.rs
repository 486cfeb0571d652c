//! What a tracker tells its caller.

use crate::domain::error::OperationError;
use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::{Outcome, Pause, PeriodView, Receipt};
use crate::domain::reservation::ExpiredReservation;
use crate::domain::threshold::Transition;
use crate::domain::{breakers, credentials, rate_limit, timers};

/// The caller's number of a call; 0 is nobody's.
pub type CallId = u64;

/// Why a call failed. The numbers are part of the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FailureCode {
    ReservationNotFound = 1,
    RequestConflict = 2,
    Timeout = 3,
    StoreUnavailable = 4,
    Closed = 5,
    InvalidArgument = 6,
    InvalidConfig = 7,
}

impl FailureCode {
    /// The code an operation that was refused fails with.
    pub fn of(error: &OperationError) -> Self {
        match error {
            OperationError::ReservationNotFound { .. } => FailureCode::ReservationNotFound,
            OperationError::RequestConflict { .. } => FailureCode::RequestConflict,
            OperationError::DeadlinePassed => FailureCode::Timeout,
            OperationError::TooManyOverrides => FailureCode::InvalidArgument,
            OperationError::Refused { .. } => FailureCode::StoreUnavailable,
        }
    }

    /// The code as the facade's errors carry it.
    pub fn name(self) -> &'static str {
        match self {
            FailureCode::ReservationNotFound => "RESERVATION_NOT_FOUND",
            FailureCode::RequestConflict => "REQUEST_CONFLICT",
            FailureCode::Timeout => "TIMEOUT",
            FailureCode::StoreUnavailable => "STORE_UNAVAILABLE",
            FailureCode::Closed => "CLOSED",
            FailureCode::InvalidArgument => "INVALID_ARGUMENT",
            FailureCode::InvalidConfig => "INVALID_CONFIG",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Any outcome but those below.
    Outcome {
        call: CallId,
        outcome: Outcome,
    },
    /// `store_down`: granted by `onStoreError`, nothing is held.
    Reserved {
        call: CallId,
        id: String,
        created_at_ms: u64,
        expires_at_ms: u64,
        remaining: Option<u64>,
        store_down: bool,
    },
    Denied {
        call: CallId,
        view: PeriodView,
        store_down: bool,
    },
    Settled {
        call: CallId,
        orchestrator: OrchestratorId,
        settlement: crate::domain::operation::Settlement,
    },
    /// Of a limiter. [`rate_limit::operation::Outcome::Waiting`] is not the last answer to its call.
    Limit {
        call: CallId,
        outcome: rate_limit::operation::Outcome,
    },
    /// Of a pool of credentials. `now_ms`: the store's clock when it decided.
    Credential {
        call: CallId,
        outcome: credentials::operation::Outcome,
        now_ms: u64,
    },
    /// Of a shard of timers. `now_ms`: the store's clock when it decided, `next_due_ms`: when something of the shard is
    /// due next.
    Timer {
        call: CallId,
        outcome: timers::operation::Outcome,
        now_ms: u64,
        next_due_ms: Option<u64>,
    },
    /// Of a circuit breaker.
    Breaker {
        call: CallId,
        outcome: breakers::operation::Outcome,
        now_ms: u64,
    },
    Done {
        call: CallId,
    },
    /// The usage waits for the store; the final answer follows.
    Spooled {
        call: CallId,
    },
    /// A check answered by `onStoreError`.
    StoreDown {
        call: CallId,
        allowed: bool,
    },
    Failed {
        call: CallId,
        code: FailureCode,
        message: String,
    },
    /// `lost`: reported usages that could not be delivered.
    Closed {
        call: CallId,
        lost: u64,
    },
    Event(Event),
}

/// What happens beside the calls.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Threshold {
        orchestrator: OrchestratorId,
        threshold: f64,
        transition: Transition,
    },
    Expired {
        orchestrator: OrchestratorId,
        reservation: ExpiredReservation,
    },
    /// Another process paused an orchestrator, or resumed it.
    Pause {
        orchestrator: OrchestratorId,
        pause: Option<Pause>,
    },
    Connected {
        address: String,
    },
    Disconnected {
        address: String,
        reason: String,
    },
    Warning {
        message: String,
    },
    /// Something of a shard of timers is due, earlier than was known.
    Due {
        shard: OrchestratorId,
        due_ms: u64,
    },
    /// What somebody broadcast.
    Message {
        message: String,
    },
    /// How a circuit breaker stands.
    Breaker {
        breaker: OrchestratorId,
        view_json: String,
    },
    /// News of others are heard from now on; earlier ones may have been missed.
    Listening,
}

/// The events an outcome stands for, given to `emit` in the order of their thresholds.
pub fn threshold_events(
    orchestrator: &OrchestratorId,
    transitions: &[Transition],
    thresholds: &[f64],
    mut emit: impl FnMut(Event),
) {
    for transition in transitions {
        for threshold in transition.crossed(thresholds) {
            let (orchestrator, transition) = (orchestrator.clone(), *transition);
            emit(Event::Threshold { orchestrator, threshold, transition });
        }
    }
}

/// The transitions of an outcome.
pub fn transitions(outcome: &Outcome) -> &[Transition] {
    match outcome {
        Outcome::Tracked { transitions, .. } => transitions,
        Outcome::Settled(settlement) => &settlement.transitions,
        _ => &[],
    }
}

/// The reservations a receipt found expired, as events.
pub fn expired_events(orchestrator: &OrchestratorId, receipt: &Receipt, mut emit: impl FnMut(Event)) {
    for reservation in &receipt.expired {
        emit(Event::Expired { orchestrator: orchestrator.clone(), reservation: reservation.clone() });
    }
}
