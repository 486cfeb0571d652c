use token_budget::domain::breakers::operation::*;

use super::desk::*;
use super::harness::Harness;

pub async fn what_nobody_uses_is_forgotten<H: Harness>(desk: Desk<H>) {
    desk.one(fail(4)).await;
    desk.advance(WEEK_MS - 1);
    assert_eq!(desk.view().await.failures, 4);
    desk.advance(1);
    assert_eq!(desk.view().await, View::default());
    assert_eq!(desk.one(fail(4)).await.view.state, State::Closed);
    let view = desk.one(fail(1)).await.view;
    desk.set_now(view.open_until_ms + WEEK_MS - 1);
    assert_eq!(desk.view().await, view);
    desk.advance(1);
    assert_eq!(desk.view().await, View::default());
}

pub async fn a_clock_that_goes_back_lengthens_nothing<H: Harness>(desk: Desk<H>) {
    let opened = desk.one(fail(5)).await.view;
    for back_ms in [SECOND_MS + 1, MINUTE_MS, DAY_MS, 1_000 * DAY_MS] {
        desk.set_now(desk.now() - back_ms);
        let view = desk.view().await;
        assert_eq!(view.open_until_ms, desk.now() + 5 * MINUTE_MS);
        assert_eq!((view.opened_at_ms, view.version), (desk.now(), opened.version));
        desk.one(probe("a")).await;
    }
    desk.advance(5 * MINUTE_MS - 1);
    assert!(!desk.one(probe("a")).await.is_granted);
    desk.advance(1);
    assert!(desk.one(probe("a")).await.is_granted);
}

pub async fn a_clock_that_is_corrected_is_waited_for<H: Harness>(desk: Desk<H>) {
    let opened = desk.one(fail(5)).await.view;
    desk.set_now(START_MS - SECOND_MS);
    assert_eq!(desk.one(fail(1)).await.view, opened);
    let late = desk.one(fail_until(1, 10 * MINUTE_MS)).await.view;
    assert_eq!(late.open_until_ms, START_MS + 10 * MINUTE_MS);
    assert_eq!(desk.one(force(State::Open, Some(1))).await.view.opened_at_ms, START_MS);
}

pub async fn a_probe_outlives_no_clock<H: Harness>(desk: Desk<H>) {
    desk.open_and_wait().await;
    desk.one(probe("a")).await;
    desk.set_now(START_MS - DAY_MS);
    assert!(!desk.one(probe("b")).await.is_granted);
    desk.advance(MINUTE_MS);
    assert!(desk.one(probe("b")).await.is_granted);
}

pub async fn versions_grow_when_all_was_forgotten<H: Harness>(desk: Desk<H>) {
    let mut version = 0;
    for _ in 0..3 {
        for operation in [fail(1), record(1, 0)] {
            let view = desk.one(operation).await.view;
            assert!(view.version > version);
            version = view.version;
        }
        desk.advance(HOUR_MS);
        assert_eq!(desk.view().await.version, 0);
    }
}
