//! Threshold crossings.
//!
//! A budget has a level, `(used + reserved) / limit`. It is looked at whenever usage is recorded:
//! the levels before and after make a [`Transition`]. A threshold `t` is crossed when
//! `before < t <= after`. Since the store keeps the level of the last recording, every crossing
//! lies in exactly one transition, whichever process caused it.

use super::period::{PERIOD_COUNT, Period};

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Tokens,
    /// Micro-units of the currency.
    Cost,
}

/// One recording that crossed at least one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    pub period: Period,
    pub unit: Unit,
    /// The lower of the level at the last recording and the level just before this one: a level
    /// that fell in between has re-armed what it fell below.
    pub level_before: f64,
    pub level_after: f64,
    pub used: u64,
    pub reserved: u64,
    pub limit: u64,
    pub at_ms: u64,
}

impl Transition {
    /// The number of its period, and of its unit, where both are one number: periods of tokens come first.
    pub fn number(&self) -> usize {
        self.period.index() + if self.unit == Unit::Cost { PERIOD_COUNT } else { 0 }
    }

    /// The period and the unit of such a number.
    pub fn of_number(number: usize) -> Option<(Period, Unit)> {
        let unit = if number < PERIOD_COUNT { Unit::Tokens } else { Unit::Cost };
        let index = if unit == Unit::Cost { number - PERIOD_COUNT } else { number };
        Some((Period::from_index(index)?, unit))
    }

    /// The thresholds this recording crossed, ascending.
    pub fn crossed<'a>(&'a self, thresholds: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        thresholds.iter().copied().filter(|threshold| self.level_before < *threshold && *threshold <= self.level_after)
    }
}
