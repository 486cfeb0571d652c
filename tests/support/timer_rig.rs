//! A server, and a store of timers that goes by its clock or by a manual one.

// Each test program uses its own part.
#![allow(dead_code)]

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use token_budget::clock::ManualClock;
use token_budget::domain::error::{OperationError, StoreError};
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::timers::operation::*;
use token_budget::store::redis::keys::Keys;
use token_budget::store::redis::timers::TimerStore;
use token_budget::store::{Ticket, TimerBatch};

use super::redis_server::RedisServer;
use super::redis_transport::TestTransport;

pub struct Rig {
    pub server: RedisServer,
    pub store: TimerStore<TestTransport>,
    pub clock: Arc<ManualClock>,
    sequence: Cell<u64>,
}

pub fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

impl Rig {
    /// By the server's clock.
    pub async fn new() -> Self {
        let server = RedisServer::start();
        let transport = TestTransport::open(&server.client()).await;
        let store = TimerStore::new(transport, Keys::new("test", false));
        Self { server, store, clock: Arc::new(ManualClock::at(0)), sequence: Cell::new(0) }
    }

    pub async fn with_manual_clock(now_ms: u64) -> Self {
        let rig = Self::new().await;
        let clock = Arc::new(ManualClock::at(now_ms));
        let transport = TestTransport::open(&rig.server.client()).await;
        let store = TimerStore::with_manual_clock(transport, Keys::new("test", false), clock.clone());
        Self { store, clock, ..rig }
    }

    pub async fn logged_in_as(self, name: &str, password: &str) -> Self {
        let url = format!("redis://{name}:{password}@127.0.0.1:{}/", self.server.port);
        let transport = TestTransport::open(&redis::Client::open(url).unwrap()).await;
        Self { store: TimerStore::new(transport, Keys::new("test", false)), ..self }
    }

    pub async fn apply(&self, operations: Vec<Operation>) -> Result<Receipt, StoreError> {
        self.send(&self.batch(operations)).await
    }

    pub async fn one(&self, operation: Operation) -> Result<Outcome, OperationError> {
        self.apply(vec![operation]).await.expect("the store answers").outcomes.remove(0)
    }

    pub async fn send(&self, batch: &TimerBatch) -> Result<Receipt, StoreError> {
        self.store.apply_until(batch, Instant::now() + Duration::from_secs(10)).await
    }

    pub fn batch(&self, operations: Vec<Operation>) -> TimerBatch {
        self.sequence.set(self.sequence.get() + 1);
        TimerBatch {
            shard: OrchestratorId::new("0").unwrap(),
            policy: Policy::default(),
            requests: operations.into_iter().map(|operation| Request { operation, deadline_ms: None }).collect(),
            ticket: Ticket { client: "c1".into(), sequence: self.sequence.get(), retry: false },
        }
    }
}

pub fn create(id: &str, due: Due) -> Operation {
    Operation::Create(NewTimer {
        id: id.into(),
        name: "GitHub API Reset".into(),
        owner: "ada".into(),
        due,
        document_json: r#"{"webhook":"https://example.com/hook","message":"Rate limit has reset"}"#.into(),
        recurrence_json: "".into(),
        nonce: format!("n-{id}").into(),
        fingerprint: "f".into(),
    })
}

pub fn claim(holder: &str) -> Operation {
    Operation::Claim { holder: holder.into(), lease_ms: 30_000, timers: 500, deliveries: 500 }
}

pub fn fired(id: &str, holder: &str, endpoint: Option<&str>) -> Operation {
    Operation::Fired {
        id: id.into(),
        nonce: format!("n-{id}").into(),
        holder: holder.into(),
        occurrence: 0,
        next_fire_at_ms: None,
        delivery: endpoint.map(|endpoint| NewDelivery {
            endpoint: endpoint.into(),
            document_json: "{}".into(),
            lease_ms: 30_000,
        }),
    }
}

pub fn list() -> Operation {
    Operation::List { status: None, name: None, owner: None, after: "".into(), limit: 1_000 }
}
