use token_budget::domain::breakers::operation::*;

use super::desk::*;
use super::harness::Harness;

fn restore(view: View) -> Operation {
    Operation::Restore { view }
}

pub async fn opened_by_hand_it_stays_open<H: Harness>(desk: Desk<H>) {
    let view = desk.one(force(State::Open, None)).await.view;
    assert_eq!((view.open_until_ms, view.openings), (FOREVER_MS, 1));
    desk.advance(1_000 * DAY_MS);
    assert!(!desk.one(probe("a")).await.is_granted);
    assert_eq!(desk.one(fail_until(1, MINUTE_MS)).await.view, view);
    assert_eq!(desk.one(force(State::Closed, None)).await.view.state, State::Closed);
}

pub async fn opened_by_hand_for_a_time<H: Harness>(desk: Desk<H>) {
    let view = desk.one(force(State::Open, Some(DAY_MS))).await.view;
    assert_eq!(view.open_until_ms, START_MS + DAY_MS, "the longest time is that of others");
    desk.advance(DAY_MS);
    assert!(desk.one(probe("a")).await.is_granted);
}

pub async fn closed_by_hand_it_is_clean<H: Harness>(desk: Desk<H>) {
    desk.one(fail(4)).await;
    desk.one(force(State::Closed, None)).await;
    assert_eq!(desk.one(fail(4)).await.view.state, State::Closed);
    desk.one(fail(1)).await;
    let view = desk.one(force(State::Closed, None)).await.view;
    assert_eq!((view.failures, view.openings, view.open_until_ms), (0, 0, 0));
}

pub async fn half_opened_by_hand<H: Harness>(desk: Desk<H>) {
    desk.one(force(State::Open, None)).await;
    desk.one(force(State::HalfOpen, None)).await;
    assert!(desk.one(probe("a")).await.is_granted);
    desk.one(force(State::HalfOpen, None)).await;
    assert!(!desk.one(probed("a", Some(true))).await.is_granted, "whoever probed does so no longer");
    assert!(desk.one(probe("b")).await.is_granted);
    assert_eq!(desk.one(probed("b", Some(false))).await.view.open_until_ms, desk.now() + 5 * MINUTE_MS);
}

pub async fn what_another_store_knew_is_taken_over<H: Harness>(desk: Desk<H>) {
    let known = View {
        state: State::Open,
        failures: 6,
        opened_at_ms: START_MS - MINUTE_MS,
        open_until_ms: START_MS + 4 * MINUTE_MS,
        openings: 2,
        version: 77,
        ..View::default()
    };
    let outcome = desk.one(restore(known)).await;
    assert_eq!(turned(&outcome), Some((State::Closed, State::Open)));
    assert_eq!(View { version: 77, ..outcome.view }, known);
    desk.advance(4 * MINUTE_MS);
    desk.one(probe("a")).await;
    let half = View { state: State::HalfOpen, successes: 1, probe_until_ms: FOREVER_MS, ..known };
    let view = desk.one(restore(half)).await.view;
    assert_eq!((view.state, view.successes, view.probe_until_ms), (State::HalfOpen, 1, 0));
    let closed = View { failures: 4, ..View::default() };
    assert_eq!(desk.one(restore(closed)).await.view.failures, 4);
    assert_eq!(desk.one(fail(1)).await.view.state, State::Open);
    let over = View { open_until_ms: START_MS, ..known };
    desk.one(restore(over)).await;
    assert!(desk.one(probe("b")).await.is_granted);
}

pub async fn a_restored_time_has_a_cap<H: Harness>(desk: Desk<H>) {
    let far = |open_until_ms| View { state: State::Open, opened_at_ms: FOREVER_MS, open_until_ms, ..View::default() };
    let view = desk.one(restore(far(FOREVER_MS - 1))).await.view;
    assert_eq!((view.opened_at_ms, view.open_until_ms, view.openings), (START_MS, START_MS + HOUR_MS, 1));
    assert_eq!(desk.one(restore(far(FOREVER_MS))).await.view.open_until_ms, FOREVER_MS);
    assert_eq!(desk.one(restore(far(u64::MAX))).await.view.open_until_ms, FOREVER_MS);
}

pub async fn a_restored_window_counts<H: Harness>(desk: Desk<H>) {
    let desk = desk.sampling();
    let view = desk.one(restore(View { failures: 4, successes: 5, ..View::default() })).await.view;
    assert_eq!((view.failures, view.successes), (4, 5));
    assert_eq!(desk.one(fail(1)).await.view.state, State::Open);
    desk.one(restore(View::default())).await;
    assert_eq!(desk.view().await.failures, 0);
}
