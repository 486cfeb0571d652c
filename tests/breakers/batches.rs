use token_budget::domain::breakers::operation::*;
use token_budget::domain::error::OperationError;

use super::desk::*;
use super::harness::Harness;

pub async fn a_batch_is_decided_in_order<H: Harness>(desk: Desk<H>) {
    let operations = vec![
        fail(4),
        Operation::View,
        record(1, 4),
        fail(1),
        probe("a"),
        force(State::HalfOpen, None),
        probe("a"),
        probed("a", Some(true)),
    ];
    let outcomes = desk.apply(operations).await.into_iter().map(Result::unwrap);
    let seen: Vec<_> =
        outcomes.map(|outcome| (outcome.view.state, outcome.view.failures, outcome.is_granted)).collect();
    let (closed, open, half) = (State::Closed, State::Open, State::HalfOpen);
    let expected = [
        (closed, 4, false),
        (closed, 4, false),
        (closed, 4, false),
        (open, 5, false),
        (open, 5, false),
        (half, 5, false),
        (half, 5, true),
        (closed, 0, true),
    ];
    assert_eq!(seen, expected);
}

pub async fn after_its_deadline_a_request_does_nothing<H: Harness>(desk: Desk<H>) {
    let at = |deadline_ms| Request { operation: fail(1), deadline_ms: Some(deadline_ms) };
    let batch = desk.batch(vec![at(START_MS), at(0), at(START_MS + 1), at(u64::MAX)]);
    let outcomes = desk.harness.apply(&batch).await.outcomes;
    assert_eq!(outcomes[..2], [Err(OperationError::DeadlinePassed), Err(OperationError::DeadlinePassed)]);
    assert_eq!(desk.view().await.failures, 2);
}

pub async fn a_repeated_batch_is_answered_and_not_applied<H: Harness>(desk: Desk<H>) {
    if !desk.harness.remembers_replies() {
        return;
    }
    let mut batch = desk.batch(vec![request(fail(3)), request(Operation::View)]);
    let first = desk.harness.apply(&batch).await;
    batch.ticket.retry = true;
    desk.advance(SECOND_MS);
    for _ in 0..3 {
        assert_eq!(desk.harness.apply(&batch).await, first);
    }
    assert_eq!(desk.view().await.failures, 3);
}

pub async fn a_new_batch_is_no_repetition<H: Harness>(desk: Desk<H>) {
    // Marked as a retry, but the first attempt never arrived.
    desk.one(fail(1)).await;
    let mut batch = desk.batch(vec![request(fail(1))]);
    batch.ticket.retry = true;
    assert_eq!(desk.harness.apply(&batch).await.outcomes[0].as_ref().unwrap().view.failures, 2);
}

pub async fn numbers_stop_where_they_are_exact<H: Harness>(mut desk: Desk<H>) {
    desk.policy = Policy {
        mode: Mode::Consecutive { threshold: u64::MAX },
        reset_after_ms: u64::MAX,
        reset_after_max_ms: u64::MAX,
        growth_permille: u64::MAX,
        successes_to_close: u64::MAX,
        probe_ttl_ms: u64::MAX,
    };
    assert_eq!(desk.one(fail(FOREVER_MS - 1)).await.view.failures, FOREVER_MS - 1);
    let view = desk.one(fail_until(u64::MAX, u64::MAX)).await.view;
    assert_eq!((view.state, view.failures, view.open_until_ms), (State::Open, FOREVER_MS, FOREVER_MS));
    desk.one(force(State::HalfOpen, None)).await;
    assert_eq!(desk.one(probe("a")).await.view.probe_until_ms, FOREVER_MS);
    assert_eq!(desk.one(probed("a", Some(true))).await.view.state, State::HalfOpen);
}
