//! Links for tests: how to open, call and listen.
#![allow(dead_code)] // Each test file uses its own part.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use redis::Value;
use token_budget::domain::error::{Applied, StoreError};
use token_budget::store::redis::config::{Address, Credentials, RedisConfig, Topology};
use token_budget::store::redis::link::{Call, Link, LinkEvent, Timing};
use token_budget::store::redis::script::Script;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// `KEYS[1]` grows by `ARGV[1]`.
pub static GROW: Script = Script {
    name: "grow",
    source: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    sha1: "8cd00688c05c46bde4a2e60658ef20a2e5c0b248",
    needs_memory: false,
};

/// Answers `ARGV[1]`.
pub static ECHO: Script = Script {
    name: "echo",
    source: "return ARGV[1]",
    sha1: "098e0f0d1448c0a81dafe820f66d460eb09263da",
    needs_memory: false,
};

/// Runs a test as the product runs: on one thread.
pub fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, test)
}

pub fn address(port: u16) -> Address {
    Address { host: "127.0.0.1".to_owned(), port }
}

pub fn standalone(port: u16) -> RedisConfig {
    config(Topology::Standalone(address(port)))
}

pub fn config(topology: Topology) -> RedisConfig {
    RedisConfig {
        topology,
        credentials: Credentials::default(),
        db: 0,
        tls: None,
        key_prefix: "t".to_owned(),
        connect_timeout: Duration::from_secs(1),
    }
}

/// What a link told.
#[derive(Clone, Default)]
pub struct Events(Rc<RefCell<Vec<LinkEvent>>>);

impl Events {
    pub fn all(&self) -> Vec<LinkEvent> {
        self.0.borrow().clone()
    }

    pub fn warnings(&self) -> Vec<String> {
        let text = |event| match event {
            LinkEvent::Warning { message } => Some(message),
            _ => None,
        };
        self.all().into_iter().filter_map(text).collect()
    }

    pub fn disconnections(&self) -> usize {
        self.all().iter().filter(|event| matches!(event, LinkEvent::Disconnected { .. })).count()
    }

    pub fn connections(&self) -> usize {
        self.all().iter().filter(|event| matches!(event, LinkEvent::Connected { .. })).count()
    }
}

pub fn open(config: RedisConfig) -> (Link, Events) {
    open_with(config, Timing::default())
}

pub fn open_with(config: RedisConfig, timing: Timing) -> (Link, Events) {
    let events = Events::default();
    let heard = events.clone();
    (Link::open_with(config, timing, None, Box::new(move |event| heard.0.borrow_mut().push(event))), events)
}

pub fn within(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

pub async fn ready(link: &Link) {
    link.ready(within(10_000)).await.expect("connects");
}

pub async fn grow(link: &Link, key: &str, ms: u64) -> Result<i64, StoreError> {
    let call = Call { script: &GROW, keys: vec![key.into()], args: vec![b"1".to_vec()] };
    match link.call(&call, within(ms)).await? {
        Value::Int(value) => Ok(value),
        other => panic!("{other:?}"),
    }
}

pub async fn echo(link: &Link, text: &str, ms: u64) -> Result<String, StoreError> {
    let call = Call { script: &ECHO, keys: vec![], args: vec![text.into()] };
    match link.call(&call, within(ms)).await? {
        Value::BulkString(bytes) => Ok(String::from_utf8(bytes).expect("text")),
        other => panic!("{other:?}"),
    }
}

pub fn applied<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) -> Option<Applied> {
    match outcome {
        Err(StoreError::Unavailable { applied, .. }) => Some(*applied),
        _ => None,
    }
}

pub async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Looks again and again until it is so; the link goes on meanwhile.
pub async fn until(what: &str, ms: u64, mut is_so: impl FnMut() -> bool) {
    let deadline = within(ms);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {ms} ms: {what}");
        pause(5).await;
    }
}
