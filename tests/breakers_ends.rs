//! No decision about circuit breakers depends on the end of a key: the store agrees with memory while its keys end.

#[path = "support/breaker_link.rs"]
mod breaker_link;
mod breakers;
mod conformance;
#[path = "support/link_harness.rs"]
mod link_harness;
#[path = "support/servers.rs"]
mod servers;

use std::cell::RefCell;

use breaker_link::BreakerLink;
use breakers::desk::{DAY_MS, START_MS};
use breakers::harness::{Harness, on_one_thread};
use breakers::plays;
use link_harness::{Place, Standalone};
use proptest::prelude::*;
use token_budget::domain::breakers::operation::Receipt;
use token_budget::store::BreakerBatch;
use token_budget::store::redis::config::Topology;

/// A standalone Redis whose keys end when the manual clock says so, which is ahead of the server's.
struct MortalKeys {
    inner: BreakerLink<Standalone>,
    server: RefCell<redis::Connection>,
}

impl Harness for MortalKeys {
    const START_MS: u64 = START_MS + 28 * 365 * DAY_MS;

    async fn open() -> Self {
        let Topology::Standalone(address) = Standalone::topology() else { unreachable!("it is standalone") };
        let client = redis::Client::open(format!("redis://{address}/")).expect("the address is one");
        let server = RefCell::new(client.get_connection().expect("the server is up"));
        Self { inner: BreakerLink::open().await, server }
    }

    async fn apply(&self, batch: &BreakerBatch) -> Receipt {
        self.inner.apply(batch).await
    }

    fn set_now_ms(&self, now_ms: u64) {
        self.inner.set_now_ms(now_ms);
        let mut server = self.server.borrow_mut();
        let state = format!("{}:breakers:breaker%201:state", self.inner.prefix);
        let end_ms: i64 = redis::cmd("PEXPIRETIME").arg(&state).query(&mut *server).expect("the server answers");
        if (0..=now_ms as i64).contains(&end_ms) {
            redis::cmd("DEL").arg(&state).exec(&mut *server).expect("the server answers");
        }
    }

    fn remembers_replies(&self) -> bool {
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_the_store_in_memory_does(steps in plays::steps()) {
        // What has ended stays away when the clock goes back, where a twin that forgets later still knows it.
        let onwards: Vec<_> = steps.into_iter().filter(|step| !matches!(step, plays::Step::Back { .. })).collect();
        on_one_thread(plays::agree::<MortalKeys>(&onwards));
    }
}
