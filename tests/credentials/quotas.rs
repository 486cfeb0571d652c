use token_budget::domain::credentials::operation::{AnswerKind, Answered, Outcome, Reserve};
use token_budget::domain::quota::Reading;
use token_budget::domain::tokens::MAX_TOKENS;

use super::desk::*;
use super::harness::Harness;

const RESET_MS: u64 = START_MS + HOUR_MS;

/// Served, with these numbers of this limit.
fn limited(limit: u64, remaining: u64, resets_at_ms: u64) -> Answered {
    let reading = Reading { limit: Some(limit), remaining, resets_at_ms, sent_at_ms: 0 };
    Answered { reading: Some(reading), ..answered(AnswerKind::Served) }
}

pub async fn every_pick_counts_at_once<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, served(3, RESET_MS)).await;
    for left in [2, 1, 0] {
        assert_eq!(desk.pick(&["b", "c"]).await, "a");
        assert_eq!(desk.left("a").await, Some(left));
    }
    assert_eq!(desk.pick(&["b", "c"]).await, "-");
    assert_eq!(desk.core("a").await.under_way, 3);
}

pub async fn answers_that_overtake_each_other_raise_nothing<H: Harness>(desk: Desk<H>) {
    desk.pick(&[]).await;
    let first_ms = desk.now();
    desk.pick(&[]).await;
    desk.report("a", served(10, RESET_MS)).await;
    // The number is old, but the request is under way no more: it came to the provider before the other.
    desk.report_of("a", first_ms, served(4_000, RESET_MS)).await;
    assert_eq!(desk.left("a").await, Some(10));
    // Picked in the very millisecond of the last numbers: nobody knows which was answered first.
    let same_ms = desk.now();
    desk.one(pick(&[])).await;
    desk.advance(1);
    desk.report_of("a", same_ms, served(4_000, RESET_MS)).await;
    assert_eq!(desk.left("a").await, Some(10));
    // One that was sent afterwards is newer.
    desk.pick(&[]).await;
    desk.report("a", served(4_000, RESET_MS)).await;
    assert_eq!(desk.left("a").await, Some(4_000));
}

pub async fn what_was_reported_meanwhile_may_have_been_served_later<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, served(10, RESET_MS)).await;
    desk.pick(&["b", "c"]).await;
    let early_ms = desk.now();
    desk.pick(&["b", "c"]).await;
    // Without numbers, or with numbers that tell nothing new: the request is under way no more, and was served.
    desk.report("a", answered(AnswerKind::Served)).await;
    desk.report_of("a", early_ms, served(9, RESET_MS)).await;
    assert_eq!(desk.left("a").await, Some(8));
    desk.advance(1);
    desk.pick(&["b", "c"]).await;
    desk.report("a", served(7, RESET_MS)).await;
    assert_eq!(desk.left("a").await, Some(7));
}

pub async fn what_is_under_way_is_taken_off_a_reading<H: Harness>(desk: Desk<H>) {
    for _ in 0..5 {
        desk.pick(&[]).await;
    }
    desk.report("a", served(3, RESET_MS)).await;
    let core = desk.core("a").await;
    assert_eq!((core.quota.left, core.under_way), (0, 4));
    assert_eq!(desk.pick(&["b", "c"]).await, "-");
}

pub async fn a_reading_of_a_window_that_is_over_says_nothing<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, served(0, desk.now())).await;
    assert_eq!(desk.left("a").await, None);
    assert_eq!(desk.pick(&[]).await, "a");
}

pub async fn after_the_reset_it_is_taken_as_whole<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, limited(20, 0, RESET_MS)).await;
    desk.set_now(RESET_MS - 2);
    assert_eq!(desk.pick(&["b", "c"]).await, "-");
    desk.set_now(RESET_MS);
    let picks = (0..200).map(|_| pick(&["b", "c"])).collect();
    let outcomes = desk.apply(picks).await;
    let went = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Picked { .. }))).count();
    assert_eq!((went, desk.left("a").await, desk.count("core").await), (20, Some(0), 2));
    let first = Outcome::Picked {
        fingerprint: "a".into(),
        picked_at_ms: RESET_MS,
        left: Some(19),
        resets_at_ms: RESET_MS + MINUTE_MS,
    };
    assert_eq!(outcomes[0], Ok(first));
}

