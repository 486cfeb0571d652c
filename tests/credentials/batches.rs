use token_budget::domain::credentials::operation::{AnswerKind, Operation, Outcome, Request};
use token_budget::domain::error::OperationError;

use super::desk::*;
use super::harness::Harness;

fn request(operation: Operation) -> Request {
    Request { operation, deadline_ms: None }
}

fn count() -> Operation {
    Operation::Count { resource: "core".into() }
}

pub async fn a_batch_is_decided_in_order<H: Harness>(desk: Desk<H>) {
    let operations = vec![
        count(),
        report("a", 0, spent(0, START_MS + HOUR_MS)),
        count(),
        pick(&[]),
        Operation::SetValid { fingerprint: "b".into(), valid: false },
        pick(&[]),
        count(),
    ];
    let outcomes = desk.apply(operations).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    let picked =
        |name: &str| Outcome::Picked { fingerprint: name.into(), picked_at_ms: START_MS, left: None, resets_at_ms: 0 };
    let expected = [
        Outcome::Count(3),
        Outcome::Done(true),
        Outcome::Count(2),
        picked("b"),
        Outcome::Done(true),
        picked("c"),
        Outcome::Count(1),
    ];
    assert_eq!(outcomes, expected);
}

pub async fn after_its_deadline_a_request_does_nothing<H: Harness>(desk: Desk<H>) {
    let at = |deadline_ms| Request { operation: pick(&[]), deadline_ms: Some(deadline_ms) };
    let batch = desk.batch(vec![at(START_MS), at(0), at(START_MS + 1), request(count())]);
    let outcomes = desk.harness.apply(&batch).await.outcomes;
    assert_eq!(outcomes[..2], [Err(OperationError::DeadlinePassed), Err(OperationError::DeadlinePassed)]);
    assert!(matches!(outcomes[2], Ok(Outcome::Picked { .. })));
    assert_eq!(desk.core("a").await.under_way, 1);
}

pub async fn a_repeated_batch_is_answered_and_not_applied<H: Harness>(desk: Desk<H>) {
    if !desk.harness.remembers_replies() {
        return;
    }
    let mut batch = desk.batch(vec![request(pick(&[])), request(count())]);
    let first = desk.harness.apply(&batch).await;
    batch.ticket.retry = true;
    desk.advance(MINUTE_MS);
    for _ in 0..2 {
        assert_eq!(desk.harness.apply(&batch).await, first);
    }
    assert_eq!(desk.core("a").await.under_way, 1);
}

pub async fn a_new_batch_is_no_repetition<H: Harness>(desk: Desk<H>) {
    // Marked as a retry, but the first attempt never arrived.
    desk.pick(&[]).await;
    let mut batch = desk.batch(vec![request(pick(&[]))]);
    batch.ticket.retry = true;
    assert!(matches!(desk.harness.apply(&batch).await.outcomes[0], Ok(Outcome::Picked { .. })));
    assert_eq!(desk.core("a").await.under_way, 2);
}

pub async fn a_repeated_list_of_what_is_kept_is_asked_for_anew<H: Harness>(desk: Desk<H>) {
    if !desk.harness.remembers_replies() {
        return;
    }
    let keep = |name: &str| Operation::Keep { fingerprint: name.into(), account: "ada".into(), sealed: "x".into() };
    let kept = || request(Operation::Kept);
    let mut batch = desk.batch(vec![kept(), request(keep("a")), kept(), kept(), request(pick(&[])), kept()]);
    let first = desk.harness.apply(&batch).await;
    assert!(matches!(&first.outcomes[2], Ok(Outcome::Kept(kept)) if kept.len() == 1));
    batch.ticket.retry = true;
    let again = desk.harness.apply(&batch).await;
    for at in [0, 2, 3, 5] {
        assert_eq!(again.outcomes[at], Err(OperationError::DeadlinePassed));
    }
    assert_eq!((&again.outcomes[1], &again.outcomes[4]), (&first.outcomes[1], &first.outcomes[4]));
}

pub async fn a_repeated_read_is_answered_anew<H: Harness>(desk: Desk<H>) {
    let mut batch = desk.batch(vec![request(count())]);
    desk.harness.apply(&batch).await;
    desk.set_valid("a", false).await;
    batch.ticket.retry = true;
    assert_eq!(desk.harness.apply(&batch).await.outcomes, [Ok(Outcome::Count(2))]);
}

pub async fn names_that_look_like_numbers_are_names<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_tokens(&[token("1", "1", 1), token("0x10", "2", 1), token("00000000", "1e3", 1)]);
    for (name, others) in [("1", ["0x10", "00000000"]), ("0x10", ["1", "00000000"]), ("00000000", ["1", "0x10"])] {
        for resource in ["1", "2"] {
            let except = others.iter().map(|other| (*other).into()).collect();
            let outcome = desk.one(Operation::Pick { resource: resource.into(), except }).await;
            assert!(matches!(outcome, Outcome::Picked { fingerprint, .. } if &*fingerprint == name));
        }
    }
    for view in desk.view().await {
        let names: Vec<_> = view.resources.iter().map(|resource| (&*resource.resource, resource.under_way)).collect();
        assert_eq!(names, [("1", 1), ("2", 1)]);
    }
    desk.set_valid("00000000", false).await;
    desk.set_valid("1", false).await;
    let views = desk.view().await;
    assert_eq!(views.iter().map(|view| view.is_valid).collect::<Vec<_>>(), [false, true, false]);
}

pub async fn a_token_nobody_configured_changes_nothing<H: Harness>(desk: Desk<H>) {
    let done = desk.one(report("unknown", 0, answered(AnswerKind::Unauthorized))).await;
    assert_eq!(done, Outcome::Done(false));
    assert!(!desk.set_valid("unknown", false).await);
    assert!(!desk.give_back("unknown", START_MS).await);
    let desk = desk.with_tokens(&[token("unknown", "unknown", 1)]);
    assert!(desk.view().await.iter().all(|view| view.is_valid && view.resources.is_empty()));
}

pub async fn a_long_list_of_tried_tokens_is_understood<H: Harness>(desk: Desk<H>) {
    let names: Vec<_> = (0..500).map(|number| format!("{number:032x}")).collect();
    let tokens: Vec<_> = names.iter().map(|name| token(name, name, 1)).collect();
    let desk = desk.with_tokens(&tokens);
    let tried: Vec<_> = names[..499].iter().map(String::as_str).collect();
    assert_eq!(desk.pick(&tried).await, names[499]);
}
