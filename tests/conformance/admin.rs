use super::desk::*;
use super::harness::Harness;
use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::ReservationId;
use token_budget::domain::operation::{BudgetView, Operation, Outcome, Request};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::Limits;

async fn budget<H: Harness>(desk: &Desk<H>) -> BudgetView {
    match desk.one(Operation::GetBudget).await {
        Ok(Outcome::Budget(budget)) => budget,
        other => panic!("{other:?}"),
    }
}

async fn listed<H: Harness>(desk: &Desk<H>, period: Option<Period>, offset: u64, limit: u64) -> Vec<ReservationId> {
    match desk.one(Operation::ListReservations { period, offset, limit }).await {
        Ok(Outcome::Reservations(open)) => open.into_iter().map(|open| open.id).collect(),
        other => panic!("{other:?}"),
    }
}

pub async fn a_set_budget_comes_before_the_configured<H: Harness>(desk: Desk<H>) {
    desk.set_budget(Some(hourly(10))).await;
    assert_eq!(desk.limit(Period::Hourly).await, Some(10));
    assert!(desk.try_reserve(11, Period::Hourly.into()).await.is_err());
    desk.set_budget(Some(hourly(1_000))).await;
    desk.reserve(1_000).await;
}

pub async fn a_set_budget_counts_as_a_whole<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_limits([Some(1), Some(2), Some(3)]);
    desk.set_budget(Some(Limits::tokens([None, Some(7), None]))).await;
    assert_eq!(desk.limit(Period::Hourly).await, None);
    assert_eq!(desk.limit(Period::Daily).await, Some(7));
    assert_eq!(desk.limit(Period::Monthly).await, None);
}

pub async fn a_budget_can_be_unset<H: Harness>(desk: Desk<H>) {
    desk.set_budget(Some(Limits::UNLIMITED)).await;
    assert!(budget(&desk).await.stored);
    desk.set_budget(None).await;
    assert_eq!(desk.limit(Period::Hourly).await, Some(100));
    assert!(!budget(&desk).await.stored);
}

pub async fn a_lower_budget_refuses_what_the_higher_allowed<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(90).await;
    desk.set_budget(Some(hourly(50))).await;
    assert_eq!(desk.check(Period::Hourly).await.available(), Some(0));
    assert!(desk.try_reserve(1, Period::Hourly.into()).await.is_err());
    assert_eq!(desk.settle(&id, 90).await.recorded, 90);
}

pub async fn a_budget_lasts_for_ever<H: Harness>(desk: Desk<H>) {
    desk.set_budget(Some(hourly(50))).await;
    for _ in 0..3 {
        desk.advance(400 * DAY_MS);
        desk.track(1).await;
        assert_eq!(desk.limit(Period::Hourly).await, Some(50));
    }
}

pub async fn the_budget_tells_base_and_effective_limits<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_limits([Some(100), None, Some(0)]);
    desk.raise("o", 50, HOUR_MS).await;
    let expected = BudgetView {
        base: Limits::tokens([Some(100), None, Some(0)]),
        effective: Limits::tokens([Some(150), None, Some(0)]),
        stored: false,
    };
    assert_eq!(budget(&desk).await, expected);
    desk.set_budget(Some(hourly(7))).await;
    let expected = BudgetView { base: hourly(7), effective: hourly(57), stored: true };
    assert_eq!(budget(&desk).await, expected);
}

pub async fn reservations_are_listed_by_expiry_in_pages<H: Harness>(desk: Desk<H>) {
    let start_ms = desk.now();
    let mut open = Vec::new();
    for (ttl_ms, periods) in
        [(9, Periods::ALL), (5, Period::Daily.into()), (7, Period::Hourly.into()), (7, Periods::ALL)]
    {
        let id = desk.new_id(periods);
        desk.reserve_as(&id, 1, ttl_ms * SECOND_MS).await;
        open.push((ttl_ms, id));
    }
    open.sort();
    let ids = |wanted: fn(&ReservationId) -> bool| -> Vec<_> {
        open.iter().map(|(_, id)| id.clone()).filter(wanted).collect()
    };
    let all = ids(|_| true);
    assert_eq!(listed(&desk, None, 0, 10).await, all);
    assert_eq!(listed(&desk, None, 1, 2).await, all[1..3]);
    assert_eq!(listed(&desk, None, 3, 2).await, all[3..]);
    assert_eq!(listed(&desk, None, 4, 2).await, []);
    assert_eq!(listed(&desk, None, 0, 0).await, []);
    let in_hour = ids(|id| id.periods().contains(Period::Hourly));
    assert_eq!(listed(&desk, Some(Period::Hourly), 0, 10).await, in_hour);
    assert_eq!(listed(&desk, Some(Period::Hourly), 1, 1).await, in_hour[1..2]);
    let first = Operation::ListReservations { period: None, offset: 0, limit: 1 };
    match desk.one(first).await {
        Ok(Outcome::Reservations(open)) => {
            let open = &open[0];
            assert_eq!((open.tokens, open.periods), (1, Period::Daily.into()));
            assert_eq!((open.created_at_ms, open.expires_at_ms), (start_ms, start_ms + 5 * SECOND_MS));
        }
        other => panic!("{other:?}"),
    }
}

pub async fn expired_reservations_are_not_listed<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(1).await;
    desk.advance(TTL_MS - 1);
    assert_eq!(listed(&desk, None, 0, 10).await, [id]);
    desk.advance(1);
    assert_eq!(listed(&desk, None, 0, 10).await, []);
}

pub async fn after_its_deadline_a_request_does_nothing<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    let late = |operation| Request { operation, deadline_ms: Some(desk.now()) };
    let requests = vec![
        late(Operation::Track(usage(5))),
        late(Operation::Settle { id: id.clone(), usage: Some(usage(5)) }),
        late(Operation::SetBudget(None)),
        late(Operation::Check { period: Period::Hourly, tokens: 1 }),
    ];
    for outcome in desk.send(&desk.batch(requests)).await.outcomes {
        assert_eq!(outcome, Err(OperationError::DeadlinePassed));
    }
    assert_eq!(desk.hour().await, [0, 60]);
}

pub async fn a_deadline_is_its_own_requests<H: Harness>(desk: Desk<H>) {
    let request = |deadline_ms| Request { operation: Operation::Track(usage(5)), deadline_ms };
    let now_ms = desk.now();
    let requests = vec![request(Some(now_ms)), request(Some(now_ms + 1)), request(None)];
    let outcomes = desk.send(&desk.batch(requests)).await.outcomes;
    assert_eq!(outcomes[0], Err(OperationError::DeadlinePassed));
    assert!(outcomes[1].is_ok() && outcomes[2].is_ok());
    assert_eq!(desk.hour().await, [10, 0]);
}
