use token_budget::domain::credentials::operation::{AnswerKind, Answered, Operation, Outcome};

use super::desk::*;
use super::harness::Harness;

/// One token is enough to see it rest.
fn alone<H: Harness>(desk: Desk<H>) -> Desk<H> {
    desk.with_tokens(&[token("a", "a", 1)])
}

pub async fn a_spent_quota_without_numbers_rests_longer_each_time<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(desk.pick(&[]).await, "a");
        desk.report("a", answered(AnswerKind::Spent)).await;
        assert_eq!(desk.rest_ms().await, minutes * MINUTE_MS);
        assert_eq!(desk.core("a").await.paused_until_ms, desk.now() + minutes * MINUTE_MS);
        desk.advance(minutes * MINUTE_MS);
        assert_eq!(desk.core("a").await.paused_until_ms, 0);
    }
}

pub async fn no_rest_without_a_time_is_shorter_than_the_cooldown<H: Harness>(desk: Desk<H>) {
    let mut desk = desk;
    desk.policy.cooldown_max_ms = 90 * SECOND_MS;
    // The first is lengthened by a tenth at most; the longest is reached before the doubled one.
    for (jitter, seconds) in [(500, 63), (1_000, 60), (3_000, 60), (0, 90)] {
        desk.pick(&["b", "c"]).await;
        desk.report("a", Answered { jitter, ..answered(AnswerKind::Spent) }).await;
        assert_eq!(desk.core("a").await.paused_until_ms, desk.now() + seconds * SECOND_MS);
        desk.advance(seconds * SECOND_MS);
    }
    // GitHub asks for a minute at least, whatever the cooldown is.
    desk.policy.cooldown_ms = SECOND_MS;
    for jitter in [0, 1_000] {
        desk.report_of("b", 0, Answered { jitter, ..answered(AnswerKind::Secondary) }).await;
        assert_eq!(desk.core("b").await.paused_until_ms, desk.now() + MINUTE_MS);
        desk.advance(MINUTE_MS);
    }
    desk.policy.cooldown_max_ms = 2 * SECOND_MS;
    desk.report_of("c", 0, answered(AnswerKind::Secondary)).await;
    assert_eq!(desk.core("c").await.paused_until_ms, desk.now() + 2 * SECOND_MS);
}

pub async fn jitter_shortens_what_doubled<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    for (jitter, seconds) in [(0, 60), (500, 90), (1_000, 120), (3_000, 240)] {
        assert_eq!(desk.pick(&[]).await, "a");
        desk.report("a", Answered { jitter, ..answered(AnswerKind::Spent) }).await;
        assert_eq!(desk.rest_ms().await, seconds * SECOND_MS);
        desk.advance(seconds * SECOND_MS);
    }
    desk.pick(&[]).await;
    desk.report("a", Answered { jitter: 1_000, ..after(AnswerKind::Spent, MINUTE_MS) }).await;
    assert_eq!(desk.rest_ms().await, MINUTE_MS, "what was told is not shortened");
}

pub async fn one_burst_counts_once<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    desk.pick(&[]).await;
    let burst_ms = desk.now();
    desk.pick(&[]).await;
    let hit = answered(AnswerKind::Secondary);
    desk.report("a", hit).await;
    desk.report_of("a", burst_ms, hit).await;
    desk.report_of("a", 0, hit).await;
    assert_eq!(desk.rest_ms().await, MINUTE_MS);
    desk.report_of("a", burst_ms, after(AnswerKind::Secondary, 5 * MINUTE_MS)).await;
    assert_eq!(desk.rest_ms().await, 5 * MINUTE_MS, "a longer wait is granted all the same");
    desk.report_of("a", burst_ms, hit).await;
    assert_eq!(desk.rest_ms().await, 5 * MINUTE_MS, "and a shorter one shortens nothing");
    desk.advance(5 * MINUTE_MS);
    // The burst is over; what nothing was picked for is news again.
    desk.report_of("a", 0, hit).await;
    assert_eq!(desk.rest_ms().await, 2 * MINUTE_MS);
}

pub async fn what_was_served_after_the_last_hit_ends_the_doubling<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    desk.pick(&[]).await;
    let early_ms = desk.now();
    desk.pick(&[]).await;
    desk.report("a", answered(AnswerKind::Secondary)).await;
    desk.report_of("a", early_ms, answered(AnswerKind::Served)).await;
    assert_eq!(desk.rest_ms().await, MINUTE_MS);
    desk.advance(MINUTE_MS);
    desk.pick(&[]).await;
    desk.report("a", answered(AnswerKind::Secondary)).await;
    assert_eq!(desk.rest_ms().await, 2 * MINUTE_MS);
    desk.advance(2 * MINUTE_MS);
    desk.pick(&[]).await;
    desk.report("a", answered(AnswerKind::Served)).await;
    desk.pick(&[]).await;
    desk.report("a", answered(AnswerKind::Secondary)).await;
    assert_eq!(desk.rest_ms().await, MINUTE_MS);
}