pub async fn the_first_numbers_of_an_assumed_window_replace_it<H: Harness>(desk: Desk<H>) {
    let next_ms = RESET_MS + HOUR_MS;
    desk.report_of("a", 0, limited(20, 0, RESET_MS)).await;
    desk.set_now(RESET_MS);
    for _ in 0..20 {
        desk.pick(&["b", "c"]).await;
    }
    assert_eq!(desk.left("a").await, Some(0));
    // It had grown to 50; 19 others are under way.
    desk.report("a", limited(50, 49, next_ms)).await;
    let core = desk.core("a").await;
    assert_eq!((core.quota.limit, core.quota.left, core.quota.resets_at_ms), (50, 30, next_ms));
    // From then on the numbers of others can only lower it.
    desk.report_of("a", desk.now() - 11, limited(50, 48, next_ms)).await;
    assert_eq!(desk.left("a").await, Some(30));
}

pub async fn what_was_reported_in_an_assumed_window_is_taken_off<H: Harness>(desk: Desk<H>) {
    let next_ms = RESET_MS + HOUR_MS;
    desk.report_of("a", 0, limited(20, 1, RESET_MS)).await;
    desk.pick(&["b", "c"]).await;
    let before_ms = desk.now();
    desk.set_now(RESET_MS);
    desk.pick(&["b", "c"]).await;
    let early_ms = desk.now();
    desk.pick(&["b", "c"]).await;
    // One without numbers, one that was sent before the reset and may have been served after all others.
    desk.report("a", answered(AnswerKind::Served)).await;
    desk.report_of("a", before_ms, limited(20, 17, next_ms)).await;
    assert_eq!((desk.left("a").await, desk.core("a").await.quota.resets_at_ms), (Some(15), next_ms));
    desk.report_of("a", early_ms, limited(20, 19, next_ms)).await;
    assert_eq!(desk.left("a").await, Some(17));
}

pub async fn an_assumed_window_ends_in_a_minute<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, limited(2, 0, RESET_MS)).await;
    desk.set_now(RESET_MS + SECOND_MS - 1);
    for expected in ["a", "a", "-"] {
        assert_eq!(desk.pick(&["b", "c"]).await, expected);
        if expected == "a" {
            desk.report("a", answered(AnswerKind::Served)).await;
        }
    }
    desk.set_now(RESET_MS + SECOND_MS + MINUTE_MS - 2);
    for expected in ["-", "a", "a", "-"] {
        assert_eq!(desk.pick(&["b", "c"]).await, expected);
    }
}

pub async fn a_window_that_has_nothing_left_does_not_begin<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, limited(2, 2, RESET_MS)).await;
    desk.set_now(RESET_MS - 3);
    desk.pick(&["b", "c"]).await;
    let first_ms = desk.now();
    desk.pick(&["b", "c"]).await;
    // Both are under way, and may be served after the reset.
    assert_eq!(desk.pick(&["b", "c"]).await, "-");
    assert_eq!((desk.now(), desk.count("core").await), (RESET_MS, 2));
    let desk = desk.with_tokens(&[token("a", "a", 1)]);
    let (until_ms, limited_tokens, _) = desk.exhausted().await;
    assert!((RESET_MS + 10 * MINUTE_MS..RESET_MS + 11 * MINUTE_MS).contains(&until_ms), "{until_ms}");
    assert_eq!(limited_tokens, 1);
    desk.report_of("a", first_ms, answered(AnswerKind::Served)).await;
    let outcome = desk.one(pick(&[])).await;
    assert!(matches!(outcome, Outcome::Picked { left: Some(0), .. }), "{outcome:?}");
    assert_eq!(desk.pick(&[]).await, "-");
    // What nobody reports has ended by then.
    desk.set_now(until_ms);
    assert_eq!(desk.pick(&[]).await, "a");
}

