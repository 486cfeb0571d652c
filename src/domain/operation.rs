//! What can be asked about one orchestrator, and what is answered.

use serde::{Deserialize, Serialize};

use super::calendar::Window;
use super::error::OperationError;
use super::identifier::UnheldId;
use super::period::{Period, Periods};
use super::policy::Limits;
use super::reservation::{ExpiredReservation, OpenReservation, ReservationId};
use super::threshold::Transition;
use super::tokens;
use super::usage::{Parts, Usage};

/// One thing asked of a store about one orchestrator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// Would `tokens` fit? Writes nothing.
    Check {
        period: Period,
        tokens: u64,
    },
    /// Hold `tokens` in each of `periods`, or in none. Asked twice with one id it holds once.
    Reserve {
        id: ReservationId,
        tokens: u64,
        periods: Periods,
        ttl_ms: u64,
        /// Money to hold beside the tokens, in micro-units of the currency.
        #[serde(default)]
        cost_micros: u64,
    },
    /// End a reservation. `usage: None` gives the tokens back and records nothing.
    Settle {
        id: ReservationId,
        usage: Option<Usage>,
    },
    /// End a reservation that holds nothing, for it was granted while the store was away: records `usage`
    /// in full, once.
    SettleUnheld {
        id: UnheldId,
        usage: Option<Usage>,
    },
    /// Record tokens that are gone, whatever the limit.
    Track(Usage),
    /// Usage of the current window.
    Stats {
        period: Period,
    },
    /// Replace the limits of this orchestrator for every process; `None` returns to the configured.
    SetBudget(Option<Limits>),
    GetBudget,
    SetOverride(Override),
    /// End an override before its time.
    RemoveOverride {
        id: String,
    },
    ListOverrides {
        period: Option<Period>,
    },
    /// Open reservations, soonest expiry first.
    ListReservations {
        period: Option<Period>,
        offset: u64,
        limit: u64,
    },
    /// Records of the current window, newest first.
    History {
        period: Period,
        offset: u64,
        limit: u64,
    },
    /// Forget which thresholds were crossed, so that they are crossed anew.
    ClearThresholds {
        period: Option<Period>,
    },
    /// Give back what expired; the answer is in [`Receipt::expired`].
    Sweep,
    /// Refuse checks and reservations until `until_ms`, or until somebody resumes. Replaces an earlier pause.
    Pause {
        until_ms: Option<u64>,
        /// Who paused it and why, a JSON object as text.
        document_json: String,
    },
    Resume,
    GetPause,
}

impl Operation {
    /// Whether applying it can change the store.
    pub fn writes(&self) -> bool {
        !matches!(
            self,
            Operation::Check { .. }
                | Operation::Stats { .. }
                | Operation::GetBudget
                | Operation::ListOverrides { .. }
                | Operation::ListReservations { .. }
                | Operation::History { .. }
                | Operation::GetPause
        )
    }
}

/// Extra tokens or money in one period until an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub id: String,
    pub period: Period,
    pub additional_tokens: u64,
    pub expires_at_ms: u64,
    /// The override as its author wrote it (reason, author, metadata), a JSON object as text.
    pub document_json: String,
    /// Money instead of tokens, in micro-units of the currency: one of the two is 0.
    #[serde(default)]
    pub additional_cost: u64,
}

/// Nothing is granted to a paused orchestrator; what it used is recorded all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// `None`: until somebody resumes.
    pub until_ms: Option<u64>,
    pub since_ms: u64,
    /// Who paused it and why, a JSON object as text.
    pub document_json: String,
}

impl Pause {
    pub fn is_over(&self, now_ms: u64) -> bool {
        self.until_ms.is_some_and(|until_ms| until_ms <= now_ms)
    }
}

/// One operation of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub operation: Operation,
    /// By the store's clock; a store that sees the request at or after this instant does nothing
    /// and answers [`OperationError::DeadlinePassed`].
    pub deadline_ms: Option<u64>,
}

