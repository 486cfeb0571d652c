use token_budget::domain::credentials::operation::{AnswerKind, Operation, Outcome, Reserve};
use token_budget::domain::identifier::OrchestratorId;

use super::desk::*;
use super::harness::Harness;

pub async fn it_stays_with_a_token_until_that_is_spent<H: Harness>(desk: Desk<H>) {
    let reset_ms = START_MS + HOUR_MS;
    for left in (0..3).rev() {
        assert_eq!(desk.pick(&[]).await, "a");
        desk.report("a", served(left, reset_ms)).await;
    }
    for _ in 0..3 {
        assert_eq!(desk.pick(&[]).await, "b");
    }
    desk.set_now(reset_ms + SECOND_MS);
    assert_eq!(desk.pick(&[]).await, "b", "what is whole again is no reason to change");
}

pub async fn what_lapses_first_is_used_first<H: Harness>(desk: Desk<H>) {
    desk.report_of("b", 0, served(10, START_MS + 2 * HOUR_MS)).await;
    desk.report_of("c", 0, served(10, START_MS + HOUR_MS)).await;
    assert_eq!(desk.pick(&[]).await, "c");
    assert_eq!(desk.pick(&["c"]).await, "b", "what is known comes before what is not");
    assert_eq!(desk.pick(&["b", "c"]).await, "a");
    // What has reset is unknown again: b is the only one of which something is known.
    desk.set_now(START_MS + HOUR_MS);
    assert_eq!(desk.pick(&["a"]).await, "b");
}

pub async fn the_heavier_is_used_first_then_the_order_decides<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_tokens(&[token("a", "a", 1), token("b", "b", 7), token("c", "c", 7), token("d", "d", 2)]);
    assert_eq!(desk.pick(&["d"]).await, "b");
    assert_eq!(desk.pick(&["b"]).await, "c");
    assert_eq!(desk.pick(&["b", "c"]).await, "d");
    for name in ["a", "b", "c", "d"] {
        desk.report_of(name, 0, served(10, START_MS + HOUR_MS)).await;
    }
    assert_eq!(desk.pick(&["d"]).await, "b");
}

pub async fn what_was_tried_is_not_picked<H: Harness>(desk: Desk<H>) {
    assert_eq!(desk.pick(&[]).await, "a");
    assert_eq!(desk.pick(&["a"]).await, "b");
    assert_eq!(desk.pick(&[]).await, "b", "what was picked last is in use");
    assert_eq!(desk.pick(&["a", "b", "unknown"]).await, "c");
    assert_eq!(desk.pick(&["c", "b", "a"]).await, "-");
    let outcome = desk.one(pick(&["a", "b", "c"])).await;
    let expected = Outcome::Exhausted { resets_at_ms: desk.now(), limited: 3, invalid: 0 };
    assert_eq!(outcome, expected, "each can be used, but was tried");
}

pub async fn another_token_of_a_tried_account_may_be_used<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_tokens(&[token("a1", "ada", 1), token("a2", "ada", 1)]);
    assert_eq!(desk.pick(&[]).await, "a1");
    assert_eq!(desk.pick(&["a1"]).await, "a2");
}

pub async fn tokens_of_one_account_share_its_quota<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_tokens(&[token("a1", "ada", 1), token("a2", "ada", 1), token("b", "bob", 1)]);
    desk.report_of("a1", 0, served(2, START_MS + HOUR_MS)).await;
    assert_eq!(desk.count("core").await, 3);
    assert_eq!(desk.pick(&[]).await, "a1");
    assert_eq!(desk.pick(&["a1"]).await, "a2");
    assert_eq!(desk.count("core").await, 1);
    assert_eq!(desk.pick(&["b"]).await, "-");
    assert_eq!(desk.pick(&[]).await, "b");
}

