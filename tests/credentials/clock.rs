use token_budget::domain::credentials::operation::{AnswerKind, Answered, Operation, Outcome};

use super::desk::*;
use super::harness::Harness;

const YEAR_MS: u64 = 365 * DAY_MS;
const WRONG_MS: u64 = START_MS + YEAR_MS;

fn alone<H: Harness>(desk: Desk<H>) -> Desk<H> {
    desk.with_tokens(&[token("a", "a", 1)])
}

pub async fn a_clock_that_is_a_little_behind_is_waited_for<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, spent(0, START_MS + MINUTE_MS)).await;
    desk.set_now(START_MS + MINUTE_MS);
    assert_eq!(desk.pick(&["b", "c"]).await, "a");
    let latest_ms = desk.now();
    desk.set_now(latest_ms - 10 * SECOND_MS);
    let outcome = desk.one(pick(&["b", "c"])).await;
    assert!(matches!(outcome, Outcome::Picked { picked_at_ms, .. } if picked_at_ms == latest_ms), "{outcome:?}");
    desk.report_of("a", latest_ms, spent(0, latest_ms + MINUTE_MS)).await;
    // The others were tried, and can be used at the latest instant the store has seen.
    let outcome = desk.one(pick(&["b", "c"])).await;
    assert_eq!(outcome, Outcome::Exhausted { resets_at_ms: latest_ms, limited: 3, invalid: 0 });
    desk.set_now(latest_ms + MINUTE_MS);
    assert_eq!(desk.pick(&["b", "c"]).await, "a");
}

pub async fn a_clock_that_was_wrong_stalls_nobody<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    desk.set_now(WRONG_MS);
    for _ in 0..3 {
        desk.pick(&[]).await;
    }
    desk.set_now(START_MS);
    assert_eq!(desk.pick(&[]).await, "a");
    assert_eq!(desk.core("a").await.under_way, 1, "what was picked a year from now is not waited for");
    desk.report("a", served(7, START_MS + HOUR_MS)).await;
    assert_eq!(desk.left("a").await, Some(7));
    desk.report_of("a", 0, spent(0, START_MS + HOUR_MS)).await;
    assert_eq!(desk.exhausted().await.0, START_MS + HOUR_MS);
    desk.set_now(START_MS + HOUR_MS);
    assert_eq!(desk.pick(&[]).await, "a");
}

pub async fn what_is_known_outlasts_a_wrong_clock<H: Harness>(desk: Desk<H>) {
    let reset_ms = START_MS + HOUR_MS;
    desk.report_of("a", 0, spent(0, reset_ms)).await;
    desk.set_valid("b", false).await;
    // Ahead by less than anybody needs to forget.
    desk.set_now(START_MS + 2 * HOUR_MS);
    assert_eq!(desk.pick(&["a", "b"]).await, "c");
    desk.set_now(START_MS + MINUTE_MS);
    assert_eq!(desk.pick(&["c"]).await, "-");
    let views = desk.view().await;
    assert_eq!((views[0].is_valid, views[1].is_valid), (true, false));
    assert_eq!((views[0].resources[0].quota.limit, views[0].resources[0].quota.resets_at_ms), (5_000, reset_ms));
    desk.set_now(reset_ms);
    assert_eq!(desk.pick(&["c"]).await, "a");
    // The mark is as old as it can be by this clock.
    desk.set_now(START_MS + WEEK_MS - HOUR_MS);
    assert!(!desk.view().await[1].is_valid);
}

pub async fn a_reset_of_a_wrong_clock_lasts_as_long_as_it_did<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    desk.set_now(WRONG_MS);
    desk.report_of("a", 0, spent(0, WRONG_MS + HOUR_MS)).await;
    desk.set_now(WRONG_MS + MINUTE_MS);
    desk.set_valid("a", false).await;
    desk.set_valid("a", true).await;
    desk.set_now(START_MS);
    assert_eq!(desk.exhausted().await.0, START_MS + HOUR_MS - MINUTE_MS);
    let core = desk.core("a").await;
    assert_eq!((core.quota.limit, core.quota.seen_at_ms), (5_000, START_MS));
    // It is as good as any: newer numbers replace it.
    desk.set_now(START_MS + MINUTE_MS);
    desk.report_of("a", 0, asked(9, START_MS + HOUR_MS, desk.now() - 1)).await;
    assert_eq!(desk.left("a").await, Some(9));
    // One that reaches further than any does is held to the longest.
    desk.set_now(START_MS + 30 * DAY_MS);
    desk.report_of("a", 0, spent(0, desk.now() + 400 * DAY_MS)).await;
    desk.set_now(START_MS + MINUTE_MS);
    assert_eq!(desk.rest_ms().await, 31 * DAY_MS);
}