/// How full one period is, by the store's clock and with live overrides in `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodView {
    pub period: Period,
    pub used: u64,
    pub reserved: u64,
    pub limit: Option<u64>,
    pub window: Window,
    /// Until when the orchestrator is paused; [`MAX_TOKENS`](tokens::MAX_TOKENS): until somebody resumes.
    pub paused_until_ms: Option<u64>,
    pub cost: CostView,
}

/// The money of one period, in micro-units of the currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CostView {
    pub used: u64,
    pub reserved: u64,
    pub limit: Option<u64>,
}

impl CostView {
    /// Whether `micros` more would not fit. Nothing always fits.
    pub fn is_exceeded_by(&self, micros: u64) -> bool {
        micros > 0 && self.limit.is_some_and(|limit| micros > tokens::available(limit, self.used, self.reserved))
    }
}

impl PeriodView {
    /// `max(0, limit - used - reserved)`; `None` when unlimited.
    pub fn available(&self) -> Option<u64> {
        self.limit.map(|limit| super::tokens::available(limit, self.used, self.reserved))
    }
}

/// The answer to one [`Operation`].
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Check(PeriodView),
    /// `remaining` is the least that is left over the limited periods of the reservation.
    Reserved {
        created_at_ms: u64,
        expires_at_ms: u64,
        remaining: Option<u64>,
    },
    /// The first period, shortest first, in which tokens or money do not fit; of a paused orchestrator the shortest.
    Denied(PeriodView),
    Settled(Settlement),
    Tracked {
        duplicate: bool,
        transitions: Vec<Transition>,
    },
    Stats(Stats),
    BudgetSet,
    Budget(BudgetView),
    OverrideSet,
    /// Whether there was such an override.
    OverrideRemoved(bool),
    /// Documents of the live overrides: `(id, period, additional tokens, expiry, document)`.
    Overrides(Vec<Override>),
    Reservations(Vec<OpenReservation>),
    /// JSON objects as text.
    History(Vec<String>),
    ThresholdsCleared,
    Swept,
    /// The pause in force: after [`Operation::Pause`] there is none when it was over already.
    Pause(Option<Pause>),
    /// Whether it was paused.
    Resumed(bool),
}

/// How a reservation ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// Tokens that were held.
    pub reserved: u64,
    pub periods: Periods,
    /// Tokens that were counted.
    pub recorded: u64,
    /// Tokens counted beyond those held: `max(0, actual - reserved)`.
    pub overage: u64,
    /// Micro-units of money that were held, and that were counted.
    pub reserved_cost: u64,
    pub recorded_cost: u64,
    /// Whether the reservation had expired before.
    pub late: bool,
    /// Whether the usage was known already by its request id, so that nothing was counted.
    pub duplicate: bool,
    pub transitions: Vec<Transition>,
}

/// Usage of the current window of one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    pub view: PeriodView,
    /// Reservations that hold tokens in the period.
    pub open_reservations: u64,
    pub parts: Parts,
    /// Used tokens that no part accounts for.
    pub unattributed: u64,
    /// `(model, tokens)`, most tokens first, then by name; at most [`TOP_MODELS`].
    pub models: Vec<(String, u64)>,
}

/// Models told in [`Stats::models`].
pub const TOP_MODELS: usize = 5;

/// Distinct models counted per orchestrator and month; further ones are counted as [`OTHER_MODELS`].
pub const MODEL_LIMIT: usize = 64;
pub const OTHER_MODELS: &str = "(other)";
pub const UNKNOWN_MODEL: &str = "unknown";

/// Live overrides an orchestrator can have in all periods together.
pub const OVERRIDE_LIMIT: usize = 1_000;

/// The limits in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetView {
    /// Without overrides.
    pub base: Limits,
    /// With live overrides.
    pub effective: Limits,
    /// Whether `base` was set at run time rather than configured.
    pub stored: bool,
}

/// What a store answers to a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The store's clock when it decided.
    pub now_ms: u64,
    /// One for each request, in their order.
    pub outcomes: Vec<Result<Outcome, OperationError>>,
    /// Reservations this batch found expired and gave back; each is told once across all processes.
    pub expired: Vec<ExpiredReservation>,
    /// When the next open reservation of the orchestrator expires.
    pub next_expiry_ms: Option<u64>,
}