pub async fn resources_have_quotas_of_their_own<H: Harness>(desk: Desk<H>) {
    desk.pick(&[]).await;
    desk.report("a", spent(0, START_MS + HOUR_MS)).await;
    let search = desk.one(Operation::Pick { resource: "search".into(), except: vec![] }).await;
    assert!(matches!(search, Outcome::Picked { fingerprint, left: None, .. } if &*fingerprint == "a"));
    assert_eq!(desk.pick(&[]).await, "b");
    assert_eq!((desk.count("core").await, desk.count("search").await), (2, 3));
    let resources = desk.view().await.remove(0).resources;
    let names: Vec<_> = resources.iter().map(|resource| &*resource.resource).collect();
    assert_eq!(names, ["core", "search"]);
}

pub async fn a_pick_tells_what_is_left_before_the_reserve<H: Harness>(mut desk: Desk<H>) {
    desk.policy.reserve = Reserve::Requests(10);
    let reset_ms = START_MS + HOUR_MS;
    desk.report_of("a", 0, served(12, reset_ms)).await;
    for left in [1, 0] {
        let outcome = desk.one(pick(&["b", "c"])).await;
        assert!(
            matches!(outcome, Outcome::Picked { left: Some(l), resets_at_ms, .. } if l == left && resets_at_ms == reset_ms),
            "{outcome:?}"
        );
    }
    assert_eq!(desk.pick(&["b", "c"]).await, "-");
    let unknown = desk.one(pick(&[])).await;
    assert!(matches!(unknown, Outcome::Picked { left: None, resets_at_ms: 0, .. }), "{unknown:?}");
}

pub async fn a_share_of_the_limit_is_a_reserve<H: Harness>(mut desk: Desk<H>) {
    desk.policy.reserve = Reserve::SharePpm(10_190);
    // 5,000 * 1.019 % = 50.95: 50 are held back.
    for (remaining, expected) in [(52, "a"), (51, "a"), (50, "-")] {
        desk.advance(HOUR_MS);
        desk.report_of("a", 0, served(remaining, desk.now() + MINUTE_MS)).await;
        assert_eq!(desk.pick(&["b", "c"]).await, expected, "{remaining}");
    }
}

pub async fn when_none_is_left_the_soonest_is_told<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, spent(0, START_MS + 3 * HOUR_MS)).await;
    desk.report_of("b", 0, spent(0, START_MS + 2 * HOUR_MS)).await;
    // Spent and resting: the later of both.
    desk.report_of("c", 0, spent(0, START_MS + HOUR_MS)).await;
    desk.report_of("c", 0, after(AnswerKind::Secondary, 150 * MINUTE_MS)).await;
    assert_eq!(desk.exhausted().await, (START_MS + 2 * HOUR_MS, 3, 0));
    desk.set_now(START_MS + 2 * HOUR_MS);
    assert_eq!((desk.count("core").await, desk.pick(&[]).await.as_str()), (1, "b"));
}

pub async fn an_invalid_token_is_never_told_as_soonest<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, answered(AnswerKind::Unauthorized)).await;
    for name in ["b", "c"] {
        desk.report_of(name, 0, spent(0, START_MS + HOUR_MS)).await;
    }
    assert_eq!(desk.exhausted().await, (START_MS + HOUR_MS, 2, 1));
    for name in ["b", "c"] {
        assert!(desk.set_valid(name, false).await);
    }
    assert_eq!(desk.exhausted().await, (0, 0, 3));
}

pub async fn counting_takes_nothing<H: Harness>(desk: Desk<H>) {
    desk.report_of("a", 0, served(1, START_MS + HOUR_MS)).await;
    for _ in 0..3 {
        assert_eq!(desk.count("core").await, 3);
        assert_eq!(desk.left("a").await, Some(1));
    }
}

pub async fn pools_share_nothing<H: Harness>(mut desk: Desk<H>) {
    desk.report_of("a", 0, spent(0, START_MS + HOUR_MS)).await;
    desk.set_valid("b", false).await;
    desk.pool = OrchestratorId::new("team%3Aa").unwrap();
    assert_eq!(desk.count("core").await, 3);
    assert!(desk.view().await.iter().all(|token| token.is_valid && token.resources.is_empty()));
}

pub async fn without_tokens_nothing_can_be_picked<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_tokens(&[]);
    assert_eq!(desk.exhausted().await, (0, 0, 0));
    assert_eq!((desk.count("core").await, desk.view().await.len()), (0, 0));
}
