//! Timers and circuit breakers in this process, for JavaScript.

use std::cell::RefCell;
use std::sync::Arc;

use napi::Result;
use napi_derive::napi;
use serde::Serialize;

use super::config::Config;
use super::convert::{exact, invalid, orchestrator};
use super::storage;
use super::text::Text;
use crate::domain::breakers::operation as breakers;
use crate::domain::error::OperationError;
use crate::domain::timers::operation::{Operation, Outcome, Policy, Request};
use crate::service::answer::FailureCode;
use crate::store::disk::DiskStore;
use crate::store::memory::breakers::MemoryBreakers;
use crate::store::memory::timers::MemoryTimers;
use crate::store::{BreakerBatch, Ticket, TimerBatch};

#[napi]
pub struct EmbeddedCoordination {
    timers: RefCell<Arc<MemoryTimers>>,
    breakers: RefCell<Arc<MemoryBreakers>>,
    disk: RefCell<Option<Arc<DiskStore>>>,
    client: Arc<str>,
}

/// What crosses to JavaScript.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TimersAnswer {
    now_ms: u64,
    outcomes: Vec<Answered<Outcome>>,
    next_due_ms: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BreakersAnswer {
    now_ms: u64,
    outcomes: Vec<Answered<breakers::Outcome>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Answered<T> {
    Ok(T),
    Error(Failure),
}

#[derive(Serialize)]
struct Failure {
    code: &'static str,
    message: String,
}

#[napi]
impl EmbeddedCoordination {
    #[napi(constructor, ts_args_type = "config: string")]
    pub fn new(config: Text) -> Result<Self> {
        let config = Config::parse(&config.to_text()).map_err(invalid)?;
        let disk = config.storage.as_ref().map(|storage| storage::opened(&storage.path)).transpose()?;
        let name = config.memory_name.as_deref();
        let (timers, breakers) = match &disk {
            Some(disk) => (Arc::clone(disk.timers()), Arc::clone(disk.breakers())),
            None => (
                name.map_or_else(Default::default, MemoryTimers::shared),
                name.map_or_else(Default::default, MemoryBreakers::shared),
            ),
        };
        Ok(Self {
            disk: RefCell::new(disk),
            timers: RefCell::new(timers),
            breakers: RefCell::new(breakers),
            client: config.client_id.unwrap_or_default().into(),
        })
    }

    /// `operationsJson`: an array of operations on one shard, which are decided in order. The answer is
    /// `{ nowMs, outcomes: [{ ok } | { error: { code, message } }], nextDueMs }`. An operation with a field that no
    /// store accepts fails alone.
    #[napi(catch_unwind, ts_args_type = "shard: string, policyJson: string, operationsJson: string, nowMs: number")]
    pub fn timers(&self, shard: Text, policy_json: Text, operations_json: Text, now_ms: f64) -> Result<String> {
        let now_ms = exact("nowMs", now_ms)?;
        let shard = orchestrator(&shard)?;
        let policy: Policy = parse("policy", &policy_json)?;
        let operations: Vec<Operation> = parse("operations", &operations_json)?;
        if operations.iter().any(Operation::writes) {
            self.accept()?;
        }
        let checked: Vec<_> = operations.iter().map(Operation::check).collect();
        let sound = operations.into_iter().zip(&checked).filter(|(_, checked)| checked.is_ok());
        let batch = TimerBatch {
            shard,
            policy,
            requests: sound.map(|(operation, _)| Request { operation, deadline_ms: None }).collect(),
            ticket: Ticket { client: Arc::clone(&self.client), sequence: 0, retry: false },
        };
        let receipt = self.timers.borrow().apply_at(&batch, now_ms);
        let mut decided = receipt.outcomes.into_iter();
        let outcomes = checked.into_iter().map(|checked| match checked {
            Err(message) => Answered::Error(Failure { code: "INVALID_ARGUMENT", message }),
            Ok(()) => Answered::from(decided.next()),
        });
        let answer = TimersAnswer { now_ms, outcomes: outcomes.collect(), next_due_ms: receipt.next_due_ms };
        serde_json::to_string(&answer).map_err(|error| invalid(error.to_string()))
    }

    /// `operationsJson`: an array of operations on one breaker, which are decided in order. The answer is
    /// `{ nowMs, outcomes: [{ ok } | { error: { code, message } }] }`.
    #[napi(catch_unwind, ts_args_type = "name: string, policyJson: string, operationsJson: string, nowMs: number")]
    pub fn breakers(&self, name: Text, policy_json: Text, operations_json: Text, now_ms: f64) -> Result<String> {
        let now_ms = exact("nowMs", now_ms)?;
        let operations: Vec<breakers::Operation> = parse("operations", &operations_json)?;
        if operations.iter().any(breakers::Operation::writes) {
            self.accept()?;
        }
        let requests = operations.into_iter().map(|operation| breakers::Request { operation, deadline_ms: None });
        let batch = BreakerBatch {
            breaker: orchestrator(&name)?,
            policy: parse("policy", &policy_json)?,
            requests: requests.collect(),
            ticket: Ticket { client: Arc::clone(&self.client), sequence: 0, retry: false },
        };
        let receipt = self.breakers.borrow().apply_at(&batch, now_ms);
        let outcomes = receipt.outcomes.into_iter().map(|outcome| Answered::from(Some(outcome)));
        let answer = BreakersAnswer { now_ms, outcomes: outcomes.collect() };
        serde_json::to_string(&answer).map_err(|error| invalid(error.to_string()))
    }

    /// Lets go of the store.
    #[napi]
    pub fn close(&self) {
        self.timers.replace(Arc::default());
        self.breakers.replace(Arc::default());
        self.disk.replace(None);
    }
}

impl EmbeddedCoordination {
    /// Whether an operation can be recorded that changes something.
    fn accept(&self) -> Result<()> {
        self.disk.borrow().as_ref().map_or(Ok(()), |disk| disk.accept().map_err(|error| storage::refused(&error)))
    }
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, json: &Text) -> Result<T> {
    serde_json::from_str(&json.to_text()).map_err(|error| invalid(format!("{name}: {error}")))
}

impl<T> From<Option<std::result::Result<T, OperationError>>> for Answered<T> {
    fn from(outcome: Option<std::result::Result<T, OperationError>>) -> Self {
        match outcome {
            Some(Ok(outcome)) => Answered::Ok(outcome),
            Some(Err(error)) => {
                let code = FailureCode::of(&error).name();
                Answered::Error(Failure { code, message: error.to_string() })
            }
            None => Answered::Error(Failure { code: "STORE_UNAVAILABLE", message: "no outcome".to_owned() }),
        }
    }
}