pub async fn a_limit_within_the_reserve_is_not_touched<H: Harness>(mut desk: Desk<H>) {
    desk.policy.reserve = Reserve::Requests(10);
    desk.report_of("a", 0, limited(10, 10, RESET_MS)).await;
    desk.set_now(RESET_MS);
    assert_eq!(desk.count("core").await, 2);
    assert_eq!(desk.pick(&["b", "c"]).await, "-");
    let desk = desk.with_tokens(&[token("a", "a", 1)]);
    // Until nothing is known of it any more, or somebody tells of another limit.
    assert_eq!(desk.exhausted().await.0, RESET_MS + WEEK_MS);
    desk.report_of("a", 0, asked(11, desk.now() + HOUR_MS, desk.now())).await;
    assert_eq!(desk.pick(&[]).await, "a");
    assert_eq!(desk.pick(&[]).await, "-");
}

pub async fn without_a_limit_nothing_is_assumed<H: Harness>(desk: Desk<H>) {
    let mut told = served(0, RESET_MS);
    told.reading.as_mut().expect("it has numbers").limit = None;
    desk.report_of("a", 0, told).await;
    desk.set_now(RESET_MS);
    for _ in 0..10 {
        assert_eq!(desk.pick(&["b", "c"]).await, "a");
    }
    assert_eq!(desk.left("a").await, None);
}

pub async fn what_was_under_way_at_the_reset_is_taken_off<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, limited(10, 3, RESET_MS)).await;
    desk.set_now(RESET_MS - 3);
    desk.pick(&["b", "c"]).await;
    let early_ms = desk.now();
    desk.pick(&["b", "c"]).await;
    desk.pick(&["b", "c"]).await;
    assert_eq!(desk.left("a").await, Some(7));
    assert!(desk.give_back("a", early_ms).await);
    assert_eq!(desk.left("a").await, Some(8));
    assert!(desk.give_back("a", desk.now()).await);
    assert_eq!(desk.left("a").await, Some(9));
}

pub async fn a_reset_is_believed_for_a_month<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, spent(0, START_MS + 400 * DAY_MS)).await;
    assert_eq!(desk.core("a").await.quota.resets_at_ms, START_MS + 31 * DAY_MS);
    desk.set_now(START_MS + 31 * DAY_MS - 2);
    assert_eq!(desk.pick(&["b", "c"]).await, "-");
    assert_eq!(desk.pick(&["b", "c"]).await, "a");
}

pub async fn a_question_that_left_after_all_else_is_newer<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, served(0, RESET_MS)).await;
    let sent_ms = desk.now();
    desk.advance(10);
    desk.report_of("a", 0, asked(4_000, RESET_MS, sent_ms)).await;
    assert_eq!(desk.left("a").await, Some(0), "in the very millisecond of the last numbers");
    assert_eq!(desk.count("core").await, 2);
    desk.report_of("a", 0, asked(4_000, RESET_MS, sent_ms + 1)).await;
    assert_eq!((desk.left("a").await, desk.count("core").await), (Some(4_000), 3));
    // An instant to come is one of now.
    desk.advance(10);
    desk.report_of("a", 0, asked(4_500, RESET_MS, MAX_TOKENS)).await;
    assert_eq!(desk.left("a").await, Some(4_500));
}

pub async fn a_question_beside_others_is_not<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, served(100, RESET_MS)).await;
    desk.pick(&["b", "c"]).await;
    let picked_ms = desk.now();
    desk.advance(10);
    desk.report_of("a", 0, asked(4_000, RESET_MS, desk.now())).await;
    assert_eq!(desk.left("a").await, Some(99), "one is under way");
    let sent_ms = desk.now();
    desk.advance(10);
    desk.report_of("a", picked_ms, answered(AnswerKind::Served)).await;
    desk.advance(10);
    desk.report_of("a", 0, asked(4_000, RESET_MS, sent_ms)).await;
    assert_eq!(desk.left("a").await, Some(99), "one was reported after it had left");
    desk.report_of("a", 0, asked(4_000, RESET_MS, desk.now())).await;
    assert_eq!(desk.left("a").await, Some(4_000));
}

