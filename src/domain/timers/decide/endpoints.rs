//! Endpoints that nothing is sent to.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::timers::operation::ENDPOINTS_MAX;

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Disabled {
    since_ms: BTreeMap<Box<str>, u64>,
    by_age: BTreeSet<(u64, Box<str>)>,
}

impl Disabled {
    pub fn contains(&self, endpoint: &str) -> bool {
        self.since_ms.contains_key(endpoint)
    }

    /// Whether it was not there. One too many makes the longest disabled forgotten.
    pub fn insert(&mut self, endpoint: &str, since_ms: u64) -> bool {
        if self.contains(endpoint) {
            return false;
        }
        self.since_ms.insert(endpoint.into(), since_ms);
        self.by_age.insert((since_ms, endpoint.into()));
        if self.since_ms.len() > ENDPOINTS_MAX
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.since_ms.remove(&oldest);
        }
        true
    }

    /// Whether it was there.
    pub fn remove(&mut self, endpoint: &str) -> bool {
        let Some(since_ms) = self.since_ms.remove(endpoint) else { return false };
        self.by_age.remove(&(since_ms, endpoint.into()));
        true
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.since_ms.iter().map(|(endpoint, since_ms)| (&**endpoint, *since_ms))
    }

    pub fn is_empty(&self) -> bool {
        self.since_ms.is_empty()
    }
}
