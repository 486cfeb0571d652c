//! Pools that are kept on disk.

use dashmap::Entry;

use super::{MemoryPools, REVIEW_EVERY_MS};
use crate::domain::credentials::decide::PoolState;
use crate::domain::identifier::OrchestratorId;
use crate::store::disk::journal::Journal;
use crate::store::disk::kept::{Keeper, Restored, dumped};

impl MemoryPools {
    /// Writes down what is asked, from these states on.
    pub(crate) fn journaled(journal: Journal, restored: Restored<PoolState>) -> Self {
        let pools = Self { journal: Some(journal), ..Self::default() };
        for (pool, state) in restored {
            let review_at_ms = state.last_now_ms().saturating_add(REVIEW_EVERY_MS);
            pools.reviews.relist(&pool, u64::MAX, review_at_ms);
            pools.pools.insert(pool, state);
        }
        pools
    }

    /// What is known, for comparisons.
    #[doc(hidden)]
    pub fn inspect<T>(&self, pool: &OrchestratorId, look: impl FnOnce(Option<&PoolState>) -> T) -> T {
        look(self.pools.get(pool).as_deref())
    }
}

impl Keeper for MemoryPools {
    fn dump(&self, key: &OrchestratorId, seq: &dyn Fn() -> u64) -> (u64, Option<Vec<u8>>) {
        // Either way nobody can change or make the state meanwhile.
        match self.pools.entry(key.clone()) {
            Entry::Occupied(entry) => (seq(), Some(dumped(entry.get()))),
            Entry::Vacant(_vacant) => (seq(), None),
        }
    }
}
