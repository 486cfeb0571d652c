//! Made-up operations and clock movements, and the store in memory as the twin that every other answers like.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;
use token_budget::domain::credentials::operation::*;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::quota::Reading;
use token_budget::domain::tokens::MAX_TOKENS;
use token_budget::store::memory::credentials::MemoryPools;
use token_budget::store::{CredentialBatch, Ticket};

use super::desk::*;
use super::harness::Harness;

#[derive(Debug, Clone)]
pub enum Step {
    Batch { client: usize, acts: Vec<(Act, Option<i64>)> },
    Forward { by_ms: u64 },
    Back { by_ms: u64 },
}

/// An operation, with tokens named by their place in the policy, and picks by how long ago they were.
#[derive(Debug, Clone)]
pub enum Act {
    Pick {
        resource: &'static str,
        except: Vec<usize>,
    },
    Report {
        nth: usize,
        result: Told,
    },
    /// Of a token that nothing was picked for.
    ReportBy {
        token: usize,
        resource: &'static str,
        result: Told,
    },
    Return {
        nth: usize,
    },
    SetValid {
        token: usize,
        valid: bool,
    },
    Count {
        resource: &'static str,
    },
    View,
    Keep {
        token: usize,
        sealed: &'static str,
    },
    Kept,
    Drop {
        token: usize,
    },
}

/// What a response says, its reset from now.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub kind: AnswerKind,
    pub reading: Option<(Option<u64>, u64, i64)>,
    pub retry_after_ms: Option<u64>,
    pub jitter: u64,
    /// How long ago the request left, where that is known.
    pub age_ms: Option<u64>,
}

/// Two clients that agree about half of the pool.
pub fn policies() -> [Policy; 2] {
    let credentials = vec![token("1", "ada", 1), token("a2", "ada", 3), token("b", "2", 3), token("c", "cem", 1)];
    let first = Policy {
        credentials,
        reserve: Reserve::SharePpm(150_000),
        cooldown_ms: MINUTE_MS,
        cooldown_max_ms: HOUR_MS,
        request_ttl_ms: 5 * MINUTE_MS,
    };
    let credentials = vec![token("d", "dan", 1), token("b", "2", 1), token("1", "ada", 9)];
    let second = Policy {
        credentials,
        reserve: Reserve::Requests(2),
        cooldown_ms: 7_001,
        cooldown_max_ms: 40 * MINUTE_MS,
        request_ttl_ms: 33_333,
    };
    [first, second]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let acts = vec((act(), weighted(0.1, -2..3_i64)), 1..5);
    let batch = (0..2_usize, acts).prop_map(|(client, acts)| Step::Batch { client, acts });
    let back = (1..HOUR_MS).prop_map(|by_ms| Step::Back { by_ms });
    vec(prop_oneof![12 => batch, 4 => forward(), 1 => back], 1..50)
}

/// One operation at a time, and time going on.
pub fn single_steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = act().prop_map(|act| Step::Batch { client: 0, acts: vec![(act, None)] });
    vec(prop_oneof![6 => batch, 2 => forward()], 1..80)
}

fn forward() -> impl Strategy<Value = Step> {
    let by_ms = prop_oneof![
        6 => 0..3_u64,
        4 => 1..2 * MINUTE_MS,
        2 => 1..2 * HOUR_MS,
        1 => DAY_MS..WEEK_MS + HOUR_MS,
    ];
    by_ms.prop_map(|by_ms| Step::Forward { by_ms })
}

