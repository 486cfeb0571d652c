use std::sync::Arc;

use super::*;
use crate::clock::ManualClock;
use crate::domain::calendar::Calendar;
use crate::domain::decide::Footprint;
use crate::domain::operation::{Operation, Override, Request};
use crate::domain::policy::{Limits, Policy};

const START_MS: u64 = 1_715_768_100_000;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const MONTH_MS: u64 = 31 * 24 * HOUR_MS;
/// Enough to see growth, few enough for a debug build.
const MANY: u64 = 20_000;

fn policy() -> Policy {
    Policy {
        calendar: Calendar::parse("UTC").unwrap(),
        thresholds: Arc::new([]),
        idempotency_ttl_ms: HOUR_MS,
        late_settle_ttl_ms: HOUR_MS,
        history_limit: 10,
        broadcast: false,
    }
}

fn store() -> MemoryStore {
    MemoryStore::new(Arc::new(ManualClock::at(START_MS)))
}

fn orchestrator(name: &str) -> OrchestratorId {
    OrchestratorId::new(name).unwrap()
}

fn usage_of(request_id: u64) -> Usage {
    Usage { total: 1, request_id: Some(format!("r{request_id}")), ..Usage::default() }
}

/// A store and the rules, to be asked at any instant.
struct Fixture {
    store: MemoryStore,
    policy: Policy,
}

impl Fixture {
    fn new() -> Self {
        Self { store: store(), policy: policy() }
    }

    fn track(&self, name: &str, usage: &Usage, now_ms: u64) {
        let id = orchestrator(name);
        let context = Context::new(&id, &self.policy, Limits::UNLIMITED, now_ms);
        self.store.track(&context, usage).answer.unwrap();
    }

    fn reserve(&self, name: &str, now_ms: u64, ttl_ms: u64) -> ReservationId {
        let orchestrator = orchestrator(name);
        let context = Context::new(&orchestrator, &self.policy, Limits::UNLIMITED, now_ms);
        let id = ReservationId::generate(&orchestrator, Periods::ALL);
        self.store.reserve(&context, &id, 1, Periods::ALL, ttl_ms);
        id
    }

    fn release(&self, id: &ReservationId, now_ms: u64) {
        let orchestrator = id.orchestrator();
        let context = Context::new(&orchestrator, &self.policy, Limits::UNLIMITED, now_ms);
        self.store.settle(&context, id, None).answer.unwrap();
    }

    fn apply(&self, name: &str, operation: Operation, now_ms: u64) -> Receipt {
        let batch = Batch {
            orchestrator: orchestrator(name),
            policy: Arc::new(self.policy.clone()),
            configured: Limits::UNLIMITED,
            requests: vec![Request { operation, deadline_ms: None }],
            ticket: crate::store::Ticket { client: "c".into(), sequence: 1, retry: false },
        };
        self.store.apply_at(&batch, now_ms)
    }

    /// Lets another orchestrator call `count` times, which is what forgets old state.
    fn others_call(&self, count: u64, now_ms: u64) {
        for _ in 0..count {
            self.track("busy", &Usage::default(), now_ms);
        }
    }

    fn footprint(&self) -> Footprint {
        self.store.footprint()
    }
}

#[test]
fn orchestrators_are_forgotten_when_their_month_is_over() {
    let fixture = Fixture::new();
    for round in 0..3 {
        let now_ms = START_MS + round * MONTH_MS;
        for index in 0..MANY {
            fixture.track(&format!("team-{round}-{index}"), &Usage { total: 1, ..Usage::default() }, now_ms);
        }
        assert!(fixture.footprint().orchestrators as u64 <= 2 * MANY);
    }
    fixture.others_call(2 * MANY, START_MS + 3 * MONTH_MS);
    assert_eq!(fixture.footprint().orchestrators, 1);
    assert_eq!(fixture.store.reviews.len(), 1);
}

#[test]
fn request_ids_are_forgotten_when_their_ttl_is_over() {
    let fixture = Fixture::new();
    let mut most = 0;
    for index in 0..6 * MANY {
        // A TTL passes every `MANY` calls.
        fixture.track("team", &usage_of(index), START_MS + index * HOUR_MS / MANY);
        most = most.max(fixture.footprint().request_ids as u64);
    }
    assert!(most <= MANY + 1, "{most}");
}

#[test]
fn a_silent_orchestrator_is_forgotten_part_by_part() {
    let fixture = Fixture::new();
    for index in 0..MANY {
        fixture.track("silent", &usage_of(index), START_MS);
    }
    fixture.reserve("silent", START_MS, MINUTE_MS);
    assert_eq!(fixture.store.sweep_due(START_MS + MINUTE_MS).len(), 1);
    let kept = fixture.footprint();
    assert_eq!((kept.request_ids as u64, kept.expired_reservations, kept.history_records), (MANY, 1, 30));

    fixture.others_call(100, START_MS + 2 * HOUR_MS);
    let kept = fixture.footprint();
    assert_eq!((kept.request_ids, kept.expired_reservations, kept.orchestrators), (0, 0, 2));
    assert_eq!(kept.history_records, 20 + 30);
}