pub async fn a_secondary_limit_rests_the_whole_account<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_tokens(&[token("a1", "ada", 1), token("a2", "ada", 1), token("b", "bob", 1)]);
    desk.pick(&[]).await;
    desk.report("a1", answered(AnswerKind::Secondary)).await;
    assert_eq!((desk.count("core").await, desk.count("search").await), (1, 1));
    assert_eq!(desk.pick(&["b"]).await, "-");
    let search = desk.one(Operation::Pick { resource: "search".into(), except: vec!["b".into()] }).await;
    assert!(matches!(search, Outcome::Exhausted { .. }));
    desk.advance(MINUTE_MS - 2);
    assert_eq!(desk.count("core").await, 1);
    desk.advance(1);
    assert_eq!((desk.count("core").await, desk.count("search").await), (3, 3));
}

pub async fn a_wait_is_honoured_as_told_but_not_for_ever<H: Harness>(desk: Desk<H>) {
    for kind in [AnswerKind::Spent, AnswerKind::Secondary] {
        let name = if kind == AnswerKind::Spent { "a" } else { "b" };
        let others: Vec<_> = ["a", "b", "c"].into_iter().filter(|other| *other != name).collect();
        desk.pick(&others).await;
        desk.report(name, after(kind, 20 * HOUR_MS)).await;
        assert_eq!(desk.core(name).await.paused_until_ms, desk.now() + 20 * HOUR_MS);
        desk.report_of(name, 0, after(kind, u64::MAX)).await;
        assert_eq!(desk.core(name).await.paused_until_ms, desk.now() + 25 * HOUR_MS);
    }
}

pub async fn a_reset_beside_a_number_that_is_not_spent_is_waited_for<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    desk.pick(&[]).await;
    desk.report("a", spent(7, START_MS + HOUR_MS)).await;
    assert_eq!(desk.exhausted().await.0, START_MS + HOUR_MS);
    desk.set_now(START_MS + HOUR_MS);
    // One that has passed tells nothing: a cooldown, the second in a row.
    desk.pick(&[]).await;
    desk.report("a", spent(0, START_MS)).await;
    assert_eq!(desk.rest_ms().await, 2 * MINUTE_MS);
}

pub async fn numbers_that_say_all_are_no_hit<H: Harness>(desk: Desk<H>) {
    let desk = alone(desk);
    for _ in 0..4 {
        desk.pick(&[]).await;
        desk.report("a", spent(0, desk.now() + HOUR_MS)).await;
        assert_eq!(desk.core("a").await.paused_until_ms, 0);
        desk.advance(HOUR_MS);
    }
    desk.pick(&[]).await;
    desk.report("a", answered(AnswerKind::Spent)).await;
    assert_eq!(desk.rest_ms().await, MINUTE_MS);
    // A wait that is asked for beside the numbers is granted, when it is longer.
    desk.report_of("a", 0, Answered { retry_after_ms: Some(2 * HOUR_MS), ..spent(0, desk.now() + HOUR_MS) }).await;
    assert_eq!(desk.rest_ms().await, 2 * HOUR_MS);
}

pub async fn a_token_that_is_not_accepted_is_left_alone<H: Harness>(desk: Desk<H>) {
    assert_eq!(desk.pick(&[]).await, "a");
    desk.report("a", answered(AnswerKind::Unauthorized)).await;
    assert_eq!(desk.pick(&[]).await, "b");
    assert!(!desk.view().await[0].is_valid);
    assert_eq!(desk.count("core").await, 2);
    assert!(!desk.set_valid("a", false).await, "that is known");
    assert!(desk.set_valid("a", true).await);
    assert_eq!((desk.count("core").await, desk.view().await[0].is_valid), (3, true));
    assert!(!desk.set_valid("a", true).await);
}

pub async fn other_tokens_of_its_account_are_not<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_tokens(&[token("a1", "ada", 1), token("a2", "ada", 1)]);
    desk.pick(&[]).await;
    desk.report("a1", answered(AnswerKind::Unauthorized)).await;
    assert_eq!(desk.pick(&[]).await, "a2");
}
