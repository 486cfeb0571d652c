//! What a tracker was configured with, as far as decisions depend on it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::period::{PERIOD_COUNT, Period};

/// Token limits per period, indexed by [`Period::index`]. `None` is unlimited, 0 allows nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits(pub [Option<u64>; PERIOD_COUNT]);

impl Limits {
    pub const UNLIMITED: Limits = Limits([None; PERIOD_COUNT]);

    pub fn get(&self, period: Period) -> Option<u64> {
        self.0[period.index()]
    }
}

/// The rules every operation of one tracker is decided by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    pub calendar: Calendar,
    /// Ascending fractions of a limit, each above 0 and finite.
    pub thresholds: Arc<[f64]>,
    /// How long a request id is remembered.
    pub idempotency_ttl_ms: u64,
    /// How long after its expiry a reservation can still be settled (late).
    pub late_settle_ttl_ms: u64,
    /// Entries kept per history list; 0 keeps no history.
    pub history_limit: u64,
    /// Whether every process hears threshold crossings, not only the one that caused them.
    pub broadcast: bool,
}