#[test]
fn a_burst_of_request_ids_is_forgotten_though_calls_go_on() {
    let fixture = Fixture::new();
    for index in 0..MANY {
        fixture.track("team", &usage_of(index), START_MS);
    }
    for half_hour in 1..6 {
        let now_ms = START_MS + half_hour * HOUR_MS / 2;
        fixture.track("team", &usage_of(MANY + half_hour), now_ms);
        fixture.others_call(MANY / 100, now_ms);
    }
    assert!(fixture.footprint().request_ids < 10);
}

#[test]
fn released_reservations_leave_nothing() {
    let fixture = Fixture::new();
    for index in 0..MANY {
        let id = fixture.reserve(&format!("team-{index}"), START_MS, MINUTE_MS);
        fixture.release(&id, START_MS);
    }
    assert_eq!(fixture.footprint(), Footprint::default());
    assert_eq!(fixture.store.next_expiry_ms(), None);
}

#[test]
fn what_stays_blank_is_not_kept() {
    let fixture = Fixture::new();
    for index in 0..100 {
        let name = format!("team-{index}");
        let id = ReservationId::generate(&orchestrator(&name), Periods::ALL);
        fixture.apply(&name, Operation::Settle { id, usage: None }, START_MS);
        fixture.apply(&name, Operation::Sweep, START_MS);
        fixture.apply(&name, Operation::GetBudget, START_MS);
    }
    assert_eq!(fixture.footprint(), Footprint::default());
}

#[test]
fn overrides_are_forgotten_and_set_budgets_are_not() {
    let fixture = Fixture::new();
    let entry = Override {
        id: "o".to_owned(),
        period: Period::Hourly,
        additional_tokens: 1,
        additional_cost: 0,
        expires_at_ms: START_MS + MINUTE_MS,
        document_json: String::new(),
    };
    fixture.apply("a", Operation::SetOverride(entry), START_MS);
    fixture.apply("b", Operation::SetBudget(Some(Limits::UNLIMITED)), START_MS);
    assert_eq!(fixture.footprint().overrides, 1);
    fixture.others_call(10, START_MS + MINUTE_MS);
    let kept = fixture.footprint();
    assert_eq!((kept.overrides, kept.orchestrators), (0, 2));
    fixture.apply("b", Operation::SetBudget(None), START_MS + MINUTE_MS);
    fixture.others_call(10, START_MS + MINUTE_MS);
    assert_eq!(fixture.footprint().orchestrators, 1);
}

#[test]
fn a_sweep_gives_back_in_every_orchestrator_once() {
    let fixture = Fixture::new();
    assert_eq!(fixture.store.next_expiry_ms(), None);
    let late = fixture.reserve("a", START_MS, 2 * MINUTE_MS);
    let soon = fixture.reserve("b", START_MS, MINUTE_MS);
    assert_eq!(fixture.store.next_expiry_ms(), Some(START_MS + MINUTE_MS));
    assert_eq!(fixture.store.sweep_due(START_MS + MINUTE_MS - 1), []);
    let expired =
        |now_ms| -> Vec<_> { fixture.store.sweep_due(now_ms).into_iter().map(|expired| expired.id).collect() };
    assert_eq!(expired(START_MS + MINUTE_MS), [soon]);
    assert_eq!(fixture.store.next_expiry_ms(), Some(START_MS + 2 * MINUTE_MS));
    assert_eq!(expired(START_MS + HOUR_MS), [late]);
    assert_eq!(expired(START_MS + HOUR_MS), []);
    assert_eq!(fixture.store.next_expiry_ms(), None);
}

#[test]
fn a_shorter_reservation_brings_the_sweep_forward() {
    let fixture = Fixture::new();
    for minutes in [9, 5, 7, 1] {
        fixture.reserve("a", START_MS, minutes * MINUTE_MS);
    }
    for minutes in [1, 5, 7, 9] {
        let now_ms = START_MS + minutes * MINUTE_MS;
        assert_eq!(fixture.store.next_expiry_ms(), Some(now_ms));
        assert_eq!(fixture.store.sweep_due(now_ms).len(), 1);
    }
}

#[test]
fn threads_never_grant_more_than_the_limit() {
    let store = store();
    let policy = policy();
    let limits = Limits::tokens([Some(1_000), None, None]);
    let granted: usize = std::thread::scope(|scope| {
        let reserve_many = || {
            let team = orchestrator("team");
            let context = Context::new(&team, &policy, limits, START_MS);
            let grants = (0..200).filter(|_| {
                let id = ReservationId::generate(&team, Periods::ALL);
                let reserved = store.reserve(&context, &id, 10, Periods::ALL, MINUTE_MS).answer;
                matches!(reserved, Reserving::Granted(_))
            });
            grants.count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(reserve_many)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(granted, 100);
}

#[test]
fn a_shared_store_lives_as_long_as_somebody_holds_it() {
    let store = MemoryStore::shared("shared-test");
    let usage = Usage { total: 1, ..Usage::default() };
    let team = orchestrator("team");
    let policy = policy();
    let context = Context::new(&team, &policy, Limits::UNLIMITED, START_MS);
    store.track(&context, &usage).answer.unwrap();
    assert_eq!(MemoryStore::shared("shared-test").footprint().orchestrators, 1);
    assert_eq!(MemoryStore::shared("another").footprint().orchestrators, 0);
    drop(store);
    assert_eq!(MemoryStore::shared("shared-test").footprint().orchestrators, 0);
}