fn act() -> impl Strategy<Value = Act> {
    let (resource, place, nth) = (|| select(vec!["core", "core", "7"]), || 0..4_usize, || 0..8_usize);
    prop_oneof![
        8 => (resource(), vec(place(), 0..3)).prop_map(|(resource, except)| Act::Pick { resource, except }),
        8 => (nth(), told()).prop_map(|(nth, result)| Act::Report { nth, result }),
        2 => (place(), resource(), told())
            .prop_map(|(token, resource, result)| Act::ReportBy { token, resource, result }),
        2 => nth().prop_map(|nth| Act::Return { nth }),
        1 => (place(), any::<bool>()).prop_map(|(token, valid)| Act::SetValid { token, valid }),
        1 => resource().prop_map(|resource| Act::Count { resource }),
        2 => Just(Act::View),
        1 => (place(), select(vec!["", "v1.x", "2 y"])).prop_map(|(token, sealed)| Act::Keep { token, sealed }),
        1 => Just(Act::Kept),
        1 => place().prop_map(|token| Act::Drop { token }),
    ]
}

fn told() -> impl Strategy<Value = Told> {
    let kinds = vec![AnswerKind::Served, AnswerKind::Served, AnswerKind::Spent, AnswerKind::Secondary];
    let kind = prop_oneof![20 => select(kinds), 1 => Just(AnswerKind::Unauthorized)];
    let numbers = prop_oneof![8 => 0..8_u64, 1 => any::<u64>()];
    let limit = weighted(0.7, prop_oneof![8 => 0..40_u64, 1 => 0..MAX_TOKENS]);
    let resets = prop_oneof![8 => -2..5_i64, 4 => 0..3 * HOUR_MS as i64, 1 => 0..40 * DAY_MS as i64];
    let reading = weighted(0.6, (limit, numbers, resets));
    let wait = weighted(0.2, prop_oneof![4 => 0..2 * HOUR_MS, 1 => any::<u64>()]);
    let age = weighted(0.5, prop_oneof![8 => 0..4_u64, 1 => 0..MINUTE_MS, 1 => any::<u64>()]);
    (kind, reading, wait, 0..1_100_u64, age).prop_map(|(kind, reading, retry_after_ms, jitter, age_ms)| Told {
        kind,
        reading,
        retry_after_ms,
        jitter,
        age_ms,
    })
}

/// A store under a clock, and what was picked from it.
pub struct Stage<H> {
    pub harness: H,
    pub now_ms: u64,
    pub policies: [Policy; 2],
    /// Fingerprint, resource, instant.
    picks: Vec<(Fingerprint, Resource, u64)>,
    sequence: u64,
}

impl<H: Harness> Stage<H> {
    pub async fn open() -> Self {
        let (harness, now_ms) = (H::open().await, H::START_MS);
        harness.set_now_ms(now_ms);
        Self { harness, now_ms, policies: policies(), picks: Vec::new(), sequence: 0 }
    }

