use super::desk::*;
use super::harness::Harness;
use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::usage::{Parts, Usage};

fn conflict() -> OperationError {
    OperationError::RequestConflict { request_id: "r".to_owned() }
}

pub async fn a_request_counts_once<H: Harness>(desk: Desk<H>) {
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((false, vec![])));
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((true, vec![])));
    // What is not a number may differ.
    let retold = Usage { model: "m".to_owned(), reported_at_ms: 5, ..usage_of("r", 7) };
    assert_eq!(desk.try_track(retold).await, Ok((true, vec![])));
    assert_eq!(desk.try_track(usage_of("s", 7)).await, Ok((false, vec![])));
    assert_eq!(desk.used().await, [14, 14, 14]);
}

pub async fn other_numbers_are_a_conflict<H: Harness>(desk: Desk<H>) {
    desk.try_track(usage_of("r", 7)).await.unwrap();
    assert_eq!(desk.try_track(usage_of("r", 8)).await, Err(conflict()));
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((true, vec![])));
    assert_eq!(desk.used().await, [7, 7, 7]);
}

pub async fn other_parts_are_a_conflict<H: Harness>(desk: Desk<H>) {
    let with = |parts| Usage { parts, ..usage_of("r", 7) };
    let parts = Parts { prompt: 1, completion: 1, cache_read: 1, cache_write: 1, reasoning: 1 };
    desk.try_track(with(parts)).await.unwrap();
    assert_eq!(desk.try_track(with(parts)).await, Ok((true, vec![])));
    for other in [
        Parts { prompt: 2, ..parts },
        Parts { completion: 2, ..parts },
        Parts { cache_read: 2, ..parts },
        Parts { cache_write: 2, ..parts },
        Parts { reasoning: 2, ..parts },
    ] {
        assert_eq!(desk.try_track(with(other)).await, Err(conflict()));
    }
}

pub async fn the_same_id_counts_again_after_its_ttl<H: Harness>(desk: Desk<H>) {
    let start_ms = desk.now();
    desk.try_track(usage_of("r", 7)).await.unwrap();
    desk.set_now(start_ms + HOUR_MS - 1);
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((true, vec![])));
    desk.set_now(start_ms + HOUR_MS);
    assert_eq!(desk.try_track(usage_of("r", 9)).await, Ok((false, vec![])));
    assert_eq!(desk.used().await, [9, 16, 16]);
    // Counted again, it is remembered again.
    desk.advance(HOUR_MS - 1);
    assert_eq!(desk.try_track(usage_of("r", 9)).await, Ok((true, vec![])));
    desk.advance(1);
    assert_eq!(desk.try_track(usage_of("r", 9)).await, Ok((false, vec![])));
}

pub async fn a_duplicate_does_not_prolong_the_ttl<H: Harness>(desk: Desk<H>) {
    desk.try_track(usage_of("r", 7)).await.unwrap();
    for _ in 0..3 {
        desk.advance(15 * MINUTE_MS);
        assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((true, vec![])));
    }
    desk.advance(15 * MINUTE_MS);
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((false, vec![])));
}

pub async fn requests_of_two_orchestrators_are_two<H: Harness>(mut desk: Desk<H>) {
    desk.try_track(usage_of("r", 7)).await.unwrap();
    desk.orchestrator = OrchestratorId::new("team-b").unwrap();
    assert_eq!(desk.try_track(usage_of("r", 8)).await, Ok((false, vec![])));
}

pub async fn a_request_counted_nowhere_is_still_known<H: Harness>(desk: Desk<H>) {
    let old = Usage { occurred_at_ms: Some(0), ..usage_of("r", 7) };
    assert_eq!(desk.try_track(old).await, Ok((false, vec![])));
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((true, vec![])));
}

pub async fn a_shorter_ttl_of_another_tracker_forgets_nothing<H: Harness>(mut desk: Desk<H>) {
    desk.try_track(usage_of("r", 7)).await.unwrap();
    desk.policy.idempotency_ttl_ms = SECOND_MS;
    for round in 0..20 {
        desk.try_track(usage_of(&format!("s{round}"), 1)).await.unwrap();
        desk.advance(SECOND_MS);
    }
    assert_eq!(desk.try_track(usage_of("s19", 1)).await, Ok((false, vec![])), "its own are over");
    desk.policy.idempotency_ttl_ms = HOUR_MS;
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((true, vec![])));
}
