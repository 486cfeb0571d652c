use token_budget::domain::credentials::decide::RESOURCES_MAX;
use token_budget::domain::credentials::operation::{AnswerKind, Operation, Outcome};

use super::desk::*;
use super::harness::Harness;

pub async fn what_nobody_uses_is_forgotten_in_a_week<H: Harness>(desk: Desk<H>) {
    desk.pick(&[]).await;
    desk.report("a", answered(AnswerKind::Secondary)).await;
    // A minute of rest, then a week; the request itself ended long before.
    desk.advance(WEEK_MS + MINUTE_MS - 1);
    assert_eq!(desk.view().await[0].resources.len(), 1);
    desk.advance(HOUR_MS);
    assert_eq!(desk.view().await[0].resources.len(), 0);
    desk.pick(&["b", "c"]).await;
    desk.report("a", answered(AnswerKind::Secondary)).await;
    assert_eq!(desk.core("a").await.paused_until_ms, desk.now() + MINUTE_MS, "earlier hits are forgotten");
}

pub async fn what_is_spent_for_a_month_is_known_for_a_month<H: Harness>(desk: Desk<H>) {
    let month_ms = 30 * DAY_MS;
    desk.report_of("a", 0, spent(0, START_MS + month_ms)).await;
    for day in 1..30 {
        desk.set_now(START_MS + day * DAY_MS);
        assert_eq!(desk.pick(&["b", "c"]).await, "-");
        desk.one(pick(&[])).await;
    }
    desk.set_now(START_MS + month_ms);
    assert_eq!(desk.pick(&["b", "c"]).await, "a");
}

pub async fn a_token_that_somebody_names_stays_invalid<H: Harness>(desk: Desk<H>) {
    desk.set_valid("a", false).await;
    for _ in 0..20 {
        desk.advance(2 * DAY_MS);
        assert_ne!(desk.pick(&[]).await, "a");
    }
    desk.advance(WEEK_MS - MINUTE_MS);
    assert!(!desk.view().await[0].is_valid, "looking does not renew");
    desk.advance(MINUTE_MS);
    assert!(desk.view().await[0].is_valid);
    assert!(desk.set_valid("a", false).await);
}

pub async fn resources_have_an_end_in_number<H: Harness>(desk: Desk<H>) {
    let in_resource = |number: usize| Operation::Pick { resource: format!("r{number}").into(), except: vec![] };
    let picks = (0..RESOURCES_MAX + 20).map(in_resource).collect();
    for outcome in desk.apply(picks).await {
        assert!(matches!(outcome, Ok(Outcome::Picked { .. })));
    }
    assert_eq!(desk.view().await[0].resources.len(), RESOURCES_MAX);
    assert!(desk.view().await[0].resources.iter().all(|resource| resource.under_way == 1));
    desk.advance(WEEK_MS + HOUR_MS);
    desk.pick(&[]).await;
    assert_eq!(desk.view().await[0].resources.len(), 1);
}

pub async fn policies_that_disagree_meet_in_one_pool<H: Harness>(mut desk: Desk<H>) {
    desk.pick(&[]).await;
    desk.report("a", spent(0, START_MS + HOUR_MS)).await;
    let (first, second) = (desk.policy.clone(), vec![token("z", "z", 1), token("a2", "a", 1)]);
    desk.policy.credentials = second;
    desk.policy.request_ttl_ms = MINUTE_MS;
    assert_eq!(desk.pick(&[]).await, "z", "the account of a is spent, whoever asks");
    assert_eq!(desk.pick(&["z"]).await, "-");
    desk.policy = first;
    assert_eq!(desk.pick(&[]).await, "b");
    assert_eq!(desk.pick(&[]).await, "b");
    assert_eq!(desk.view().await.len(), 3);
}
