//! What can be asked about one circuit breaker, and what is answered.

use serde::{Deserialize, Serialize};

/// Who probes: unique per attempt. `[A-Za-z0-9_-]`.
pub type Holder = Box<str>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    #[default]
    Closed,
    Open,
    /// One probe at a time may find out whether the service is back.
    HalfOpen,
}

/// When a closed breaker opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Mode {
    /// After so many failures in a row, no success between them.
    Consecutive { threshold: u64 },
    /// When, of at least `minimum` calls in the last `window_ms`, `threshold_ppm` millionths or more failed. The window
    /// is counted in [`PARTS`] parts.
    Sampling { threshold_ppm: u64, minimum: u64, window_ms: u64 },
}

/// Parts of the window of [`Mode::Sampling`].
pub const PARTS: u64 = 10;

/// What a client says with each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    pub mode: Mode,
    /// How long it stays open.
    pub reset_after_ms: u64,
    /// The longest it stays open, whatever a provider says or however often a probe failed.
    pub reset_after_max_ms: u64,
    /// Each failed probe in a row multiplies the time it stays open, in thousandths; 1000: it stays the same.
    pub growth_permille: u64,
    /// Successful probes in a row that close it.
    pub successes_to_close: u64,
    /// A probe that says nothing for so long has failed to tell; another may begin.
    pub probe_ttl_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Consecutive { threshold: 5 },
            reset_after_ms: 300_000,
            reset_after_max_ms: 3_600_000,
            growth_permille: 1_000,
            successes_to_close: 1,
            probe_ttl_ms: 60_000,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Operation {
    View,
    /// Calls that were made while it was closed, in this order: `successes` first. Those that ended after it opened
    /// change nothing but a later reset. `reset_in_ms`: when the provider says that the service is back. Only failures
    /// open it; a sample that is bad enough waits for the next one.
    Record {
        successes: u64,
        failures: u64,
        reset_in_ms: Option<u64>,
    },
    /// May a call be made as a probe? Only when it is half open, or open and its time is over, and nobody probes.
    Probe {
        holder: Holder,
    },
    /// How a probe went; `None`: it told nothing about the service.
    Probed {
        holder: Holder,
        succeeded: Option<bool>,
        reset_in_ms: Option<u64>,
    },
    /// Puts it into a state by hand. `for_ms`: how long it stays open; `None`: until it is closed by hand.
    Force {
        state: State,
        for_ms: Option<u64>,
    },
    /// Takes over what another store knew. What is over by now has ended; nobody probes, and it stays open no longer
    /// than [`Policy::reset_after_max_ms`] from now, unless until it is closed by hand.
    Restore {
        view: View,
    },
}

impl Operation {
    /// Whether applying it can change the store.
    pub fn writes(&self) -> bool {
        !matches!(self, Operation::View)
    }
}

/// A breaker as the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    pub state: State,
    /// Closed, consecutive: failures in a row. Closed, sampling: failures in the window. Else: what it was when it
    /// opened.
    pub failures: u64,
    /// Closed, sampling: successes in the window. Half open: successful probes in a row.
    pub successes: u64,
    /// When it opened last; 0: never.
    pub opened_at_ms: u64,
    /// Open: when a probe may be made. [`FOREVER_MS`]: not before it is closed by hand.
    pub open_until_ms: u64,
    /// How often in a row it opened without closing.
    pub openings: u64,
    /// When the probe under way has had its time; 0: nobody probes.
    pub probe_until_ms: u64,
    /// Grows with every change that others need to hear of: all but further failures in a row, and counts of a window.
    pub version: u64,
}

/// 2^53 - 1.
pub const FOREVER_MS: u64 = crate::domain::tokens::MAX_TOKENS;

/// A change of state, told once across all processes: to whoever caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    pub from: State,
    pub to: State,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub view: View,
    /// Of [`Operation::Probe`]: whether the call may be made. Of [`Operation::Probed`]: whether it was the holder's.
    pub is_granted: bool,
    /// In their order; at most two.
    pub transitions: Vec<Transition>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub operation: Operation,
    pub deadline_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receipt {
    /// The store's clock when it decided.
    pub now_ms: u64,
    pub outcomes: Vec<Result<Outcome, crate::domain::error::OperationError>>,
}
