//! How fast it is: `cargo test --release --test disk_store -- --ignored --nocapture speed`.

use std::time::{Duration, Instant};

use token_budget::domain::decide::Context;
use token_budget::domain::identifier::ReservationId;
use token_budget::domain::period::Periods;
use token_budget::domain::policy::{Limits, Policy};
use token_budget::domain::usage::Usage;
use token_budget::store::disk::DiskStore;
use token_budget::store::memory::MemoryStore;

use super::{Folder, PATIENCE, budget_policy, key, open};

const NOW_MS: u64 = 1_700_000_000_000;

fn track(store: &MemoryStore, policy: &Policy, index: usize) {
    let orchestrator = key(&format!("team-{}", index % 100));
    let context = Context::new(&orchestrator, policy, Limits::tokens([Some(1 << 50), None, None]), NOW_MS);
    let usage = Usage { total: 30, model: "model".into(), reported_at_ms: NOW_MS, ..Usage::default() };
    store.track(&context, &usage).answer.unwrap();
}

fn per_second(count: usize, took: Duration) -> u64 {
    (count as f64 / took.as_secs_f64()) as u64
}

#[test]
#[ignore = "measures"]
fn speed() {
    let folder = Folder::new();
    let policy = Policy { history_limit: 0, ..budget_policy("UTC") };
    let path = folder.file("state.db");
    let store = open(&path);

    let mut took: Vec<_> = (0..300)
        .map(|index| {
            let begun = Instant::now();
            track(store.budgets(), &policy, index);
            assert!(store.wait_durable(store.written_seq(), PATIENCE));
            begun.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!("one at a time: median {:?}, p99 {:?}", took[150], took[297]);

    // A thousand in flight: whoever asks waits for the one a thousand before.
    let (count, begun) = (400_000, Instant::now());
    let first_seq = store.written_seq();
    for index in 0..count {
        track(store.budgets(), &policy, index);
        if let Some(waited_for) = (index as u64).checked_sub(1_000) {
            assert!(store.wait_durable(first_seq + waited_for, PATIENCE));
        }
    }
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    println!("1,000 in flight: {} a second", per_second(count, begun.elapsed()));

    let memory = MemoryStore::new(std::sync::Arc::new(token_budget::clock::SystemClock));
    let begun = Instant::now();
    (0..count).for_each(|index| track(&memory, &policy, index));
    println!("in memory: {} a second", per_second(count, begun.elapsed()));
    DiskStore::close(store, PATIENCE);
}

#[test]
#[ignore = "measures"]
fn speed_of_opening() {
    let folder = Folder::new();
    let policy = budget_policy("UTC");
    let path = folder.file("state.db");
    let store = DiskStore::open_with(&path, PATIENCE, usize::MAX).unwrap();
    let team = key("team");
    let context = Context::new(&team, &policy, Limits::UNLIMITED, NOW_MS);
    for _ in 0..100_000 {
        let id = ReservationId::generate(&team, Periods::ALL);
        store.budgets().reserve(&context, &id, 1, Periods::ALL, 3_600_000);
    }
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    let copy = folder.file("copy.db");
    super::copy_files(&path, &copy);
    let begun = Instant::now();
    let copied = open(&copy);
    println!("100,000 reservations, decided anew: {:?}", begun.elapsed());
    DiskStore::close(copied, PATIENCE);
    let begun = Instant::now();
    DiskStore::close(store, PATIENCE);
    println!("clean close: {:?}", begun.elapsed());
    let begun = Instant::now();
    let store = open(&path);
    println!("100,000 reservations, read: {:?}", begun.elapsed());
    assert_eq!(store.budgets().footprint().open_reservations, 100_000);
}

#[test]
#[ignore = "measures"]
fn speed_of_large_states() {
    use token_budget::domain::timers::operation::{Due, NewTimer, Operation, Policy, Request};
    use token_budget::store::{Ticket, TimerBatch};
    let folder = Folder::new();
    let path = folder.file("state.db");
    let store = open(&path);
    let create = |number: usize| {
        let timer = NewTimer {
            id: format!("timer-{number}").into(),
            name: "reset".into(),
            owner: "".into(),
            due: Due::In(3_600_000 + number as u64),
            document_json: r#"{"events":{"on_expire":{"message":"The limit has been reset"}}}"#.into(),
            recurrence_json: "".into(),
            nonce: format!("nonce-{number}").into(),
            fingerprint: "0123456789abcdef".into(),
        };
        Request { operation: Operation::Create(timer), deadline_ms: None }
    };
    let (shard, ticket) = (key("0"), Ticket { client: "c".into(), sequence: 1, retry: false });
    let (begun, mut slowest) = (Instant::now(), Duration::ZERO);
    for number in 0..300_000 {
        let begun = Instant::now();
        let requests = vec![create(number)];
        let batch = TimerBatch { shard: shard.clone(), policy: Policy::default(), requests, ticket: ticket.clone() };
        store.timers().apply_at(&batch, NOW_MS);
        slowest = slowest.max(begun.elapsed());
        if store.accept().is_err() {
            store.wait_durable(store.written_seq(), PATIENCE);
        }
    }
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    println!("300,000 timers: {} a second, the slowest took {slowest:?}", per_second(300_000, begun.elapsed()));
    let begun = Instant::now();
    DiskStore::close(store, PATIENCE);
    println!("clean close: {:?}, {} MiB", begun.elapsed(), std::fs::metadata(&path).unwrap().len() >> 20);
    let begun = Instant::now();
    let store = open(&path);
    println!("opened: {:?}", begun.elapsed());
    assert_eq!(store.timers().footprint().scheduled, 300_000);
}
