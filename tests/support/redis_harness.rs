//! Redis as the suites handle it: an empty server for each case.


use std::rc::Rc;
use std::sync::Arc;

use token_budget::clock::ManualClock;
use token_budget::store::redis::keys::Keys;
use token_budget::store::redis::store::RedisStore;

use super::redis_server::RedisServer;
use super::redis_transport::TestTransport;

pub struct RedisHarness {
    store: RedisStore<TestTransport>,
    clock: Arc<ManualClock>,
    _server: Rc<RedisServer>,
}

impl RedisHarness {
    pub async fn on(server: Rc<RedisServer>) -> Self {
        let clock = Arc::new(ManualClock::at(0));
        let transport = TestTransport::open(&server.client()).await;
        let store = RedisStore::with_manual_clock(transport, Keys::new("test", false), clock.clone());
        Self { store, clock, _server: server }
    }
}

impl crate::conformance::harness::Harness for RedisHarness {
    type Store = RedisStore<TestTransport>;

    async fn open() -> Self {
        Self::on(Rc::new(RedisServer::start())).await
    }

    fn store(&self) -> &Self::Store {
        &self.store
    }

    fn set_now_ms(&self, now_ms: u64) {
        self.clock.set(now_ms);
    }

    fn remembers_replies(&self) -> bool {
        true
    }
}
