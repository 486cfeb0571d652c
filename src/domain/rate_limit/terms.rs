//! The limits of a provider, and what is made of them.

use serde::{Deserialize, Serialize};

use super::amounts::Unit;

/// At most `limit` of `unit` in any `window_ms` that can be laid over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    pub unit: Unit,
    pub window_ms: u64,
    pub limit: u64,
    /// What calls may take that are not critical: the limit without the share that is held back.
    pub ordinary: u64,
}

/// Rules that a limiter can have.
pub const RULES_MAX: usize = 8;

/// Different windows that its rules can name.
pub const WINDOWS_MAX: usize = 4;

/// Parts that a window is kept in. What is admitted in a part counts until the whole part has left the
/// window, so that a limit is never exceeded, and at most one part in sixty lies idle.
pub const WINDOW_PARTS: u64 = 60;

/// Calls under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Concurrency {
    pub limit: u64,
    pub ordinary: u64,
}

/// The limits in force for a key of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// At most [`RULES_MAX`].
    pub rules: Vec<Rule>,
    pub concurrency: Option<Concurrency>,
    /// The least time from one admission to the next in microseconds; 0 = none.
    pub pause_us: u64,
}

/// What a client says with each batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Terms set at run time come before these.
    pub configured: Terms,
    /// The pause after a hit, when the provider names none; doubled by each further hit.
    pub cooldown_ms: u64,
    /// No cooldown is longer, whatever doubled it or whoever asked for it.
    pub cooldown_max_ms: u64,
    /// How long a permit is held that nobody settles, while its holder lives.
    pub permit_ttl_ms: u64,
    /// A client that does not call for so long is dead.
    pub client_lease_ms: u64,
    /// Calls that may wait.
    pub line_max: u64,
}

/// Sixty seconds: the windows of RPM, ITPM, OTPM and TPM.
pub const MINUTE_MS: u64 = 60_000;
/// Twenty-four hours: rolling, too.
pub const DAY_MS: u64 = 86_400_000;
