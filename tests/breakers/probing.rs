use token_budget::domain::breakers::operation::*;

use super::desk::*;
use super::harness::Harness;

pub async fn one_probe_at_a_time<H: Harness>(desk: Desk<H>) {
    desk.one(fail(5)).await;
    desk.advance(5 * MINUTE_MS - 1);
    assert!(!desk.one(probe("a")).await.is_granted);
    desk.advance(1);
    let outcome = desk.one(probe("a")).await;
    assert_eq!((outcome.is_granted, turned(&outcome)), (true, Some((State::Open, State::HalfOpen))));
    assert_eq!(outcome.view.probe_until_ms, desk.now() + MINUTE_MS);
    for other in ["b", "c", ""] {
        let refused = desk.one(probe(other)).await;
        assert_eq!((refused.is_granted, refused.view), (false, outcome.view));
    }
    assert!(desk.one(probe("a")).await.is_granted, "asked again it is still the holder's");
    assert!(!desk.one(probed("b", Some(true))).await.is_granted);
    assert_eq!(turned(&desk.one(probed("a", Some(true))).await), Some((State::HalfOpen, State::Closed)));
}

pub async fn a_probe_that_says_nothing_makes_room<H: Harness>(desk: Desk<H>) {
    desk.open_and_wait().await;
    desk.one(probe("a")).await;
    desk.advance(MINUTE_MS - 1);
    assert!(!desk.one(probe("b")).await.is_granted);
    desk.advance(1);
    assert_eq!(desk.view().await.probe_until_ms, 0);
    assert!(desk.one(probe("b")).await.is_granted);
    assert!(!desk.one(probed("a", Some(true))).await.is_granted, "another has begun");
    assert!(!desk.one(probe("a")).await.is_granted);
    assert!(desk.one(probed("b", Some(false))).await.is_granted);
}

pub async fn a_late_probe_counts_while_nobody_took_its_place<H: Harness>(desk: Desk<H>) {
    desk.open_and_wait().await;
    desk.one(probe("a")).await;
    desk.advance(HOUR_MS);
    assert_eq!(desk.one(probed("a", Some(true))).await.view.state, State::Closed);
}

pub async fn a_probe_that_told_nothing_makes_room_at_once<H: Harness>(desk: Desk<H>) {
    desk.open_and_wait().await;
    desk.one(probe("a")).await;
    assert_eq!(desk.one(probed("a", None)).await.view.state, State::HalfOpen);
    assert!(!desk.one(probed("a", Some(true))).await.is_granted, "it is told once");
    assert!(desk.one(probe("b")).await.is_granted);
}

pub async fn several_successes_close_it<H: Harness>(mut desk: Desk<H>) {
    desk.policy.successes_to_close = 3;
    desk.open_and_wait().await;
    for successes in 1..3 {
        assert!(desk.one(probe("a")).await.is_granted);
        let view = desk.one(probed("a", Some(true))).await.view;
        assert_eq!((view.state, view.successes), (State::HalfOpen, successes));
    }
    desk.one(probe("a")).await;
    let view = desk.one(probed("a", Some(true))).await.view;
    let closed = View { opened_at_ms: view.opened_at_ms, version: view.version, ..View::default() };
    assert_eq!(view, closed);
}

pub async fn a_failed_probe_starts_over<H: Harness>(mut desk: Desk<H>) {
    desk.policy.successes_to_close = 2;
    desk.open_and_wait().await;
    desk.one(probe("a")).await;
    desk.one(probed("a", Some(true))).await;
    desk.one(probe("a")).await;
    let told = Operation::Probed { holder: "a".into(), succeeded: Some(false), reset_in_ms: Some(7 * SECOND_MS) };
    let outcome = desk.one(told).await;
    assert_eq!(turned(&outcome), Some((State::HalfOpen, State::Open)));
    assert_eq!(outcome.view.open_until_ms, desk.now() + 7 * SECOND_MS, "as the provider told");
    assert_eq!((outcome.view.openings, outcome.view.successes), (2, 0));
    desk.advance(7 * SECOND_MS);
    desk.one(probe("b")).await;
    assert_eq!(desk.one(probed("b", Some(true))).await.view.state, State::HalfOpen);
}

pub async fn a_closed_breaker_needs_no_probe<H: Harness>(desk: Desk<H>) {
    let outcome = desk.one(probe("a")).await;
    assert_eq!((outcome.is_granted, outcome.view), (false, View::default()));
}