    pub fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.harness.set_now_ms(now_ms);
    }

    pub fn batch(&mut self, client: usize, requests: Vec<Request>) -> CredentialBatch {
        self.sequence += 1;
        CredentialBatch {
            pool: OrchestratorId::new("pool 1").unwrap(),
            policy: Arc::new(self.policies[client].clone()),
            requests,
            ticket: Ticket { client: format!("c{client}").into(), sequence: self.sequence, retry: false },
        }
    }

    pub async fn send(&mut self, batch: &CredentialBatch) -> Receipt {
        let receipt = self.harness.apply(batch).await;
        for (request, outcome) in batch.requests.iter().zip(&receipt.outcomes) {
            if let (Operation::Pick { resource, .. }, Ok(Outcome::Picked { fingerprint, picked_at_ms, .. })) =
                (&request.operation, outcome)
            {
                self.picks.push((fingerprint.clone(), resource.clone(), *picked_at_ms));
            }
        }
        receipt
    }

    pub async fn one(&mut self, operation: Operation) -> Outcome {
        let batch = self.batch(0, vec![Request { operation, deadline_ms: None }]);
        self.send(&batch).await.outcomes.remove(0).unwrap()
    }

    pub async fn view(&mut self) -> Vec<TokenView> {
        match self.one(Operation::View).await {
            Outcome::View(views) => views,
            other => panic!("{other:?}"),
        }
    }

    pub fn operation(&self, client: usize, act: &Act) -> Operation {
        let credentials = &self.policies[client].credentials;
        let credential = |place: usize| credentials[place % credentials.len()].clone();
        let fingerprint = |place| credential(place).fingerprint;
        match act.clone() {
            Act::Pick { resource, except } => {
                Operation::Pick { resource: resource.into(), except: except.into_iter().map(fingerprint).collect() }
            }
            Act::Report { nth, result } => {
                let (fingerprint, resource, picked_at_ms) = self.picked(nth);
                Operation::Report { fingerprint, resource, picked_at_ms, result: self.answered(result) }
            }
            Act::ReportBy { token, resource, result } => Operation::Report {
                fingerprint: fingerprint(token),
                resource: resource.into(),
                picked_at_ms: 0,
                result: self.answered(result),
            },
            Act::Return { nth } => {
                let (fingerprint, resource, picked_at_ms) = self.picked(nth);
                Operation::Return { fingerprint, resource, picked_at_ms }
            }
            Act::SetValid { token, valid } => Operation::SetValid { fingerprint: fingerprint(token), valid },
            Act::Count { resource } => Operation::Count { resource: resource.into() },
            Act::View => Operation::View,
            Act::Keep { token, sealed } => {
                let Credential { fingerprint, account, .. } = credential(token);
                Operation::Keep { fingerprint, account, sealed: sealed.into() }
            }
            Act::Kept => Operation::Kept,
            Act::Drop { token } => Operation::Drop { fingerprint: fingerprint(token) },
        }
    }

    /// A pick, newest first; one that never was when there are not as many.
    fn picked(&self, nth: usize) -> (Fingerprint, Resource, u64) {
        let known = self.picks.iter().rev().nth(nth).cloned();
        known.unwrap_or_else(|| ("1".into(), "core".into(), self.now_ms))
    }

    fn answered(&self, told: Told) -> Answered {
        let reading = told.reading.map(|(limit, remaining, from_now_ms)| Reading {
            limit,
            remaining,
            resets_at_ms: self.now_ms.saturating_add_signed(from_now_ms),
            sent_at_ms: told.age_ms.map_or(0, |age_ms| self.now_ms.saturating_sub(age_ms)),
        });
        Answered { kind: told.kind, reading, retry_after_ms: told.retry_after_ms, jitter: told.jitter }
    }
}

/// The store answers every batch as the store in memory does.
pub async fn agree<H: Harness>(steps: &[Step]) {
    let mut stage = Stage::<H>::open().await;
    let twin = MemoryPools::default();
    for step in steps {
        match step {
            Step::Forward { by_ms } => stage.set_now(stage.now_ms + by_ms),
            Step::Back { by_ms } => {
                // Time waits for a clock from the last change on; whether there was one before is open.
                let keep = Operation::Keep { fingerprint: "b".into(), account: "2".into(), sealed: "x".into() };
                compare(&mut stage, &twin, 0, vec![Request { operation: keep, deadline_ms: None }]).await;
                stage.set_now(stage.now_ms - by_ms);
            }
            Step::Batch { client, acts } => {
                let requests = acts.iter().map(|(act, deadline)| Request {
                    operation: stage.operation(*client, act),
                    deadline_ms: deadline.map(|from_now_ms| stage.now_ms.saturating_add_signed(from_now_ms)),
                });
                let requests = requests.collect();
                compare(&mut stage, &twin, *client, requests).await;
            }
        }
    }
    for client in 0..2 {
        let requests = [Operation::View, Operation::Kept].map(|operation| Request { operation, deadline_ms: None });
        compare(&mut stage, &twin, client, requests.into()).await;
    }
}

async fn compare<H: Harness>(stage: &mut Stage<H>, twin: &MemoryPools, client: usize, requests: Vec<Request>) {
    let batch = stage.batch(client, requests);
    let expected = twin.apply_at(&batch, stage.now_ms);
    assert_eq!(stage.send(&batch).await, expected, "{batch:#?}");
}
