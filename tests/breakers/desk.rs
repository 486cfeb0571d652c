//! A test's desk: one store, one breaker, and short words for what is asked of it.

use std::cell::Cell;

use token_budget::domain::breakers::operation::*;
use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::store::{BreakerBatch, Ticket};

use super::harness::Harness;

pub const SECOND_MS: u64 = 1_000;
pub const MINUTE_MS: u64 = 60 * SECOND_MS;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const DAY_MS: u64 = 24 * HOUR_MS;
pub const WEEK_MS: u64 = 7 * DAY_MS;
/// Where the clock of every case stands at first: 2024-05-15T10:15:00Z.
pub const START_MS: u64 = 1_715_768_100_000;

pub struct Desk<H> {
    pub harness: H,
    pub breaker: OrchestratorId,
    pub policy: Policy,
    now_ms: Cell<u64>,
    sequence: Cell<u64>,
}

pub fn request(operation: Operation) -> Request {
    Request { operation, deadline_ms: None }
}

pub fn record(successes: u64, failures: u64) -> Operation {
    Operation::Record { successes, failures, reset_in_ms: None }
}

pub fn fail(failures: u64) -> Operation {
    record(0, failures)
}

pub fn fail_until(failures: u64, reset_in_ms: u64) -> Operation {
    Operation::Record { successes: 0, failures, reset_in_ms: Some(reset_in_ms) }
}

pub fn probe(holder: &str) -> Operation {
    Operation::Probe { holder: holder.into() }
}

pub fn probed(holder: &str, succeeded: Option<bool>) -> Operation {
    Operation::Probed { holder: holder.into(), succeeded, reset_in_ms: None }
}

pub fn force(state: State, for_ms: Option<u64>) -> Operation {
    Operation::Force { state, for_ms }
}

impl<H: Harness> Desk<H> {
    /// Five failures in a row open it for five minutes, for an hour at most; a probe has a minute.
    pub fn new(harness: H) -> Self {
        let breaker = OrchestratorId::new("openai:eu").unwrap();
        let desk = Self { harness, breaker, policy: Policy::default(), now_ms: Cell::new(0), sequence: Cell::new(0) };
        desk.set_now(START_MS);
        desk
    }

    /// Opens when half of at least ten calls of the last ten seconds failed.
    pub fn sampling(mut self) -> Self {
        self.policy.mode = Mode::Sampling { threshold_ppm: 500_000, minimum: 10, window_ms: 10 * SECOND_MS };
        self
    }

    pub fn now(&self) -> u64 {
        self.now_ms.get()
    }

    pub fn set_now(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
        self.harness.set_now_ms(now_ms);
    }

    pub fn advance(&self, by_ms: u64) {
        self.set_now(self.now() + by_ms);
    }

    pub fn batch(&self, requests: Vec<Request>) -> BreakerBatch {
        self.sequence.set(self.sequence.get() + 1);
        BreakerBatch {
            breaker: self.breaker.clone(),
            policy: self.policy,
            requests,
            ticket: Ticket { client: "desk".into(), sequence: self.sequence.get(), retry: false },
        }
    }

    pub async fn apply(&self, operations: Vec<Operation>) -> Vec<Result<Outcome, OperationError>> {
        let batch = self.batch(operations.into_iter().map(request).collect());
        let receipt = self.harness.apply(&batch).await;
        assert_eq!(receipt.outcomes.len(), batch.requests.len());
        receipt.outcomes
    }

    pub async fn one(&self, operation: Operation) -> Outcome {
        self.apply(vec![operation]).await.remove(0).expect("it has no deadline")
    }

    pub async fn view(&self) -> View {
        self.one(Operation::View).await.view
    }

    pub async fn state(&self) -> State {
        self.view().await.state
    }

    /// Opens it at its threshold, and waits until a probe may be made.
    pub async fn open_and_wait(&self) {
        self.one(fail(5)).await;
        self.set_now(self.view().await.open_until_ms);
    }
}

/// The only transition.
pub fn turned(outcome: &Outcome) -> Option<(State, State)> {
    assert!(outcome.transitions.len() <= 1);
    outcome.transitions.first().map(|transition| (transition.from, transition.to))
}
