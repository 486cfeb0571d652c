//! Calls of the last while, in parts.

use serde::{Deserialize, Serialize};

use super::BreakerState;
use crate::domain::breakers::operation::PARTS;
use crate::domain::tokens::add;

/// Calls that ended in one part of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub begin_ms: u64,
    pub successes: u64,
    pub failures: u64,
}

/// Successes, and failures, that are counted in one part at most: all there can be, times a million, is exact.
pub const COUNT_MAX: u64 = 200_000_000;

/// A window has less than twice its parts, also where they are not divided evenly.
const KEPT_MAX: usize = 2 * PARTS as usize;

impl BreakerState {
    /// Counts calls that ended now, and forgets what has left the window.
    pub(super) fn count(&mut self, now_ms: u64, window_ms: u64, successes: u64, failures: u64) {
        self.parts.retain(|part| is_in_window(part, now_ms, window_ms));
        let part_ms = (window_ms / PARTS).max(1);
        let begin_ms = now_ms - now_ms % part_ms;
        // Where clients divide their windows differently, the last part may have begun later.
        if self.parts.last().is_none_or(|last| last.begin_ms < begin_ms) {
            if self.parts.len() >= KEPT_MAX {
                self.parts.remove(0);
            }
            self.parts.push(Part { begin_ms, successes: 0, failures: 0 });
        }
        if let Some(last) = self.parts.last_mut() {
            last.successes = last.successes.saturating_add(successes).min(COUNT_MAX);
            last.failures = last.failures.saturating_add(failures).min(COUNT_MAX);
        }
    }

    /// Successes and failures in the window.
    pub(super) fn counted(&self, now_ms: u64, window_ms: u64) -> (u64, u64) {
        let parts = self.parts.iter().filter(|part| is_in_window(part, now_ms, window_ms));
        parts.fold((0, 0), |(successes, failures), part| (successes + part.successes, failures + part.failures))
    }
}

fn is_in_window(part: &Part, now_ms: u64, window_ms: u64) -> bool {
    add(part.begin_ms, window_ms.max(1)) > now_ms
}
