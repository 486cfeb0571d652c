//! Redis as the suites handle it: an empty server for each case. Cases that run one after the other
//! in a thread share a server, which is emptied in between.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use token_budget::clock::ManualClock;
use token_budget::store::redis::keys::Keys;
use token_budget::store::redis::store::RedisStore;

use super::redis_server::RedisServer;
use super::redis_transport::TestTransport;

thread_local! {
    /// Ended with the thread, whether its test passed or not.
    static SERVER: RefCell<Option<Rc<RedisServer>>> = const { RefCell::new(None) };
}

pub struct RedisHarness {
    store: RedisStore<TestTransport>,
    clock: Arc<ManualClock>,
    _server: Rc<RedisServer>,
}

impl crate::conformance::harness::Harness for RedisHarness {
    type Store = RedisStore<TestTransport>;

    async fn open() -> Self {
        let server =
            SERVER.with_borrow_mut(|server| Rc::clone(server.get_or_insert_with(|| Rc::new(RedisServer::start()))));
        redis::cmd("FLUSHALL").query::<()>(&mut server.connection()).expect("the server can be emptied");
        let clock = Arc::new(ManualClock::at(0));
        let transport = TestTransport::open(&server.client()).await;
        let store = RedisStore::with_manual_clock(transport, Keys::new("test", false), clock.clone());
        Self { store, clock, _server: server }
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
