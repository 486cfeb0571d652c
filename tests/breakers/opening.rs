use token_budget::domain::breakers::operation::*;
use token_budget::domain::identifier::OrchestratorId;

use super::desk::*;
use super::harness::Harness;

pub async fn it_opens_at_its_threshold<H: Harness>(desk: Desk<H>) {
    for failures in 1..5 {
        let outcome = desk.one(fail(1)).await;
        assert_eq!((outcome.view.state, outcome.view.failures, turned(&outcome)), (State::Closed, failures, None));
    }
    let outcome = desk.one(fail(1)).await;
    assert_eq!(turned(&outcome), Some((State::Closed, State::Open)));
    let view = outcome.view;
    assert_eq!((view.failures, view.openings), (5, 1));
    assert_eq!((view.opened_at_ms, view.open_until_ms), (START_MS, START_MS + 5 * MINUTE_MS));
}

pub async fn a_success_ends_failures_in_a_row<H: Harness>(desk: Desk<H>) {
    for _ in 0..20 {
        assert_eq!(desk.one(fail(4)).await.view.state, State::Closed);
        assert_eq!(desk.one(record(1, 0)).await.view.failures, 0);
        desk.advance(HOUR_MS);
    }
}

pub async fn successes_come_first<H: Harness>(desk: Desk<H>) {
    desk.one(fail(4)).await;
    assert_eq!(desk.one(record(1, 4)).await.view.failures, 4);
    assert_eq!(desk.one(record(1, 5)).await.view.state, State::Open);
}

pub async fn what_ends_after_it_opened_changes_nothing<H: Harness>(desk: Desk<H>) {
    let opened = desk.one(fail(7)).await.view;
    assert_eq!(opened.failures, 7);
    desk.advance(MINUTE_MS);
    for late in [record(5, 0), fail(5), record(1, 1), fail_until(3, MINUTE_MS)] {
        let outcome = desk.one(late).await;
        assert_eq!((outcome.view, turned(&outcome)), (opened, None));
    }
}

pub async fn it_opens_until_the_provider_is_back<H: Harness>(desk: Desk<H>) {
    for (reset_in_ms, open_ms) in
        [(20 * SECOND_MS, 20 * SECOND_MS), (10 * MINUTE_MS, 10 * MINUTE_MS), (0, 5 * MINUTE_MS)]
    {
        let view = desk.one(fail_until(5, reset_in_ms)).await.view;
        assert_eq!(view.open_until_ms, desk.now() + open_ms);
        desk.one(force(State::Closed, None)).await;
    }
}

pub async fn the_latest_reset_that_was_told_counts<H: Harness>(desk: Desk<H>) {
    desk.one(fail_until(1, 10 * MINUTE_MS)).await;
    desk.advance(MINUTE_MS);
    desk.one(fail_until(1, MINUTE_MS)).await;
    assert_eq!(desk.one(fail(3)).await.view.open_until_ms, START_MS + 10 * MINUTE_MS);
    desk.one(force(State::Closed, None)).await;
    desk.one(fail_until(1, 10 * MINUTE_MS)).await;
    desk.one(record(1, 0)).await;
    assert_eq!(desk.one(fail(5)).await.view.open_until_ms, desk.now() + 5 * MINUTE_MS, "a success ends it");
}

pub async fn a_reset_has_a_cap<H: Harness>(desk: Desk<H>) {
    let view = desk.one(fail_until(5, DAY_MS)).await.view;
    assert_eq!(view.open_until_ms, START_MS + HOUR_MS);
    desk.advance(MINUTE_MS);
    assert_eq!(desk.one(fail_until(1, DAY_MS)).await.view.open_until_ms, START_MS + HOUR_MS);
}

pub async fn a_later_reset_keeps_it_open<H: Harness>(desk: Desk<H>) {
    let opened = desk.one(fail(5)).await.view;
    desk.advance(MINUTE_MS);
    assert_eq!(desk.one(fail_until(1, 2 * MINUTE_MS)).await.view, opened);
    let outcome = desk.one(fail_until(1, 8 * MINUTE_MS)).await;
    assert_eq!((outcome.view.open_until_ms, turned(&outcome)), (START_MS + 9 * MINUTE_MS, None));
    assert!(outcome.view.version > opened.version);
    assert_eq!(desk.one(fail_until(0, 30 * MINUTE_MS)).await.view, outcome.view, "only a failure tells");
}

pub async fn failed_probes_lengthen_the_time<H: Harness>(mut desk: Desk<H>) {
    desk.policy.growth_permille = 3_000;
    desk.one(fail(5)).await;
    for minutes in [5, 15, 45, 60, 60] {
        let view = desk.view().await;
        assert_eq!(view.open_until_ms, desk.now() + minutes * MINUTE_MS);
        desk.set_now(view.open_until_ms);
        assert!(desk.one(probe("p")).await.is_granted);
        desk.one(probed("p", Some(false))).await;
    }
    assert_eq!(desk.view().await.openings, 6);
    desk.set_now(desk.view().await.open_until_ms);
    desk.one(probe("p")).await;
    assert_eq!(desk.one(probed("p", Some(true))).await.view.openings, 0);
    assert_eq!(desk.one(fail(5)).await.view.open_until_ms, desk.now() + 5 * MINUTE_MS);
}

pub async fn breakers_share_nothing<H: Harness>(mut desk: Desk<H>) {
    desk.one(fail(5)).await;
    desk.breaker = OrchestratorId::new("anthropic").unwrap();
    assert_eq!(desk.view().await, View::default());
}

pub async fn others_hear_of_what_matters<H: Harness>(desk: Desk<H>) {
    let first = desk.one(fail(1)).await.view.version;
    assert!(first > 0);
    assert_eq!(desk.one(fail(1)).await.view.version, first);
    let cleared = desk.one(record(1, 0)).await.view.version;
    assert!(cleared > first);
    assert_eq!(desk.one(record(1, 0)).await.view.version, cleared);
    assert_eq!(desk.one(record(1, 0)).await.view.version, cleared);
    assert!(desk.one(fail(5)).await.view.version > cleared);
}
