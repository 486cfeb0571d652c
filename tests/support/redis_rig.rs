//! What Redis tests begin with: a server, stores on it, batches.

// Each test program uses its own part.
#![allow(dead_code)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use token_budget::clock::{Clock, ManualClock};
use token_budget::domain::calendar::Calendar;
use token_budget::domain::error::{OperationError, StoreError};
use token_budget::domain::identifier::{OrchestratorId, ReservationId};
use token_budget::domain::operation::{Operation, Outcome, Receipt, Request};
use token_budget::domain::period::Periods;
use token_budget::domain::policy::{Limits, Policy};
use token_budget::domain::usage::{Parts, Usage};
use token_budget::store::redis::keys::{Keys, OrchestratorKeys};
use token_budget::store::redis::store::RedisStore;
use token_budget::store::{Batch, Store, Ticket};

use super::redis_server::RedisServer;
use super::redis_transport::TestTransport;

pub const HOUR_MS: u64 = 3_600_000;

/// Runs a future on a current-thread runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be built").block_on(future)
}

/// The middle of an hour, 2026-06-15T12:30:00Z.
pub const START_MS: u64 = 1_781_526_600_000;

pub struct Rig {
    pub server: RedisServer,
    pub store: RedisStore<TestTransport>,
    pub clock: Arc<ManualClock>,
    pub policy: Policy,
    pub configured: Limits,
    pub orchestrator: OrchestratorId,
    client: Arc<str>,
    sequence: AtomicU64,
}

impl Rig {
    /// On a clock of its own.
    pub async fn new() -> Self {
        Self::on(RedisServer::start()).await
    }

    pub async fn on(server: RedisServer) -> Self {
        let clock = Arc::new(ManualClock::at(START_MS));
        let transport = TestTransport::open(&server.client()).await;
        let store = RedisStore::with_manual_clock(transport, Keys::new("test", false), clock.clone());
        Self::with(server, store, clock)
    }

    /// On the server's clock.
    pub async fn on_server_clock(server: RedisServer) -> Self {
        let transport = TestTransport::open(&server.client()).await;
        let store = RedisStore::new(transport, Keys::new("test", false));
        Self::with(server, store, Arc::new(ManualClock::at(0)))
    }

    fn with(server: RedisServer, store: RedisStore<TestTransport>, clock: Arc<ManualClock>) -> Self {
        Self {
            server,
            store,
            clock,
            policy: policy(),
            configured: Limits::tokens([Some(1_000), Some(10_000), Some(100_000)]),
            orchestrator: OrchestratorId::new("orch-1").expect("it is an id"),
            client: "client-1".into(),
            sequence: AtomicU64::new(0),
        }
    }

    /// What the manual clock shows.
    pub fn clock_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    pub fn advance(&self, by_ms: u64) {
        self.clock.advance(by_ms);
    }

    pub fn keys(&self) -> OrchestratorKeys {
        self.store.keys().of(&self.orchestrator)
    }

    pub fn batch(&self, operations: Vec<Operation>) -> Batch {
        Batch {
            orchestrator: self.orchestrator.clone(),
            policy: Arc::new(self.policy.clone()),
            configured: self.configured,
            requests: operations.into_iter().map(|operation| Request { operation, deadline_ms: None }).collect(),
            ticket: Ticket {
                client: self.client.clone(),
                sequence: self.sequence.fetch_add(1, Ordering::Relaxed) + 1,
                retry: false,
            },
        }
    }

    pub async fn apply(&self, operations: Vec<Operation>) -> Result<Receipt, StoreError> {
        self.store.apply(&self.batch(operations)).await
    }

    pub async fn one(&self, operation: Operation) -> Result<Outcome, OperationError> {
        let receipt = self.apply(vec![operation]).await.expect("the store answers");
        receipt.outcomes.into_iter().next().expect("one answer for one request")
    }

    pub fn new_id(&self, periods: Periods) -> ReservationId {
        ReservationId::generate(&self.orchestrator, periods)
    }
}

pub fn policy() -> Policy {
    Policy {
        calendar: Calendar::parse("UTC").expect("there is UTC"),
        thresholds: Arc::from([0.5, 0.75, 0.9, 1.0]),
        idempotency_ttl_ms: HOUR_MS,
        late_settle_ttl_ms: HOUR_MS,
        history_limit: 1_000,
        broadcast: false,
    }
}

pub fn usage(total: u64) -> Usage {
    Usage {
        total,
        parts: Parts { prompt: total / 2, completion: total / 4, ..Parts::default() },
        model: "claude-sonnet-4.5".to_owned(),
        session_id: "session-1".to_owned(),
        reported_at_ms: 1_700_000_000_000,
        ..Usage::default()
    }
}

pub fn reserve(id: &ReservationId, tokens: u64, ttl_ms: u64) -> Operation {
    Operation::Reserve { id: id.clone(), tokens, periods: id.periods(), ttl_ms, cost_micros: 0 }
}

pub fn settle(id: &ReservationId, total: u64) -> Operation {
    Operation::Settle { id: id.clone(), usage: Some(usage(total)) }
}
