//! Reservations that were granted while the store was away, and hold nothing.

use super::desk::*;
use super::harness::Harness;
use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::UnheldId;
use token_budget::domain::operation::{Operation, Outcome, Settlement};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::usage::Usage;

type Settled = Result<Settlement, OperationError>;

fn recorded(tokens: u64) -> Settled {
    Ok(Settlement {
        reserved: 0,
        periods: Periods::ALL,
        recorded: tokens,
        overage: tokens,
        reserved_cost: 0,
        recorded_cost: 0,
        late: false,
        duplicate: false,
        transitions: Vec::new(),
    })
}

fn not_found(id: &UnheldId) -> Settled {
    Err(OperationError::ReservationNotFound { id: id.as_str().to_owned() })
}

fn settled(outcome: Result<Outcome, OperationError>) -> Settled {
    outcome.map(|outcome| match outcome {
        Outcome::Settled(settlement) => settlement,
        other => panic!("{other:?}"),
    })
}

async fn settle<H: Harness>(desk: &Desk<H>, id: &UnheldId, usage: Option<Usage>) -> Settled {
    settled(desk.one(Operation::SettleUnheld { id: id.clone(), usage }).await)
}

pub async fn what_was_not_held_is_recorded_once<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_thresholds(&[0.5]);
    let (id, other) = (UnheldId::generate(&desk.orchestrator), UnheldId::generate(&desk.orchestrator));
    let settlement = settle(&desk, &id, Some(usage(45))).await;
    assert_eq!(settlement, recorded(45));
    for again in [Some(usage(45)), Some(usage(46)), Some(usage_of("r", 1)), Some(usage(0)), None] {
        assert_eq!(settle(&desk, &id, again).await, not_found(&id));
    }
    assert_eq!(desk.used().await, [45, 45, 45]);
    let crossing = settle(&desk, &other, Some(usage(5))).await.unwrap();
    assert_eq!(crossing.transitions.len(), 1);
    let records = desk.history(Period::Hourly, 0, 10).await;
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record.get("requestId").is_none()), "{records:?}");
}

pub async fn nothing_is_recorded_without_usage_and_it_ends_all_the_same<H: Harness>(desk: Desk<H>) {
    for nothing in [None, Some(usage_of("r", 0))] {
        let id = UnheldId::generate(&desk.orchestrator);
        assert_eq!(settle(&desk, &id, nothing).await, recorded(0));
        assert_eq!(settle(&desk, &id, Some(usage(7))).await, not_found(&id));
    }
    assert_eq!(desk.used().await, [0, 0, 0]);
    assert!(desk.history(Period::Hourly, 0, 10).await.is_empty());
    // The request id was not taken.
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((false, vec![])));
}

pub async fn a_request_id_counts_once_with_it<H: Harness>(desk: Desk<H>) {
    let (a, b) = (UnheldId::generate(&desk.orchestrator), UnheldId::generate(&desk.orchestrator));
    assert_eq!(settle(&desk, &a, Some(usage_of("r", 7))).await, recorded(7));
    assert_eq!(desk.history(Period::Daily, 0, 10).await[0]["requestId"], "r");
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((true, vec![])));
    let known = settle(&desk, &b, Some(usage_of("r", 7))).await.unwrap();
    assert_eq!((known.duplicate, known.recorded), (true, 0));
    assert_eq!(settle(&desk, &b, Some(usage(7))).await, not_found(&b), "it has ended with what was known");
    assert_eq!(desk.used().await, [7, 7, 7]);
}

pub async fn a_conflict_leaves_it_to_be_settled<H: Harness>(desk: Desk<H>) {
    let id = UnheldId::generate(&desk.orchestrator);
    desk.try_track(usage_of("r", 7)).await.unwrap();
    let conflict = OperationError::RequestConflict { request_id: "r".to_owned() };
    assert_eq!(settle(&desk, &id, Some(usage_of("r", 8))).await, Err(conflict));
    assert_eq!(settle(&desk, &id, Some(usage(8))).await, recorded(8));
    assert_eq!(desk.hour().await, [15, 0]);
}

pub async fn its_end_is_remembered_for_a_ttl<H: Harness>(desk: Desk<H>) {
    let id = UnheldId::generate(&desk.orchestrator);
    let start_ms = desk.now();
    assert_eq!(settle(&desk, &id, None).await, recorded(0));
    desk.set_now(start_ms + desk.policy.idempotency_ttl_ms - 1);
    assert_eq!(settle(&desk, &id, Some(usage(3))).await, not_found(&id));
}

pub async fn a_batch_ends_it_once<H: Harness>(desk: Desk<H>) {
    let id = UnheldId::generate(&desk.orchestrator);
    let settle = |total| Operation::SettleUnheld { id: id.clone(), usage: Some(usage(total)) };
    let outcomes = desk.apply(vec![settle(3), settle(4), Operation::Track(usage(5))]).await.outcomes;
    let settlements: Vec<_> = outcomes.into_iter().take(2).map(settled).collect();
    assert_eq!(settlements, [recorded(3), not_found(&id)]);
    assert_eq!(desk.hour().await, [8, 0]);
}

pub async fn held_tokens_stay_held<H: Harness>(desk: Desk<H>) {
    let (held, id) = (desk.reserve(60).await, UnheldId::generate(&desk.orchestrator));
    let both = vec![
        Operation::SettleUnheld { id: id.clone(), usage: Some(usage(5)) },
        Operation::Settle { id: held, usage: Some(usage(7)) },
        Operation::SettleUnheld { id: UnheldId::generate(&desk.orchestrator), usage: None },
    ];
    assert_eq!(desk.hour().await, [0, 60]);
    let outcomes = desk.apply(both).await.outcomes;
    let settlements: Vec<_> = outcomes.into_iter().map(|outcome| settled(outcome).unwrap()).collect();
    let numbers = settlements.iter().map(|one| (one.reserved, one.recorded)).collect::<Vec<_>>();
    assert_eq!(numbers, [(0, 5), (60, 7), (0, 0)]);
    assert_eq!(desk.hour().await, [12, 0]);
}
