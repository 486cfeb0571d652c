//! Circuit breakers on Redis as the product reaches them: the real link, to servers of any topology.

// Each test program uses its own part.
#![allow(dead_code)]

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use token_budget::clock::ManualClock;
use token_budget::domain::breakers::operation::Receipt;
use token_budget::store::BreakerBatch;
use token_budget::store::redis::breakers::BreakerStore;
use token_budget::store::redis::link::Link;

use super::link_harness::{Place, open_link};

pub struct BreakerLink<P> {
    /// In front of the keys of the case.
    pub prefix: String,
    store: BreakerStore<Link>,
    clock: Arc<ManualClock>,
    place: PhantomData<P>,
}

impl<P: Place> crate::breakers::harness::Harness for BreakerLink<P> {
    async fn open() -> Self {
        static CASES: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("case-{}", CASES.fetch_add(1, Ordering::Relaxed));
        let (link, keys) = open_link::<P>(&prefix).await;
        let clock = Arc::new(ManualClock::at(0));
        let store = BreakerStore::with_manual_clock(link, keys, clock.clone());
        Self { prefix, store, clock, place: PhantomData }
    }

    async fn apply(&self, batch: &BreakerBatch) -> Receipt {
        self.store.apply_until(batch, Instant::now() + Duration::from_secs(10)).await.expect("the store answers")
    }

    fn set_now_ms(&self, now_ms: u64) {
        self.clock.set(now_ms);
    }

    fn remembers_replies(&self) -> bool {
        true
    }
}
