use super::desk::*;
use super::harness::Harness;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::operation::{Operation, Outcome};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::Limits;
use token_budget::domain::tokens::MAX_TOKENS;

fn hour_and_day() -> Periods {
    Periods::from_bits(0b011).unwrap()
}

pub async fn the_limit_is_used_up_exactly<H: Harness>(desk: Desk<H>) {
    let mut granted = 0;
    for _ in 0..30 {
        granted += u64::from(desk.try_reserve(10, Period::Hourly.into()).await.is_ok());
    }
    assert_eq!(granted, 10);
    assert_eq!(desk.hour().await, [0, 100]);
}

pub async fn what_does_not_fit_is_refused_and_not_shrunk<H: Harness>(desk: Desk<H>) {
    desk.reserve(60).await;
    let view = desk.try_reserve(41, Period::Hourly.into()).await.unwrap_err();
    assert_eq!((view.period, view.reserved, view.limit), (Period::Hourly, 60, Some(100)));
    assert_eq!(desk.hour().await, [0, 60]);
    desk.reserve(40).await;
    assert!(desk.try_reserve(1, Period::Hourly.into()).await.is_err());
    desk.reserve(0).await;
}

pub async fn several_periods_are_held_all_or_none<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_limits([Some(100), Some(150), None]);
    desk.try_reserve(90, hour_and_day()).await.unwrap();
    desk.advance(HOUR_MS);
    desk.track(70).await;
    let view = desk.try_reserve(81, hour_and_day()).await.unwrap_err();
    assert_eq!(view.period, Period::Hourly);
    desk.try_reserve(30, hour_and_day()).await.unwrap();
    assert_eq!(desk.try_reserve(60, Period::Daily.into()).await.unwrap_err().reserved, 30);
    assert_eq!(desk.check(Period::Hourly).await.reserved, 30);
    assert_eq!(desk.check(Period::Monthly).await.reserved, 0);
}

pub async fn the_shortest_full_period_is_told<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_limits([Some(50), Some(10), Some(5)]);
    let full = async |tokens| desk.try_reserve(tokens, Periods::ALL).await.unwrap_err().period;
    assert_eq!(full(51).await, Period::Hourly);
    assert_eq!(full(50).await, Period::Daily);
    assert_eq!(full(10).await, Period::Monthly);
    for period in Period::ALL {
        assert_eq!(desk.check(period).await.reserved, 0);
    }
}

pub async fn remaining_is_the_least_of_the_limited_periods<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_limits([Some(100), Some(80), None]);
    let now_ms = desk.now();
    let outcome = desk.reserve_as(&desk.new_id(Periods::ALL), 30, TTL_MS).await;
    let expires_at_ms = now_ms + TTL_MS;
    assert_eq!(outcome, Outcome::Reserved { created_at_ms: now_ms, expires_at_ms, remaining: Some(50) });
    let outcome = desk.reserve_as(&desk.new_id(Period::Monthly.into()), 30, TTL_MS).await;
    assert_eq!(outcome, Outcome::Reserved { created_at_ms: now_ms, expires_at_ms, remaining: None });
}

pub async fn asked_twice_it_holds_once<H: Harness>(desk: Desk<H>) {
    let id = desk.new_id(Period::Hourly.into());
    let first = desk.reserve_as(&id, 70, TTL_MS).await;
    desk.advance(MINUTE_MS);
    assert_eq!(desk.reserve_as(&id, 70, TTL_MS).await, first);
    assert_eq!(desk.hour().await, [0, 70]);
}

pub async fn a_limit_of_zero_allows_nothing<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_limits([Some(0), None, None]);
    let view = desk.try_reserve(1, Period::Hourly.into()).await.unwrap_err();
    assert_eq!((view.limit, view.available()), (Some(0), Some(0)));
    desk.reserve(0).await;
}

pub async fn no_limit_is_unlimited<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_limits([None, None, None]);
    desk.try_reserve(1 << 50, Periods::ALL).await.unwrap();
    let view = desk.check(Period::Daily).await;
    assert_eq!((view.limit, view.available(), view.reserved), (None, None, 1 << 50));
}