pub async fn a_rest_of_a_wrong_clock_lasts_as_long_as_it_did<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_tokens(&[token("a", "a", 1), token("b", "b", 1)]);
    // One that was told while the clock was right.
    desk.pick(&["a"]).await;
    desk.report("b", after(AnswerKind::Secondary, 2 * HOUR_MS)).await;
    let right_ms = desk.now() + 2 * HOUR_MS;
    desk.set_now(START_MS + HOUR_MS);
    desk.pick(&["b"]).await;
    desk.report("a", answered(AnswerKind::Spent)).await;
    let told_ms = desk.now();
    desk.set_now(START_MS + MINUTE_MS);
    assert_eq!(desk.core("a").await.paused_until_ms, desk.now() + MINUTE_MS);
    assert_eq!(desk.core("b").await.paused_until_ms, right_ms);
    assert!(told_ms > desk.now());
    // The second hit in a row.
    desk.advance(MINUTE_MS);
    desk.pick(&["b"]).await;
    desk.report("a", answered(AnswerKind::Spent)).await;
    assert_eq!(desk.core("a").await.paused_until_ms, desk.now() + 2 * MINUTE_MS);
    // A wait beside numbers that say all is no hit, and is held all the same.
    desk.set_now(WRONG_MS);
    let waits = Operation::Report {
        fingerprint: "a".into(),
        resource: "core".into(),
        picked_at_ms: 0,
        result: answered_after(3 * HOUR_MS),
    };
    desk.one(waits).await;
    desk.set_now(START_MS);
    assert_eq!(desk.core("a").await.paused_until_ms, START_MS + 3 * HOUR_MS);
}

fn answered_after(wait_ms: u64) -> token_budget::domain::credentials::operation::Answered {
    let mut answered = spent(0, WRONG_MS + HOUR_MS);
    answered.retry_after_ms = Some(wait_ms);
    answered
}

pub async fn a_rest_without_a_hit_of_a_wrong_clock_lasts_as_long_as_it_did<H: Harness>(desk: Desk<H>) {
    let ten_minutes_ms = 10 * MINUTE_MS;
    let desk = desk.with_tokens(&[token("a", "a", 1), token("b", "b", 1)]);
    for (nth, jump_ms) in [11 * SECOND_MS, HOUR_MS, 23 * HOUR_MS, 5 * DAY_MS].into_iter().enumerate() {
        // Long after everything before is over.
        let right_ms = START_MS + 30 * DAY_MS * nth as u64;
        desk.set_now(right_ms);
        // One that was told while the clock was right stays where it is.
        let told = |now_ms| Answered { retry_after_ms: Some(ten_minutes_ms), ..spent(0, now_ms + ten_minutes_ms) };
        desk.report_of("b", 0, told(right_ms)).await;
        desk.set_now(right_ms + jump_ms);
        desk.report_of("a", 0, told(right_ms + jump_ms)).await;
        desk.set_now(right_ms);
        assert_eq!(desk.core("a").await.paused_until_ms, right_ms + ten_minutes_ms, "{jump_ms}");
        assert_eq!(desk.rest_ms().await, ten_minutes_ms, "{jump_ms}");
        if jump_ms < ten_minutes_ms {
            assert_eq!(desk.core("b").await.paused_until_ms, right_ms + ten_minutes_ms);
        }
    }
}

pub async fn a_reset_that_was_only_moved_by_a_wrong_clock_lasts_as_long_as_it_did<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    desk.report_of("a", 0, spent(0, START_MS + 3 * HOUR_MS)).await;
    desk.set_now(START_MS + 2 * HOUR_MS);
    // The same nothing, with a later reset: of a request of which nobody knows when it left.
    desk.report_of("a", 0, spent(0, START_MS + 4 * HOUR_MS)).await;
    desk.set_now(START_MS);
    assert_eq!(desk.rest_ms().await, 2 * HOUR_MS);
}

pub async fn what_a_wrong_clock_picked_is_never_newest<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    desk.set_now(START_MS + MINUTE_MS);
    for _ in 0..3 {
        desk.pick(&[]).await;
    }
    let picked_ms = desk.now();
    desk.set_now(START_MS);
    desk.report_of("a", 0, served(10, START_MS + HOUR_MS)).await;
    assert_eq!((desk.left("a").await, desk.core("a").await.under_way), (Some(10), 0));
    // By this clock they are still to be picked: what they say can only lower it, and nothing comes back.
    desk.report_of("a", picked_ms, served(50, START_MS + HOUR_MS)).await;
    assert!(!desk.give_back("a", picked_ms).await);
    assert_eq!((desk.left("a").await, desk.core("a").await.under_way), (Some(10), 0));
    desk.report_of("a", picked_ms, served(4, START_MS + HOUR_MS)).await;
    assert_eq!(desk.left("a").await, Some(4));
    // Nor does a success of theirs end a doubling.
    desk.report_of("a", 0, answered(AnswerKind::Secondary)).await;
    desk.report_of("a", picked_ms, answered(AnswerKind::Served)).await;
    desk.advance(MINUTE_MS);
    desk.report_of("a", 0, answered(AnswerKind::Secondary)).await;
    assert_eq!(desk.core("a").await.paused_until_ms, desk.now() + 2 * MINUTE_MS);
}

pub async fn to_ask_only_sees_a_wrong_clock_once<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    desk.set_now(WRONG_MS);
    desk.pick(&[]).await;
    desk.report("a", spent(0, WRONG_MS + HOUR_MS)).await;
    let left_ms = WRONG_MS + HOUR_MS - desk.now();
    desk.set_now(START_MS);
    assert_eq!(desk.count("core").await, 0);
    desk.advance(30 * MINUTE_MS);
    assert_eq!(desk.core("a").await.quota.resets_at_ms, START_MS + left_ms);
    assert_eq!(desk.exhausted().await.0, START_MS + left_ms);
}
