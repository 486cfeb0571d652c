//! Budgets that are kept on disk.

use std::sync::Arc;

use dashmap::Entry;

use super::{MemoryStore, Slot};
use crate::clock::Clock;
use crate::domain::decide::OrchestratorState;
use crate::domain::identifier::OrchestratorId;
use crate::store::disk::journal::Journal;
use crate::store::disk::kept::{Keeper, Restored, dumped};

impl MemoryStore {
    /// Writes down what is asked, from these states on.
    pub(crate) fn journaled(clock: Arc<dyn Clock>, journal: Journal, restored: Restored<OrchestratorState>) -> Self {
        let store = Self { journal: Some(journal), ..Self::new(clock) };
        for (orchestrator, state) in restored {
            let mut slot = Slot::new(state);
            store.list(&orchestrator, &mut slot);
            store.slots.insert(orchestrator, slot);
        }
        store
    }

    /// What is known, for comparisons.
    #[doc(hidden)]
    pub fn inspect<T>(&self, orchestrator: &OrchestratorId, look: impl FnOnce(Option<&OrchestratorState>) -> T) -> T {
        look(self.slots.get(orchestrator).as_deref().map(|slot| &slot.state))
    }
}

impl Keeper for MemoryStore {
    fn dump(&self, key: &OrchestratorId, seq: &dyn Fn() -> u64) -> (u64, Option<Vec<u8>>) {
        // Either way nobody can change or make the state meanwhile.
        match self.slots.entry(key.clone()) {
            Entry::Occupied(entry) => (seq(), Some(dumped(&entry.get().state))),
            Entry::Vacant(_vacant) => (seq(), None),
        }
    }
}
