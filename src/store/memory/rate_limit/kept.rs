//! Limiters that are kept on disk.

use dashmap::Entry;

use super::{MemoryLimiters, Slot};
use crate::domain::identifier::OrchestratorId;
use crate::domain::rate_limit::decide::LimiterState;
use crate::store::disk::journal::Journal;
use crate::store::disk::kept::{Keeper, Restored, dumped};

impl MemoryLimiters {
    /// Writes down what is asked, from these states on.
    pub(crate) fn journaled(journal: Journal, restored: Restored<LimiterState>) -> Self {
        let limiters = Self { journal: Some(journal), ..Self::default() };
        for (limiter, state) in restored {
            let mut slot = Slot { state, review_at_ms: u64::MAX };
            limiters.list(&limiter, &mut slot);
            limiters.slots.insert(limiter, slot);
        }
        limiters
    }

    /// What is known, for comparisons.
    #[doc(hidden)]
    pub fn inspect<T>(&self, limiter: &OrchestratorId, look: impl FnOnce(Option<&LimiterState>) -> T) -> T {
        look(self.slots.get(limiter).as_deref().map(|slot| &slot.state))
    }
}

impl Keeper for MemoryLimiters {
    fn dump(&self, key: &OrchestratorId, seq: &dyn Fn() -> u64) -> (u64, Option<Vec<u8>>) {
        // Either way nobody can change or make the state meanwhile.
        match self.slots.entry(key.clone()) {
            Entry::Occupied(entry) => (seq(), Some(dumped(&entry.get().state))),
            Entry::Vacant(_vacant) => (seq(), None),
        }
    }
}
