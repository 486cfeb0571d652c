//! Which orchestrator is due when.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::identifier::OrchestratorId;

/// Names each orchestrator at one instant at most. Whoever moves an orchestrator knows where it
/// stands, and holds its slot meanwhile.
pub(super) struct Schedule {
    entries: Mutex<BTreeSet<(u64, OrchestratorId)>>,
    /// The first entry's instant, to be read without waiting; `u64::MAX` when there is none.
    soonest_ms: AtomicU64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { entries: Mutex::default(), soonest_ms: AtomicU64::new(u64::MAX) }
    }
}

impl Schedule {
    /// Moves `orchestrator` from one instant to another; `u64::MAX` is nowhere.
    pub fn relist(&self, orchestrator: &OrchestratorId, from_ms: u64, to_ms: u64) {
        let mut entries = self.lock();
        let mut entry = (from_ms, orchestrator.clone());
        if from_ms != u64::MAX {
            entries.remove(&entry);
        }
        if to_ms != u64::MAX {
            entry.0 = to_ms;
            entries.insert(entry);
        }
        self.publish(&entries);
    }

    /// Takes out up to `count` orchestrators whose instant has come. Each must be relisted.
    pub fn take_due(&self, now_ms: u64, count: usize) -> Vec<OrchestratorId> {
        if self.soonest_ms() > now_ms {
            return Vec::new();
        }
        let mut entries = self.lock();
        let mut due = Vec::new();
        while due.len() < count && entries.first().is_some_and(|(at_ms, _)| *at_ms <= now_ms) {
            due.extend(entries.pop_first().map(|(_, orchestrator)| orchestrator));
        }
        self.publish(&entries);
        due
    }

    pub fn soonest_ms(&self) -> u64 {
        self.soonest_ms.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    fn publish(&self, entries: &BTreeSet<(u64, OrchestratorId)>) {
        let soonest_ms = entries.first().map_or(u64::MAX, |(at_ms, _)| *at_ms);
        self.soonest_ms.store(soonest_ms, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(u64, OrchestratorId)>> {
        // Nothing in here can stop halfway: a set left by a panic is still whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
