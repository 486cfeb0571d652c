use super::desk::*;
use super::harness::Harness;
use token_budget::domain::operation::{Operation, Outcome, Pause};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::tokens::MAX_TOKENS;

const DOCUMENT: &str = r#"{"reason":"! 1,2,3 of \"x\""}"#;

async fn pause<H: Harness>(desk: &Desk<H>, until_ms: Option<u64>) -> bool {
    match desk.one(Operation::Pause { until_ms, document_json: DOCUMENT.to_owned() }).await {
        Ok(Outcome::Pause(pause)) => pause.is_some(),
        other => panic!("{other:?}"),
    }
}

async fn resume<H: Harness>(desk: &Desk<H>) -> bool {
    match desk.one(Operation::Resume).await {
        Ok(Outcome::Resumed(resumed)) => resumed,
        other => panic!("{other:?}"),
    }
}

async fn told<H: Harness>(desk: &Desk<H>) -> Option<Pause> {
    match desk.one(Operation::GetPause).await {
        Ok(Outcome::Pause(pause)) => pause,
        other => panic!("{other:?}"),
    }
}

pub async fn nothing_is_granted_until_it_is_resumed<H: Harness>(desk: Desk<H>) {
    assert!(pause(&desk, None).await);
    let since_ms = desk.now();
    desk.advance(40 * DAY_MS);
    assert_eq!(desk.check(Period::Daily).await.paused_until_ms, Some(MAX_TOKENS));
    let view = desk.try_reserve(0, Periods::ALL).await.unwrap_err();
    assert_eq!((view.period, view.paused_until_ms, view.available()), (Period::Hourly, Some(MAX_TOKENS), Some(100)));
    let expected = Pause { until_ms: None, since_ms, document_json: DOCUMENT.to_owned() };
    assert_eq!(told(&desk).await, Some(expected));
    assert_eq!((resume(&desk).await, resume(&desk).await), (true, false));
    assert_eq!(told(&desk).await, None);
    desk.reserve(100).await;
}

pub async fn it_ends_by_the_clock_of_the_store<H: Harness>(desk: Desk<H>) {
    let until_ms = desk.now() + MINUTE_MS;
    assert!(pause(&desk, Some(until_ms)).await);
    desk.set_now(until_ms - 1);
    assert_eq!(desk.check(Period::Hourly).await.paused_until_ms, Some(until_ms));
    assert!(desk.try_reserve(1, Period::Monthly.into()).await.is_err_and(|view| view.period == Period::Monthly));
    desk.set_now(until_ms);
    assert_eq!(desk.check(Period::Hourly).await.paused_until_ms, None);
    assert_eq!((told(&desk).await, resume(&desk).await), (None, false));
    desk.reserve(100).await;
}

pub async fn what_is_used_meanwhile_counts<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    pause(&desk, None).await;
    desk.track(10).await;
    assert_eq!(desk.settle(&id, 50).await.recorded, 50);
    assert_eq!(desk.hour().await, [60, 0]);
    let stats = desk.stats(Period::Hourly).await;
    assert_eq!((stats.view.paused_until_ms, stats.open_reservations), (Some(MAX_TOKENS), 0));
}

pub async fn an_open_reservation_asked_again_stays_granted<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    pause(&desk, None).await;
    assert!(matches!(desk.reserve_as(&id, 60, TTL_MS).await, Outcome::Reserved { remaining: Some(40), .. }));
}

pub async fn the_last_pause_is_in_force<H: Harness>(desk: Desk<H>) {
    pause(&desk, None).await;
    assert!(pause(&desk, Some(desk.now() + MINUTE_MS)).await);
    desk.advance(MINUTE_MS);
    desk.reserve(1).await;
    pause(&desk, None).await;
    assert!(!pause(&desk, Some(desk.now())).await, "one that is over ends the other");
    desk.reserve(1).await;
}

pub async fn pauses_and_budgets_leave_each_other_alone<H: Harness>(desk: Desk<H>) {
    pause(&desk, None).await;
    desk.set_budget(Some(hourly(7))).await;
    assert_eq!((desk.limit(Period::Hourly).await, told(&desk).await.is_some()), (Some(7), true));
    desk.set_budget(None).await;
    assert_eq!((desk.limit(Period::Hourly).await, told(&desk).await.is_some()), (Some(100), true));
    desk.set_budget(Some(hourly(8))).await;
    resume(&desk).await;
    pause(&desk, Some(desk.now() + HOUR_MS)).await;
    resume(&desk).await;
    desk.reserve(8).await;
    assert!(desk.try_reserve(1, Period::Hourly.into()).await.is_err());
}

pub async fn a_batch_sees_its_own_pause<H: Harness>(desk: Desk<H>) {
    let reserve = |tokens| {
        let (id, periods) = (desk.new_id(Period::Hourly.into()), Period::Hourly.into());
        Operation::Reserve { id, tokens, periods, ttl_ms: TTL_MS, cost_micros: 0 }
    };
    let pause = Operation::Pause { until_ms: None, document_json: "{}".to_owned() };
    let check = || Operation::Check { period: Period::Hourly, tokens: 1 };
    let operations = vec![reserve(1), pause, reserve(1), check(), Operation::Resume, reserve(1), check()];
    let outcomes = desk.apply(operations).await.outcomes;
    let granted = |outcome: &_| matches!(outcome, Ok(Outcome::Reserved { .. }));
    assert_eq!([0, 2, 5].map(|nth: usize| granted(&outcomes[nth])), [true, false, true]);
    let paused = |outcome: &_| matches!(outcome, Ok(Outcome::Check(view)) if view.paused_until_ms.is_some());
    assert_eq!([3, 6].map(|nth: usize| paused(&outcomes[nth])), [true, false]);
}
