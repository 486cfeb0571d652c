use super::desk::*;
use super::harness::Harness;
use token_budget::domain::operation::{Operation, Outcome, Request};
use token_budget::domain::period::Period;
use token_budget::store::Store;

fn request(operation: Operation) -> Request {
    Request { operation, deadline_ms: None }
}

pub async fn a_repeated_batch_is_answered_and_not_applied<H: Harness>(desk: Desk<H>) {
    if !desk.harness.remembers_replies() {
        return;
    }
    let old = desk.reserve(10).await;
    desk.advance(TTL_MS);
    let check = Operation::Check { period: Period::Hourly, tokens: 1 };
    let mut batch = desk.batch(vec![request(Operation::Track(usage(7))), request(check)]);
    let first = desk.send(&batch).await;
    assert_eq!(first.expired[0].id, old);
    batch.ticket.retry = true;
    desk.advance(SECOND_MS);
    for _ in 0..2 {
        let again = desk.harness.store().apply(&batch).await.unwrap();
        assert_eq!((&again.outcomes, &again.expired), (&first.outcomes, &first.expired));
    }
    assert_eq!(desk.hour().await, [7, 0]);
}

pub async fn a_batch_that_found_many_expiries_is_repeated_without_them<H: Harness>(desk: Desk<H>) {
    if !desk.harness.remembers_replies() {
        return;
    }
    for _ in 0..150 {
        desk.reserve(0).await;
    }
    desk.advance(TTL_MS);
    let check = Operation::Check { period: Period::Hourly, tokens: 1 };
    let mut batch = desk.batch(vec![request(Operation::Track(usage(7))), request(check)]);
    let first = desk.send(&batch).await;
    assert_eq!(first.expired.len(), 150);
    batch.ticket.retry = true;
    let again = desk.harness.store().apply(&batch).await.unwrap();
    assert_eq!((&again.outcomes, again.expired.len(), again.next_expiry_ms), (&first.outcomes, 0, None));
    assert_eq!(desk.hour().await, [7, 0]);
}

pub async fn a_new_batch_is_no_repetition<H: Harness>(desk: Desk<H>) {
    // Marked as a retry, but the first attempt never arrived.
    desk.track(1).await;
    let mut batch = desk.batch(vec![request(Operation::Track(usage(7)))]);
    batch.ticket.retry = true;
    assert!(matches!(desk.send(&batch).await.outcomes[0], Ok(Outcome::Tracked { .. })));
    assert_eq!(desk.hour().await, [8, 0]);
}

pub async fn a_repeated_read_is_answered_anew<H: Harness>(desk: Desk<H>) {
    let mut batch = desk.batch(vec![request(Operation::Check { period: Period::Hourly, tokens: 1 })]);
    desk.send(&batch).await;
    desk.track(5).await;
    batch.ticket.retry = true;
    let outcome = desk.send(&batch).await.outcomes.remove(0);
    assert!(matches!(outcome, Ok(Outcome::Check(view)) if view.used == 5));
}
