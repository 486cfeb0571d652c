use token_budget::domain::credentials::operation::{AnswerKind, Answered};
use token_budget::domain::quota::Reading;
use token_budget::domain::tokens::MAX_TOKENS;

use super::desk::*;
use super::harness::Harness;

const RESET_MS: u64 = START_MS + HOUR_MS;

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
    desk.report_of("a", first_ms, served(4_000, RESET_MS)).await;
    assert_eq!(desk.left("a").await, Some(9));
    // Picked in the very millisecond of the last numbers: nobody knows which was answered first.
    let same_ms = desk.now();
    desk.one(pick(&[])).await;
    desk.advance(1);
    desk.report_of("a", same_ms, served(4_000, RESET_MS)).await;
    assert_eq!(desk.left("a").await, Some(8));
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

pub async fn after_the_reset_it_is_unknown<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, spent(0, RESET_MS)).await;
    desk.set_now(RESET_MS - 2);
    assert_eq!(desk.pick(&["b", "c"]).await, "-");
    assert_eq!(desk.pick(&["b", "c"]).await, "a");
    assert_eq!(desk.left("a").await, None);
    desk.report("a", served(4_999, RESET_MS + HOUR_MS)).await;
    assert_eq!(desk.left("a").await, Some(4_999));
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
    // Picked before the last numbers were seen: it is in them.
    assert!(desk.give_back("a", early_ms).await);
    assert!(!desk.give_back("a", early_ms).await);
    assert_eq!((desk.left("a").await, desk.core("a").await.under_way), (Some(8), 0));
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
    assert_eq!((a.limit, a.left, a.resets_at_ms), (MAX_TOKENS, MAX_TOKENS - 1, MAX_TOKENS));
    assert_eq!((b.limit, b.left, b.resets_at_ms), (MAX_TOKENS, MAX_TOKENS, MAX_TOKENS));
    desk.pick(&["b", "c"]).await;
    assert_eq!(desk.left("a").await, Some(MAX_TOKENS - 2));
}