pub async fn an_older_reading_that_is_spent_too_moves_the_reset<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, spent(0, RESET_MS)).await;
    for (reset_ms, known_ms) in [(RESET_MS + MINUTE_MS, RESET_MS + MINUTE_MS), (RESET_MS, RESET_MS + MINUTE_MS)] {
        desk.advance(SECOND_MS);
        desk.report_of("a", 0, spent(0, reset_ms)).await;
        assert_eq!(desk.core("a").await.quota.resets_at_ms, known_ms);
    }
    desk.report_of("a", 0, served(7, RESET_MS + HOUR_MS)).await;
    assert_eq!(desk.core("a").await.quota.resets_at_ms, RESET_MS + MINUTE_MS, "it does not say that it is spent");
}

pub async fn what_was_never_sent_is_given_back_once<H: Harness>(desk: Desk<H>) {
    desk.pick(&[]).await;
    let early_ms = desk.now();
    desk.report_of("b", 0, served(9, RESET_MS)).await;
    desk.report_of("a", 0, served(9, RESET_MS)).await;
    desk.advance(1);
    desk.pick(&["b", "c"]).await;
    assert_eq!((desk.left("a").await, desk.core("a").await.under_way), (Some(7), 2));
    assert!(!desk.give_back("a", desk.now() + 10 * MINUTE_MS).await);
    assert!(!desk.give_back("b", desk.now()).await);
    assert!(desk.give_back("a", desk.now()).await);
    assert_eq!((desk.left("a").await, desk.core("a").await.under_way), (Some(8), 1));
    // It was under way when the numbers came, and taken off them.
    assert!(desk.give_back("a", early_ms).await);
    assert!(!desk.give_back("a", early_ms).await);
    assert_eq!((desk.left("a").await, desk.core("a").await.under_way), (Some(9), 0));
}

pub async fn what_nothing_was_picked_for_can_only_lower<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, served(100, RESET_MS)).await;
    for (told, left) in [(4_000, 100), (50, 50), (60, 50)] {
        desk.advance(SECOND_MS);
        desk.report_of("a", 0, served(told, RESET_MS)).await;
        assert_eq!(desk.left("a").await, Some(left));
    }
}

pub async fn a_request_that_nobody_reports_ends<H: Harness>(desk: Desk<H>) {
    for _ in 0..200 {
        desk.advance(3 * SECOND_MS);
        desk.one(pick(&[])).await;
    }
    assert_eq!(desk.core("a").await.under_way, 200);
    desk.advance(5 * MINUTE_MS);
    let under_way = desk.core("a").await.under_way;
    assert!((100..=113).contains(&under_way), "{under_way}");
    desk.advance(6 * MINUTE_MS);
    assert_eq!(desk.core("a").await.under_way, 0);
    assert!(!desk.give_back("a", START_MS + 3 * SECOND_MS).await);
}

pub async fn large_numbers_are_exact<H: Harness>(desk: Desk<H>) {
    let reading = |remaining, resets_at_ms| Answered {
        reading: Some(Reading { limit: Some(u64::MAX), remaining, resets_at_ms, sent_at_ms: 0 }),
        ..answered(AnswerKind::Served)
    };
    desk.report_of("a", 0, reading(MAX_TOKENS - 1, MAX_TOKENS)).await;
    desk.report_of("b", 0, reading(u64::MAX, u64::MAX)).await;
    let (a, b) = (desk.core("a").await.quota, desk.core("b").await.quota);
    let month_ms = START_MS + 31 * DAY_MS;
    assert_eq!((a.limit, a.left, a.resets_at_ms), (MAX_TOKENS, MAX_TOKENS - 1, month_ms));
    assert_eq!((b.limit, b.left, b.resets_at_ms), (MAX_TOKENS, MAX_TOKENS, month_ms));
    desk.pick(&["b", "c"]).await;
    assert_eq!(desk.left("a").await, Some(MAX_TOKENS - 2));
}
