use std::sync::Arc;

use super::*;
use crate::domain::credentials::operation::{AnswerKind, Credential, Operation, Outcome, Request, Reserve};
use crate::domain::quota::Reading;
use crate::store::Ticket;

const START_MS: u64 = 1_715_768_100_000;
const DAY_MS: u64 = 86_400_000;

fn policy() -> Policy {
    let token = |name: &str| Credential { fingerprint: name.into(), account: name.into(), weight: 1 };
    Policy {
        credentials: vec![token("a"), token("b")],
        reserve: Reserve::Requests(0),
        cooldown_ms: 60_000,
        cooldown_max_ms: 3_600_000,
        request_ttl_ms: 300_000,
    }
}

fn pool(name: &str) -> OrchestratorId {
    OrchestratorId::new(name).unwrap()
}

fn apply(pools: &MemoryPools, name: &str, operation: Operation, now_ms: u64) -> Outcome {
    let batch = CredentialBatch {
        pool: pool(name),
        policy: Arc::new(policy()),
        requests: vec![Request { operation, deadline_ms: None }],
        ticket: Ticket { client: "c".into(), sequence: 1, retry: false },
    };
    pools.apply_at(&batch, now_ms).outcomes.remove(0).unwrap()
}

#[test]
fn pools_share_nothing() {
    let (pools, policy) = (MemoryPools::default(), policy());
    let reading = Reading { limit: None, remaining: 0, resets_at_ms: START_MS + 1_000, sent_at_ms: 0 };
    let spent = Answered { kind: AnswerKind::Spent, reading: Some(reading), retry_after_ms: None, jitter: 0 };
    assert!(pools.report(&pool("x"), START_MS, &policy, "a", "core", 0, &spent));
    assert_eq!(pools.count(&pool("x"), START_MS, &policy, "core"), 1);
    assert_eq!(pools.count(&pool("y"), START_MS, &policy, "core"), 2);
    assert_eq!(pools.len(), 1);
}

#[test]
fn what_stays_blank_is_not_kept() {
    let (pools, policy) = (MemoryPools::default(), policy());
    apply(&pools, "x", Operation::View, START_MS);
    apply(&pools, "x", Operation::Drop { fingerprint: "a".into() }, START_MS);
    assert!(!pools.give_back(&pool("x"), START_MS, &policy, "a", "core", START_MS));
    assert!(!pools.set_valid(&pool("x"), START_MS, &policy, "a", true));
    assert!(pools.view(&pool("x"), START_MS, &policy).iter().all(|token| token.is_valid));
    assert!(pools.is_empty());
}

#[test]
fn pools_are_forgotten_a_week_after_their_last_use() {
    let (pools, policy) = (MemoryPools::default(), policy());
    for index in 0..1_000 {
        pools.pick(&pool(&format!("p{index}")), START_MS, &policy, "core", &[]);
    }
    let sealed = Operation::Keep { fingerprint: "a".into(), account: "a".into(), sealed: "sealed".into() };
    apply(&pools, "kept", sealed, START_MS);
    assert_eq!(pools.len(), 1_001);
    for day in 1..=9 {
        for _ in 0..600 {
            pools.pick(&pool("busy"), START_MS + day * DAY_MS, &policy, "core", &[]);
        }
    }
    assert_eq!(pools.len(), 2);
    assert!(matches!(apply(&pools, "kept", Operation::Kept, START_MS), Outcome::Kept(kept) if kept.len() == 1));
}

#[test]
fn threads_never_take_more_than_is_left() {
    let (pools, policy) = (MemoryPools::default(), policy());
    let reading = Reading { limit: None, remaining: 100, resets_at_ms: START_MS + 1_000, sent_at_ms: 0 };
    let served = Answered { kind: AnswerKind::Served, reading: Some(reading), retry_after_ms: None, jitter: 0 };
    for token in ["a", "b"] {
        pools.report(&pool("x"), START_MS, &policy, token, "core", 0, &served);
    }
    let picked: usize = std::thread::scope(|scope| {
        let pick_many = || {
            let picks = (0..200).map(|_| pools.pick(&pool("x"), START_MS, &policy, "core", &[]));
            picks.filter(|picking| matches!(picking, Picking::Picked { .. })).count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(pick_many)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(picked, 200);
}

#[test]
fn shared_pools_live_as_long_as_somebody_holds_them() {
    let (pools, policy) = (MemoryPools::shared("shared-test"), policy());
    pools.pick(&pool("x"), START_MS, &policy, "core", &[]);
    assert_eq!(MemoryPools::shared("shared-test").len(), 1);
    assert!(MemoryPools::shared("another").is_empty());
    drop(pools);
    assert!(MemoryPools::shared("shared-test").is_empty());
}
