//! Breakers that are kept on disk.

use dashmap::Entry;

use super::MemoryBreakers;
use crate::domain::breakers::decide::BreakerState;
use crate::domain::identifier::OrchestratorId;
use crate::store::disk::journal::Journal;
use crate::store::disk::kept::{Keeper, Restored, dumped};

impl MemoryBreakers {
    /// Writes down what is asked, from these states on.
    pub(crate) fn journaled(journal: Journal, restored: Restored<BreakerState>) -> Self {
        let breakers = Self { journal: Some(journal), ..Self::default() };
        for (breaker, state) in restored {
            breakers.reviews.relist(&breaker, u64::MAX, state.ends_at_ms());
            breakers.breakers.insert(breaker, state);
        }
        breakers
    }

    /// What is known, for comparisons.
    #[doc(hidden)]
    pub fn inspect<T>(&self, breaker: &OrchestratorId, look: impl FnOnce(Option<&BreakerState>) -> T) -> T {
        look(self.breakers.get(breaker).as_deref())
    }
}

impl Keeper for MemoryBreakers {
    fn dump(&self, key: &OrchestratorId, seq: &dyn Fn() -> u64) -> (u64, Option<Vec<u8>>) {
        // Either way nobody can change or make the state meanwhile.
        match self.breakers.entry(key.clone()) {
            Entry::Occupied(entry) => (seq(), Some(dumped(entry.get()))),
            Entry::Vacant(_vacant) => (seq(), None),
        }
    }
}
