//! Limiters that are kept on disk.

use std::sync::{Arc, Mutex};

use dashmap::Entry;

use super::{MemoryLimiters, Slot, lock};
use crate::domain::identifier::OrchestratorId;
use crate::domain::rate_limit::decide::LimiterState;
use crate::store::disk::journal::Journal;
use crate::store::disk::kept::{Keeper, Restored, dumped};

impl MemoryLimiters {
    /// Writes down what is asked, from these states on.
    pub(crate) fn journaled(journal: Journal, restored: Restored<LimiterState>) -> Self {
        let limiters = Self { journal: Some(journal), ..Self::default() };
        for (limiter, state) in restored {
            let mut slot = Slot { state, review_at_ms: u64::MAX, is_forgotten: false };
            limiters.list(&limiter, &mut slot);
            limiters.slots.insert(limiter, Arc::new(Mutex::new(slot)));
        }
        limiters
    }

    /// What is known, for comparisons.
    #[doc(hidden)]
    pub fn inspect<T>(&self, limiter: &OrchestratorId, look: impl FnOnce(Option<&LimiterState>) -> T) -> T {
        let slot = self.slots.get(limiter).map(|slot| Arc::clone(&slot));
        match slot {
            Some(slot) => look(Some(&lock(&slot).state)),
            None => look(None),
        }
    }
}

impl Keeper for MemoryLimiters {
    fn dump(&self, key: &OrchestratorId, seq: &dyn Fn() -> u64) -> (u64, Option<Vec<u8>>) {
        // Either way nobody can change, forget or make the state meanwhile.
        match self.slots.entry(key.clone()) {
            Entry::Occupied(entry) => {
                let slot = lock(entry.get());
                (seq(), Some(dumped(&slot.state)))
            }
            Entry::Vacant(_vacant) => (seq(), None),
        }
    }
}
