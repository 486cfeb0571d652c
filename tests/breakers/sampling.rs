use token_budget::domain::breakers::decide::COUNT_MAX;
use token_budget::domain::breakers::operation::*;
use token_budget::domain::tokens::MAX_TOKENS;

use super::desk::*;
use super::harness::Harness;

pub async fn it_opens_at_its_share_of_enough_calls<H: Harness>(desk: Desk<H>) {
    let desk = desk.sampling();
    assert_eq!(desk.one(fail(5)).await.view.state, State::Closed, "too few calls");
    let view = desk.one(record(5, 0)).await.view;
    assert_eq!((view.state, view.failures, view.successes), (State::Closed, 5, 5));
    desk.one(record(1, 0)).await;
    assert_eq!(desk.one(record(1, 1)).await.view.state, State::Closed, "6 of 13");
    let outcome = desk.one(fail(1)).await;
    assert_eq!(turned(&outcome), Some((State::Closed, State::Open)), "7 of 14");
    assert_eq!((outcome.view.failures, outcome.view.successes), (7, 0));
}

pub async fn a_success_never_opens_it<H: Harness>(desk: Desk<H>) {
    let desk = desk.sampling();
    desk.one(fail(9)).await;
    assert_eq!(desk.one(record(1, 0)).await.view.state, State::Closed);
    assert_eq!(desk.one(fail_until(1, 9 * SECOND_MS)).await.view.open_until_ms, desk.now() + 9 * SECOND_MS);
}

pub async fn what_leaves_the_window_is_forgotten<H: Harness>(desk: Desk<H>) {
    let desk = desk.sampling();
    desk.one(record(2, 8)).await;
    desk.one(force(State::Closed, None)).await;
    desk.set_now(START_MS - START_MS % (10 * SECOND_MS));
    desk.one(record(0, 5)).await;
    for second in 1..10 {
        desk.advance(SECOND_MS);
        assert_eq!(desk.one(record(1, 0)).await.view.failures, 5, "{second}");
    }
    desk.advance(SECOND_MS);
    let view = desk.view().await;
    assert_eq!((view.failures, view.successes), (0, 9), "a part leaves as a whole");
    assert_eq!(desk.one(fail(4)).await.view.state, State::Closed, "4 of 13");
    desk.advance(10 * SECOND_MS);
    assert_eq!(desk.one(fail(1)).await.view.failures, 1);
}

pub async fn windows_of_other_lengths_meet<H: Harness>(desk: Desk<H>) {
    let mut desk = desk.sampling();
    let long = Mode::Sampling { threshold_ppm: 500_000, minimum: 1_000, window_ms: MINUTE_MS };
    let short = Mode::Sampling { threshold_ppm: 500_000, minimum: 1_000, window_ms: 3 };
    for number in 0..61 {
        desk.policy.mode = [long, short][number % 2];
        desk.advance(7);
        let view = desk.one(record(1, 1)).await.view;
        assert!(view.failures >= 1);
    }
    desk.policy.mode = long;
    assert!(desk.view().await.failures >= 2);
}

pub async fn counts_have_an_end<H: Harness>(desk: Desk<H>) {
    let desk = desk.sampling();
    let view = desk.one(record(MAX_TOKENS, 7)).await.view;
    assert_eq!((view.successes, view.failures), (COUNT_MAX, 7));
    let view = desk.one(record(u64::MAX, u64::MAX)).await.view;
    assert_eq!((view.state, view.failures), (State::Open, COUNT_MAX));
}
