//! Timers that are kept on disk.

use dashmap::Entry;

use super::MemoryTimers;
use crate::domain::identifier::OrchestratorId;
use crate::domain::timers::decide::ShardState;
use crate::domain::timers::operation::{Policy, Request};
use crate::store::disk::journal::Journal;
use crate::store::disk::kept::{Keeper, Restored, dumped};

impl MemoryTimers {
    /// Writes down what is asked, from these shards on.
    pub(crate) fn journaled(journal: Journal, restored: Restored<ShardState>) -> Self {
        Self { shards: restored.into_iter().collect(), journal: Some(journal) }
    }

    /// Ends all claims: nobody lives who has one. No instant is needed for that, and at 0 nothing else happens.
    pub(crate) fn release_all(&self) {
        let claims = self.shards.iter().map(|shard| (shard.key().clone(), shard.releases()));
        for (shard, releases) in claims.collect::<Vec<_>>() {
            let requests = releases.into_iter().map(|operation| Request { operation, deadline_ms: None });
            let requests = requests.collect::<Vec<_>>();
            if !requests.is_empty() {
                self.write(&shard, 0, &Policy::default(), &requests);
            }
        }
    }

    /// What is known, for comparisons.
    #[doc(hidden)]
    pub fn inspect<T>(&self, shard: &OrchestratorId, look: impl FnOnce(Option<&ShardState>) -> T) -> T {
        look(self.shards.get(shard).as_deref())
    }
}

impl Keeper for MemoryTimers {
    fn dump(&self, key: &OrchestratorId, seq: &dyn Fn() -> u64) -> (u64, Option<Vec<u8>>) {
        // Either way nobody can change or make the state meanwhile.
        match self.shards.entry(key.clone()) {
            Entry::Occupied(entry) => (seq(), Some(dumped(entry.get()))),
            Entry::Vacant(_vacant) => (seq(), None),
        }
    }
}
