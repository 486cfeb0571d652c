//! A test's desk: one store, one limiter, and short words for what is asked of them.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::rate_limit::amounts::{Amounts, Unit};
use token_budget::domain::rate_limit::operation::{
    Grant, Operation, Outcome, Priority, Reason, Receipt, Request, Signals, Verdict, View,
};
use token_budget::domain::rate_limit::terms::{Concurrency, MINUTE_MS, Policy, Rule, Terms};
use token_budget::store::{RateLimitBatch, Ticket};

use super::harness::Harness;

pub const SECOND_MS: u64 = 1_000;
pub const HOUR_MS: u64 = 3_600_000;
/// Where the clock of every case stands at first: 2026-03-03T08:53:20Z, where parts of all usual windows begin.
pub const START_MS: u64 = 1_772_528_000_000 / 1_440_000 * 1_440_000;
/// How long after a call in a minute's first part the minute is free of it.
pub const FREE_MS: u64 = MINUTE_MS + SECOND_MS;

pub struct Desk<H> {
    pub harness: H,
    pub policy: RefCell<Policy>,
    pub limiter: OrchestratorId,
    now_ms: Cell<u64>,
    sequence: Cell<u64>,
}

pub fn per_minute(unit: Unit, limit: u64) -> Rule {
    Rule { unit, window_ms: MINUTE_MS, limit, ordinary: limit }
}

pub fn terms(rules: &[Rule]) -> Terms {
    Terms { rules: rules.to_vec(), ..Terms::default() }
}

pub fn policy(rules: &[Rule]) -> Policy {
    Policy {
        configured: terms(rules),
        cooldown_ms: 60 * SECOND_MS,
        cooldown_max_ms: HOUR_MS,
        permit_ttl_ms: 10 * MINUTE_MS,
        client_lease_ms: HOUR_MS / 2,
        line_max: 1_000,
    }
}

/// A call: id, amounts, and whether it waits.
pub fn call(id: &str, input_tokens: u64, output_tokens: u64) -> Call {
    let amounts = Amounts::call(input_tokens, output_tokens);
    Call { id: id.into(), amounts, priority: Priority::Normal, agent: "".into(), wait: false }
}

#[derive(Debug, Clone)]
pub struct Call {
    id: Box<str>,
    amounts: Amounts,
    priority: Priority,
    agent: Box<str>,
    wait: bool,
}

impl Call {
    pub fn waits(self) -> Self {
        Self { wait: true, ..self }
    }

    pub fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    pub fn agent(self, agent: &str) -> Self {
        Self { agent: agent.into(), ..self }
    }

    pub fn operation(self) -> Operation {
        let Self { id, amounts, priority, agent, wait } = self;
        Operation::Acquire { id, amounts, priority, agent, wait }
    }

    pub fn check(self) -> Operation {
        Operation::Check { amounts: self.amounts, priority: self.priority, agent: self.agent }
    }
}

pub fn settle(id: &str, input_tokens: u64, output_tokens: u64) -> Operation {
    settle_with(id, input_tokens, output_tokens, Signals { is_success: true, ..Signals::default() })
}

pub fn settle_with(id: &str, input_tokens: u64, output_tokens: u64, signals: Signals) -> Operation {
    Operation::Settle { id: id.into(), used: Amounts::call(input_tokens, output_tokens), signals }
}

impl<H: Harness> Desk<H> {
    pub fn new(harness: H) -> Self {
        let desk = Self {
            harness,
            policy: RefCell::new(policy(&[])),
            limiter: OrchestratorId::new("openai:{org}").unwrap(),
            now_ms: Cell::new(0),
            sequence: Cell::new(0),
        };
        desk.at(START_MS);
        desk
    }

    pub fn rules(self, rules: &[Rule]) -> Self {
        self.policy.borrow_mut().configured.rules = rules.to_vec();
        self
    }

    pub fn concurrency(self, limit: u64) -> Self {
        self.policy.borrow_mut().configured.concurrency = Some(Concurrency { limit, ordinary: limit });
        self
    }

    pub fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    pub fn at(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
        self.harness.set_now_ms(now_ms);
    }

    pub fn advance(&self, by_ms: u64) {
        self.at(self.now_ms() + by_ms);
    }

    pub fn batch(&self, client: &str, operations: Vec<Operation>) -> RateLimitBatch {
        self.sequence.set(self.sequence.get() + 1);
        let requests = operations.into_iter().map(|operation| Request { operation, deadline_ms: None });
        RateLimitBatch {
            limiter: self.limiter.clone(),
            policy: Arc::new(self.policy.borrow().clone()),
            requests: requests.collect(),
            ticket: Ticket { client: client.into(), sequence: self.sequence.get(), retry: false },
        }
    }

    pub async fn by(&self, client: &str, operations: Vec<Operation>) -> Receipt {
        self.harness.apply(&self.batch(client, operations)).await
    }

    /// One operation of the usual client.
    pub async fn one(&self, operation: Operation) -> Outcome {
        let receipt = self.by("a", vec![operation]).await;
        receipt.outcomes.into_iter().next().unwrap().unwrap()
    }

    pub async fn ask(&self, call: Call) -> Outcome {
        self.one(call.operation()).await
    }

    pub async fn granted(&self, call: Call) -> Grant {
        match self.ask(call).await {
            Outcome::Granted(grant) => grant,
            other => panic!("not granted: {other:?}"),
        }
    }

    /// Why a call that does not wait is refused, and how long it should.
    pub async fn refused(&self, call: Call) -> (Reason, u64) {
        match self.ask(call).await {
            Outcome::Refused(Verdict::Wait { wait_ms, reason }) => (reason, wait_ms),
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Whether the calls are admitted, one after the other.
    pub async fn admits(&self, call: Call) -> bool {
        matches!(self.ask(call).await, Outcome::Granted(_))
    }

    /// Ids of places that became permits.
    pub async fn poll(&self, client: &str) -> Vec<Box<str>> {
        let receipt = self.by(client, vec![Operation::Poll]).await;
        receipt.granted.into_iter().map(|grant| grant.id).collect()
    }

    pub async fn view(&self) -> View {
        match self.by("observer", vec![Operation::View]).await.outcomes.remove(0) {
            Ok(Outcome::View(view)) => *view,
            other => panic!("{other:?}"),
        }
    }
}
