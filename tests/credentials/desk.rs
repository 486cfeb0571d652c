//! A test's desk: one store, one pool, and short words for what is asked of them.

use std::cell::Cell;
use std::sync::Arc;

use token_budget::domain::credentials::operation::*;
use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::quota::Reading;
use token_budget::store::{CredentialBatch, Ticket};

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
    pub pool: OrchestratorId,
    pub policy: Policy,
    now_ms: Cell<u64>,
    sequence: Cell<u64>,
}

/// A token of the account.
pub fn token(fingerprint: &str, account: &str, weight: u64) -> Credential {
    Credential { fingerprint: fingerprint.into(), account: account.into(), weight }
}

pub fn answered(kind: AnswerKind) -> Answered {
    Answered { kind, reading: None, retry_after_ms: None, jitter: 0 }
}

/// Served, with these numbers of a limit of 5,000.
pub fn served(remaining: u64, resets_at_ms: u64) -> Answered {
    let reading = Reading { limit: Some(5_000), remaining, resets_at_ms, sent_at_ms: 0 };
    Answered { reading: Some(reading), ..answered(AnswerKind::Served) }
}

/// Served, as [`served`], to a request that left at `sent_at_ms` and that nothing was picked for.
pub fn asked(remaining: u64, resets_at_ms: u64, sent_at_ms: u64) -> Answered {
    let mut answered = served(remaining, resets_at_ms);
    answered.reading.as_mut().expect("it has numbers").sent_at_ms = sent_at_ms;
    answered
}

pub fn spent(remaining: u64, resets_at_ms: u64) -> Answered {
    Answered { kind: AnswerKind::Spent, ..served(remaining, resets_at_ms) }
}

pub fn after(kind: AnswerKind, retry_after_ms: u64) -> Answered {
    Answered { retry_after_ms: Some(retry_after_ms), ..answered(kind) }
}

pub fn pick(except: &[&str]) -> Operation {
    Operation::Pick { resource: "core".into(), except: except.iter().map(|name| (*name).into()).collect() }
}

pub fn report(fingerprint: &str, picked_at_ms: u64, result: Answered) -> Operation {
    Operation::Report { fingerprint: fingerprint.into(), resource: "core".into(), picked_at_ms, result }
}

impl<H: Harness> Desk<H> {
    /// Three tokens of three accounts, no reserve.
    pub fn new(harness: H) -> Self {
        let policy = Policy {
            credentials: ["a", "b", "c"].map(|name| token(name, name, 1)).into(),
            reserve: Reserve::Requests(0),
            cooldown_ms: MINUTE_MS,
            cooldown_max_ms: HOUR_MS,
            request_ttl_ms: 10 * MINUTE_MS,
        };
        let pool = OrchestratorId::new("team:a").unwrap();
        let desk = Self { harness, pool, policy, now_ms: Cell::new(0), sequence: Cell::new(0) };
        desk.set_now(START_MS);
        desk
    }

    pub fn with_tokens(mut self, tokens: &[Credential]) -> Self {
        self.policy.credentials = tokens.into();
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

    pub fn batch(&self, requests: Vec<Request>) -> CredentialBatch {
        self.sequence.set(self.sequence.get() + 1);
        CredentialBatch {
            pool: self.pool.clone(),
            policy: Arc::new(self.policy.clone()),
            requests,
            ticket: Ticket { client: "desk".into(), sequence: self.sequence.get(), retry: false },
        }
    }

    pub async fn apply(&self, operations: Vec<Operation>) -> Vec<Result<Outcome, OperationError>> {
        let requests = operations.into_iter().map(|operation| Request { operation, deadline_ms: None });
        let batch = self.batch(requests.collect());
        let receipt = self.harness.apply(&batch).await;
        assert_eq!(receipt.outcomes.len(), batch.requests.len());
        receipt.outcomes
    }

    pub async fn one(&self, operation: Operation) -> Outcome {
        self.apply(vec![operation]).await.remove(0).unwrap()
    }

    /// The token that is picked a millisecond later, and `-` when there is none.
    pub async fn pick(&self, except: &[&str]) -> String {
        self.advance(1);
        match self.one(pick(except)).await {
            Outcome::Picked { fingerprint, picked_at_ms, .. } => {
                assert_eq!(picked_at_ms, self.now(), "the store decides by its clock");
                fingerprint.into()
            }
            Outcome::Exhausted { .. } => "-".to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// How the request went that was picked last, ten milliseconds ago.
    pub async fn report(&self, fingerprint: &str, result: Answered) {
        let picked_at_ms = self.now();
        self.advance(10);
        self.report_of(fingerprint, picked_at_ms, result).await;
    }

    pub async fn report_of(&self, fingerprint: &str, picked_at_ms: u64, result: Answered) {
        assert_eq!(self.one(report(fingerprint, picked_at_ms, result)).await, Outcome::Done(true));
    }

    /// When the first token can be used, how many are limited, how many invalid.
    pub async fn exhausted(&self) -> (u64, u64, u64) {
        match self.one(pick(&[])).await {
            Outcome::Exhausted { resets_at_ms, limited, invalid } => (resets_at_ms, limited, invalid),
            other => panic!("{other:?}"),
        }
    }

    /// In how many milliseconds the first token can be used.
    pub async fn rest_ms(&self) -> u64 {
        self.exhausted().await.0 - self.now()
    }

    pub async fn set_valid(&self, fingerprint: &str, valid: bool) -> bool {
        self.one(Operation::SetValid { fingerprint: fingerprint.into(), valid }).await == Outcome::Done(true)
    }

    pub async fn give_back(&self, fingerprint: &str, picked_at_ms: u64) -> bool {
        let (fingerprint, resource) = (fingerprint.into(), "core".into());
        self.one(Operation::Return { fingerprint, resource, picked_at_ms }).await == Outcome::Done(true)
    }

    pub async fn count(&self, resource: &str) -> u64 {
        match self.one(Operation::Count { resource: resource.into() }).await {
            Outcome::Count(count) => count,
            other => panic!("{other:?}"),
        }
    }

    pub async fn view(&self) -> Vec<TokenView> {
        match self.one(Operation::View).await {
            Outcome::View(views) => views,
            other => panic!("{other:?}"),
        }
    }

    /// What is known of a token and the resource `core`.
    pub async fn core(&self, fingerprint: &str) -> ResourceView {
        let views = self.view().await;
        let view = views.into_iter().find(|view| &*view.fingerprint == fingerprint).expect("it is configured");
        view.resources.into_iter().find(|resource| &*resource.resource == "core").expect("it is known")
    }

    pub async fn left(&self, fingerprint: &str) -> Option<u64> {
        self.core(fingerprint).await.quota.left(self.now())
    }
}
