//! The windows that are sent along with a batch.

use std::cell::RefCell;
use std::sync::Arc;

use crate::domain::period::{PERIOD_COUNT, Period};
use crate::domain::policy::Policy;

/// Two windows that follow each other: `[start, turn)` and `[turn, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowPair {
    pub start_ms: u64,
    pub turn_ms: u64,
    pub end_ms: u64,
}

pub type WindowPairs = [WindowPair; PERIOD_COUNT];

/// Keeps the last answer: in a time zone with shifts the calendar has to search for them.
#[derive(Debug, Default)]
pub struct WindowCache {
    last: RefCell<Option<(Arc<Policy>, WindowPairs)>>,
}

impl WindowCache {
    /// The windows of `instant_ms`, each with the one that follows.
    pub fn pairs(&self, policy: &Arc<Policy>, instant_ms: u64) -> WindowPairs {
        let mut last = self.last.borrow_mut();
        if let Some((known, pairs)) = &*last {
            let holds = pairs.iter().all(|pair| (pair.start_ms..pair.turn_ms).contains(&instant_ms));
            if holds && Arc::ptr_eq(known, policy) {
                return *pairs;
            }
        }
        let calendar = &policy.calendar;
        let pairs = Period::ALL.map(|period| {
            let window = calendar.window(period, instant_ms);
            let next = calendar.window(period, window.end_ms);
            WindowPair { start_ms: window.start_ms, turn_ms: window.end_ms, end_ms: next.end_ms }
        });
        *last = Some((Arc::clone(policy), pairs));
        pairs
    }
}
