//! A standalone Redis whose keys end when the manual clock says so.
//!
//! The clock of the plays is ahead of the server's, so that no key ends by itself; at every step of the clock
//! those whose time is over are deleted, as a server would that had the clock of the play.

use std::cell::RefCell;

use token_budget::store::redis::config::Topology;
use token_budget::store::redis::link::Link;
use token_budget::store::redis::store::RedisStore;

use crate::conformance::harness::Harness;
use crate::link_harness::{LinkHarness, Place, Standalone};

pub struct MortalKeys {
    inner: LinkHarness<Standalone>,
    server: RefCell<redis::Connection>,
}

impl MortalKeys {
    /// Every key of the case with its end.
    fn ends_ms(&self) -> Vec<(Vec<u8>, i64)> {
        let pattern = format!("{}:*", self.inner.prefix);
        let names: Vec<Vec<u8>> = self.query(redis::cmd("KEYS").arg(pattern));
        let mut ends = redis::pipe();
        for name in &names {
            ends.cmd("PEXPIRETIME").arg(name);
        }
        let ends_ms: Vec<i64> = match names.is_empty() {
            true => Vec::new(),
            false => ends.query(&mut self.server.borrow_mut()).expect("the server answers"),
        };
        names.into_iter().zip(ends_ms).collect()
    }

    pub fn query<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        command.query(&mut self.server.borrow_mut()).expect("the server answers")
    }

    /// The name of a key of an orchestrator.
    pub fn key(&self, orchestrator: &str, rest: &str) -> String {
        format!("{}:budget:{orchestrator}:{rest}", self.inner.prefix)
    }
}

impl Harness for MortalKeys {
    type Store = RedisStore<Link>;

    async fn open() -> Self {
        let Topology::Standalone(address) = Standalone::topology() else { unreachable!("it is standalone") };
        let client = redis::Client::open(format!("redis://{address}/")).expect("the address is one");
        let server = RefCell::new(client.get_connection().expect("the server is up"));
        Self { inner: LinkHarness::open().await, server }
    }

    fn store(&self) -> &Self::Store {
        self.inner.store()
    }

    fn set_now_ms(&self, now_ms: u64) {
        self.inner.set_now_ms(now_ms);
        let over: Vec<_> =
            self.ends_ms().into_iter().filter(|(_, end_ms)| (0..now_ms as i64).contains(end_ms)).collect();
        for (name, _) in over {
            self.query::<i64>(redis::cmd("DEL").arg(name));
        }
    }

    fn remembers_replies(&self) -> bool {
        true
    }

    fn forgets_old_expiries(&self) -> bool {
        true
    }
}
