//! How the suite handles a store of breakers.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use token_budget::domain::breakers::operation::Receipt;
use token_budget::store::BreakerBatch;
use token_budget::store::memory::breakers::MemoryBreakers;

use super::desk::{Desk, START_MS};

/// An empty store whose clock the test moves.
pub trait Harness: Sized {
    /// Where the clock of plays stands at first.
    const START_MS: u64 = START_MS;

    /// Opens an empty store. Ends it when dropped.
    fn open() -> impl Future<Output = Self>;

    fn apply(&self, batch: &BreakerBatch) -> impl Future<Output = Receipt>;

    /// Sets the store's clock.
    fn set_now_ms(&self, now_ms: u64);

    /// Whether the store remembers its answers for batches that are sent again. One whose answers
    /// cannot get lost need not.
    fn remembers_replies(&self) -> bool;
}

/// Runs one case on a fresh store.
pub fn run<H: Harness, F: Future<Output = ()>>(case: impl FnOnce(Desk<H>) -> F) {
    on_one_thread(async { case(Desk::new(H::open().await)).await });
}

pub fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

/// The store in memory, put to the suite.
#[derive(Default)]
pub struct MemoryHarness {
    breakers: MemoryBreakers,
    now_ms: AtomicU64,
}

impl Harness for MemoryHarness {
    async fn open() -> Self {
        Self::default()
    }

    async fn apply(&self, batch: &BreakerBatch) -> Receipt {
        self.breakers.apply_at(batch, self.now_ms.load(Ordering::Relaxed))
    }

    fn set_now_ms(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    fn remembers_replies(&self) -> bool {
        false
    }
}