pub async fn used_and_held_tokens_both_count<H: Harness>(desk: Desk<H>) {
    desk.track(30).await;
    desk.reserve(30).await;
    let view = desk.try_reserve(41, Period::Hourly.into()).await.unwrap_err();
    assert_eq!((view.used, view.reserved, view.available()), (30, 30, Some(40)));
    desk.reserve(40).await;
}

pub async fn over_the_limit_nothing_is_available<H: Harness>(desk: Desk<H>) {
    desk.reserve(50).await;
    desk.track(170).await;
    assert_eq!(desk.check(Period::Hourly).await.available(), Some(0));
    assert!(desk.try_reserve(1, Period::Hourly.into()).await.is_err());
}

pub async fn counters_stop_at_max_tokens<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_limits([Some(MAX_TOKENS), None, None]);
    desk.try_reserve(MAX_TOKENS, Period::Hourly.into()).await.unwrap();
    assert!(desk.try_reserve(1, Period::Hourly.into()).await.is_err());
    desk.try_reserve(MAX_TOKENS, Period::Daily.into()).await.unwrap();
    desk.try_reserve(1, Period::Daily.into()).await.unwrap();
    assert_eq!(desk.check(Period::Daily).await.reserved, MAX_TOKENS);
    desk.track(MAX_TOKENS - 1).await;
    assert_eq!(desk.used().await, [MAX_TOKENS - 1; 3]);
    desk.track(MAX_TOKENS).await;
    let stats = desk.stats(Period::Hourly).await;
    assert_eq!((stats.view.used, stats.unattributed), (MAX_TOKENS, MAX_TOKENS));
    assert_eq!(stats.models, [("unknown".to_owned(), MAX_TOKENS)]);
}

pub async fn a_check_writes_nothing<H: Harness>(desk: Desk<H>) {
    for _ in 0..3 {
        let outcome = desk.one(Operation::Check { period: Period::Hourly, tokens: 60 }).await;
        assert!(matches!(outcome, Ok(Outcome::Check(view)) if view.available() == Some(100)));
    }
}

pub async fn a_batch_is_decided_in_order<H: Harness>(desk: Desk<H>) {
    let periods = Periods::from(Period::Hourly);
    let (a, b, c) = (desk.new_id(periods), desk.new_id(periods), desk.new_id(periods));
    let reserve = |id, tokens| Operation::Reserve { id, tokens, periods, ttl_ms: TTL_MS, cost_micros: 0 };
    let check = Operation::Check { period: Period::Hourly, tokens: 0 };
    let operations = vec![
        reserve(a.clone(), 60),
        reserve(b, 60),
        Operation::Settle { id: a, usage: Some(usage(40)) },
        check.clone(),
        reserve(c, 60),
        check,
    ];
    let outcomes = desk.apply(operations).await.outcomes;
    let view = |index: usize| match &outcomes[index] {
        Ok(Outcome::Check(view) | Outcome::Denied(view)) => [view.used, view.reserved],
        other => panic!("{other:?}"),
    };
    assert!(matches!(outcomes[0], Ok(Outcome::Reserved { remaining: Some(40), .. })));
    assert_eq!(view(1), [0, 60]);
    assert_eq!(view(3), [40, 0]);
    assert!(matches!(outcomes[4], Ok(Outcome::Reserved { remaining: Some(0), .. })));
    assert_eq!(view(5), [40, 60]);
}

pub async fn orchestrators_share_nothing<H: Harness>(mut desk: Desk<H>) {
    desk.track(90).await;
    desk.set_budget(Some(Limits::tokens([Some(1), None, None]))).await;
    for other in ["team-b", "team-a:", "{team-a}", "team", "team-a%3A", "*"] {
        desk.orchestrator = OrchestratorId::new(other).unwrap();
        assert_eq!(desk.hour().await, [0, 0], "{other}");
        desk.reserve(100).await;
    }
}
