//! The store in memory, put to the suite.

use std::sync::Arc;

use token_budget::clock::ManualClock;
use token_budget::store::memory::MemoryStore;

use super::harness::Harness;

pub struct MemoryHarness {
    store: MemoryStore,
    clock: Arc<ManualClock>,
}

impl Harness for MemoryHarness {
    type Store = MemoryStore;

    async fn open() -> Self {
        let clock = Arc::new(ManualClock::at(0));
        Self { store: MemoryStore::new(clock.clone()), clock }
    }

    fn store(&self) -> &MemoryStore {
        &self.store
    }

    fn set_now_ms(&self, now_ms: u64) {
        self.clock.set(now_ms);
    }

    fn remembers_replies(&self) -> bool {
        false
    }
}
