//! Timers on Redis as the product reaches them: the real link, to servers of any topology.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use token_budget::clock::ManualClock;
use token_budget::domain::timers::operation::Receipt;
use token_budget::store::TimerBatch;
use token_budget::store::redis::link::Link;
use token_budget::store::redis::timers::TimerStore;

use super::link_harness::{Place, open_link};

pub struct TimerLink<P> {
    store: TimerStore<Link>,
    clock: Arc<ManualClock>,
    place: PhantomData<P>,
}

impl<P: Place> crate::timer_plays::Stage for TimerLink<P> {
    async fn open() -> Self {
        static CASES: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("case-{}", CASES.fetch_add(1, Ordering::Relaxed));
        let (link, keys) = open_link::<P>(&prefix).await;
        let clock = Arc::new(ManualClock::at(0));
        let store = TimerStore::with_manual_clock(link, keys, clock.clone());
        Self { store, clock, place: PhantomData }
    }

    async fn apply(&self, batch: &TimerBatch) -> Receipt {
        self.store.apply_until(batch, Instant::now() + Duration::from_secs(10)).await.expect("the store answers")
    }

    fn set_now_ms(&self, now_ms: u64) {
        self.clock.set(now_ms);
    }
}
