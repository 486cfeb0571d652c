//! What a tracker was configured with, as far as decisions depend on it.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::calendar::Calendar;
use super::period::{PERIOD_COUNT, Period};

/// Limits per period, indexed by [`Period::index`]. `None` is unlimited, 0 allows nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub tokens: [Option<u64>; PERIOD_COUNT],
    /// Micro-units of the currency.
    pub cost: [Option<u64>; PERIOD_COUNT],
}

impl Limits {
    pub const UNLIMITED: Limits = Limits::tokens([None; PERIOD_COUNT]);

    /// Of tokens alone.
    pub const fn tokens(tokens: [Option<u64>; PERIOD_COUNT]) -> Self {
        Self { tokens, cost: [None; PERIOD_COUNT] }
    }

    pub fn get(&self, period: Period) -> Option<u64> {
        self.tokens[period.index()]
    }

    pub fn has_cost(&self) -> bool {
        self.cost.iter().any(Option::is_some)
    }
}

/// A list of the token limits, and of the others behind them if there are any: as it was before there were any.
impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.has_cost() {
            true => [self.tokens, self.cost].as_flattened().serialize(serializer),
            false => self.tokens.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limits = Vec::<Option<u64>>::deserialize(deserializer)?;
        let at = |index: usize| limits.get(index).copied().flatten();
        Ok(Self { tokens: std::array::from_fn(at), cost: std::array::from_fn(|index| at(PERIOD_COUNT + index)) })
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
