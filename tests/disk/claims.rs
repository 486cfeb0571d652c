//! Claims that are found in a file are of processes that are gone.

use std::path::Path;
use std::sync::Arc;

use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::timers::decide::ShardState;
use token_budget::domain::timers::operation::{
    Delivery, Due, NewDelivery, NewTimer, Operation, Outcome, Policy, Request, Timer,
};
use token_budget::store::disk::DiskStore;
use token_budget::store::{Ticket, TimerBatch};

use super::{Folder, PATIENCE, open};

const NOW_MS: u64 = 1_700_000_000_000;
const LEASE_MS: u64 = 30_000;

fn take_over(path: &Path) -> Arc<DiskStore> {
    DiskStore::take_over(path, PATIENCE).unwrap()
}

fn shard() -> OrchestratorId {
    OrchestratorId::new("0").unwrap()
}

fn ask(store: &DiskStore, now_ms: u64, operation: Operation) -> Outcome {
    let batch = TimerBatch {
        shard: shard(),
        policy: Policy::default(),
        requests: vec![Request { operation, deadline_ms: None }],
        ticket: Ticket { client: "c".into(), sequence: 1, retry: false },
    };
    store.timers().apply_at(&batch, now_ms).outcomes.remove(0).unwrap()
}

fn claim(store: &DiskStore, now_ms: u64, holder: &str) -> (Vec<Timer>, Vec<Delivery>) {
    let operation = Operation::Claim { holder: holder.into(), lease_ms: LEASE_MS, timers: 10, deliveries: 10 };
    let Outcome::Claimed { timers, deliveries } = ask(store, now_ms, operation) else { panic!() };
    (timers, deliveries)
}

/// Two timers are claimed, by two; the delivery of a third is claimed, too.
fn fill(store: &DiskStore) {
    for (id, in_ms) in [("a", 1), ("b", 2), ("c", 3)] {
        let timer = NewTimer {
            id: id.into(),
            name: id.into(),
            owner: "".into(),
            due: Due::In(in_ms),
            document_json: "{}".into(),
            recurrence_json: "".into(),
            nonce: id.into(),
            fingerprint: id.into(),
        };
        ask(store, NOW_MS, Operation::Create(timer));
    }
    assert_eq!(claim(store, NOW_MS + 1, "p1").0.len(), 1);
    let delivery = NewDelivery { endpoint: "e".into(), document_json: "{}".into(), lease_ms: LEASE_MS };
    let fired = Operation::Fired {
        id: "a".into(),
        nonce: "a".into(),
        holder: "p1".into(),
        occurrence: 0,
        next_fire_at_ms: None,
        delivery: Some(delivery),
    };
    assert!(matches!(ask(store, NOW_MS + 1, fired), Outcome::Fired { was_held: true, delivery: Some(_) }));
    assert_eq!(claim(store, NOW_MS + 2, "p1").0.len(), 1);
    assert_eq!(claim(store, NOW_MS + 3, "p2").0.len(), 1);
}

fn state(store: &DiskStore) -> ShardState {
    store.timers().inspect(&shard(), |state| state.unwrap().clone())
}

#[test]
fn claims_found_by_the_first_of_a_process_are_over() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let store = take_over(&path);
    fill(&store);
    let held = state(&store);
    assert_eq!(DiskStore::close(store, PATIENCE), 0);

    // Looking alone changes nothing.
    let store = open(&path);
    assert_eq!((state(&store), store.written_seq()), (held.clone(), 7));
    assert_eq!(DiskStore::close(store, PATIENCE), 0);

    let store = take_over(&path);
    let released = state(&store);
    assert_ne!(released, held);
    assert_eq!(store.written_seq(), 8);
    assert!(store.wait_durable(8, PATIENCE));
    // Whoever joins it ends nobody's claims.
    let (timers, deliveries) = claim(&store, NOW_MS + 4, "p3");
    assert_eq!((timers.len(), deliveries.len()), (2, 1));
    let joined = take_over(&path);
    assert_eq!(claim(&joined, NOW_MS + 5, "p4"), (vec![], vec![]));
    drop(joined);
    let held = state(&store);
    assert_eq!(DiskStore::close(store, PATIENCE), 0);
    assert_eq!(state(&open(&path)), held);
}

/// The log alone, as after a crash: replaying it leads to the same.
#[test]
fn that_they_are_over_is_recorded() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let store = take_over(&path);
    fill(&store);
    assert_eq!(DiskStore::close(store, PATIENCE), 0);
    let store = take_over(&path);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    let copy = folder.file("copy.db");
    super::copy_files(&path, &copy);
    let (released, seq) = (state(&store), store.written_seq());
    let copied = open(&copy);
    assert_eq!((state(&copied), copied.written_seq()), (released, seq));
    assert_eq!(DiskStore::close(copied, PATIENCE), 0);
    // Nothing is claimed: nothing is recorded.
    let again = take_over(&copy);
    assert_eq!(again.written_seq(), seq);
}
