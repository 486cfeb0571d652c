use super::*;
use crate::domain::timers::operation::*;

const LEASE_MS: u64 = 30_000;

fn ask_with(shard: &mut ShardState, now_ms: u64, policy: &Policy, operation: Operation) -> Outcome {
    assert_eq!(operation.check(), Ok(()));
    let receipt = shard.apply(now_ms, policy, &[Request { operation, deadline_ms: None }]);
    receipt.outcomes.into_iter().next().expect("one outcome").expect("no deadline")
}

fn ask(shard: &mut ShardState, now_ms: u64, operation: Operation) -> Outcome {
    ask_with(shard, now_ms, &Policy::default(), operation)
}

fn new_timer(id: &str, due: Due) -> NewTimer {
    NewTimer {
        id: id.into(),
        name: "name".into(),
        owner: "".into(),
        due,
        document_json: "{}".into(),
        recurrence_json: "".into(),
        nonce: format!("n-{id}").into(),
        fingerprint: "f".into(),
    }
}

fn create(shard: &mut ShardState, now_ms: u64, id: &str, due: Due) {
    let outcome = ask(shard, now_ms, Operation::Create(new_timer(id, due)));
    assert!(matches!(outcome, Outcome::Created { is_new: true, .. }), "{outcome:?}");
}

fn claim(
    shard: &mut ShardState,
    now_ms: u64,
    holder: &str,
    timers: u64,
    deliveries: u64,
) -> (Vec<Timer>, Vec<Delivery>) {
    let operation = Operation::Claim { holder: holder.into(), lease_ms: LEASE_MS, timers, deliveries };
    match ask(shard, now_ms, operation) {
        Outcome::Claimed { timers, deliveries } => (timers, deliveries),
        other => panic!("{other:?}"),
    }
}

fn claimed_ids(shard: &mut ShardState, now_ms: u64, holder: &str) -> Vec<String> {
    claim(shard, now_ms, holder, 100, 0).0.iter().map(|timer| timer.id.to_string()).collect()
}

fn fired(id: &str, holder: &str, occurrence: u64) -> Operation {
    Operation::Fired {
        id: id.into(),
        nonce: format!("n-{id}").into(),
        holder: holder.into(),
        occurrence,
        next_fire_at_ms: None,
        delivery: None,
    }
}

fn fires(shard: &mut ShardState, now_ms: u64, operation: Operation) -> bool {
    match ask(shard, now_ms, operation) {
        Outcome::Fired { was_held, .. } => was_held,
        other => panic!("{other:?}"),
    }
}

fn get(shard: &mut ShardState, now_ms: u64, id: &str) -> Option<Timer> {
    match ask(shard, now_ms, Operation::Get { id: id.into() }) {
        Outcome::Timer(timer) => timer,
        other => panic!("{other:?}"),
    }
}

/// A timer that fired, with a delivery that `holder` holds for `lease_ms`.
fn fire_with_delivery(shard: &mut ShardState, now_ms: u64, id: &str, holder: &str, lease_ms: u64) -> Delivery {
    create(shard, now_ms, id, Due::In(0));
    claim(shard, now_ms, holder, 100, 0);
    let delivery = NewDelivery { endpoint: "https://a.example".into(), document_json: "{}".into(), lease_ms };
    let operation = Operation::Fired {
        id: id.into(),
        nonce: format!("n-{id}").into(),
        holder: holder.into(),
        occurrence: 0,
        next_fire_at_ms: None,
        delivery: Some(delivery),
    };
    match ask(shard, now_ms, operation) {
        Outcome::Fired { was_held: true, delivery: Some(delivery) } => delivery,
        other => panic!("{other:?}"),
    }
}

fn undelivered(id: &str, holder: &str, retry_in_ms: Option<u64>, disable: bool) -> Operation {
    Operation::Undelivered { id: id.into(), holder: holder.into(), error: "503".into(), retry_in_ms, disable }
}

mod claims;
mod deliveries;
mod life;
mod lists;
