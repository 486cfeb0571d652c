use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::rate_limit::amounts::Unit;
use token_budget::domain::rate_limit::operation::{LEARNED_MAX, Operation, Outcome, Reason};

use super::desk::*;
use super::harness::Harness;

pub async fn a_batch_is_decided_in_order<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 1)]);
    let cancel = Operation::Cancel { id: "a".into() };
    let operations = vec![
        call("a", 1, 1).operation(),
        call("b", 1, 1).operation(),
        call("c", 1, 1).waits().operation(),
        cancel,
        Operation::View,
    ];
    let receipt = desk.by("a", operations).await;
    assert!(matches!(receipt.outcomes[0], Ok(Outcome::Granted(_))));
    assert!(matches!(receipt.outcomes[1], Ok(Outcome::Refused(_))));
    assert!(matches!(receipt.outcomes[2], Ok(Outcome::Waiting { .. })));
    assert_eq!(receipt.outcomes[3], Ok(Outcome::Cancelled { known: true }));
    let Ok(Outcome::View(view)) = &receipt.outcomes[4] else { panic!("a view") };
    assert_eq!((view.waiting, view.windows[0].used.requests), (1, 0));
    // Turns are taken when all is decided.
    assert_eq!(&*receipt.granted[0].id, "c");
}

pub async fn after_its_deadline_a_request_does_nothing<H: Harness>(desk: Desk<H>) {
    let mut batch = desk.batch("a", vec![call("a", 1, 1).operation(), call("b", 1, 1).operation()]);
    batch.requests[0].deadline_ms = Some(START_MS);
    batch.requests[1].deadline_ms = Some(START_MS + 1);
    let receipt = desk.harness.apply(&batch).await;
    assert_eq!(receipt.outcomes[0], Err(OperationError::DeadlinePassed));
    assert!(matches!(receipt.outcomes[1], Ok(Outcome::Granted(_))));
    // A clock that went back puts no deadline into the past.
    desk.at(START_MS - HOUR_MS);
    let mut batch = desk.batch("a", vec![call("c", 1, 1).operation()]);
    batch.requests[0].deadline_ms = Some(START_MS - HOUR_MS + 5);
    assert!(matches!(desk.harness.apply(&batch).await.outcomes[0], Ok(Outcome::Granted(_))));
}

pub async fn a_repeated_batch_is_answered_and_not_applied<H: Harness>(desk: Desk<H>) {
    if !desk.harness.remembers_replies() {
        return;
    }
    let desk = desk.rules(&[per_minute(Unit::Requests, 1)]);
    let counters = Operation::Learn(vec![("out".into(), 2)]);
    let mut batch = desk.batch("a", vec![call("a", 1, 1).operation(), counters, call("b", 1, 1).operation()]);
    let first = desk.harness.apply(&batch).await;
    batch.ticket.retry = true;
    desk.advance(SECOND_MS);
    for _ in 0..2 {
        assert_eq!(desk.harness.apply(&batch).await, first);
    }
    assert_eq!(desk.one(Operation::Learned).await, Outcome::Learned(vec![("out".into(), 2)]));
    // Another client's batch of that number is another batch; so is the next one.
    batch.ticket.client = "b".into();
    batch.requests.truncate(1);
    assert!(matches!(desk.harness.apply(&batch).await.outcomes[0], Ok(Outcome::Granted(_))));
    batch.ticket.client = "a".into();
    batch.ticket.sequence += 10;
    assert_ne!(desk.harness.apply(&batch).await.now_ms, first.now_ms);
}

pub async fn what_is_remembered_counts_once<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 3)]);
    desk.granted(call("a", 5, 1)).await;
    desk.granted(call("b", 5, 1)).await;
    let remembered = desk.view().await;
    let other = OrchestratorId::new("other").unwrap();
    let restore = async |operations: Vec<Operation>| {
        let mut batch = desk.batch("a", operations);
        batch.limiter = other.clone();
        desk.harness.apply(&batch).await.outcomes.remove(1).unwrap()
    };
    for _ in 0..2 {
        let view = restore(vec![Operation::Restore(Box::new(remembered.clone())), Operation::View]).await;
        let Outcome::View(view) = view else { panic!("{view:?}") };
        assert_eq!(view.windows, remembered.windows);
    }
    let acquired = restore(vec![call("c", 1, 1).operation(), call("d", 1, 1).operation()]).await;
    assert!(matches!(acquired, Outcome::Refused(_)), "{acquired:?}");
    desk.advance(2 * FREE_MS);
    let view = restore(vec![Operation::Restore(Box::new(remembered)), Operation::View]).await;
    assert!(matches!(&view, Outcome::View(view) if view.windows[0].used.requests == 0), "{view:?}");
}

pub async fn the_pause_between_calls_is_remembered<H: Harness>(desk: Desk<H>) {
    desk.policy.borrow_mut().configured.pause_us = 1_500;
    desk.granted(call("a", 1, 1)).await;
    let mut remembered = desk.view().await;
    let next_us = START_MS * 1_000 + 1_500;
    assert_eq!(remembered.next_admission_us, next_us);
    desk.one(Operation::Cancel { id: "a".into() }).await;
    desk.granted(call("a", 1, 1)).await;
    desk.one(Operation::Restore(Box::new(remembered.clone()))).await;
    assert_eq!(desk.view().await.next_admission_us, next_us);
    desk.one(Operation::Cancel { id: "a".into() }).await;
    desk.one(Operation::Restore(Box::new(remembered.clone()))).await;
    assert_eq!(desk.refused(call("b", 1, 1)).await, (Reason::Pacing, 2));
    // Nobody waits longer for it than one pause.
    desk.advance(1);
    remembered.next_admission_us += 10_000_000;
    desk.one(Operation::Restore(Box::new(remembered))).await;
    assert_eq!(desk.view().await.next_admission_us, next_us + 1_000);
}

pub async fn counters_add_up_and_have_an_end<H: Harness>(desk: Desk<H>) {
    let learn = |counters: &[(&str, u64)]| {
        Operation::Learn(counters.iter().map(|(name, more)| ((*name).into(), *more)).collect())
    };
    desk.one(learn(&[("b", 1), ("a", 2), ("b", 3)])).await;
    desk.one(learn(&[("b", 4)])).await;
    let learned = Outcome::Learned(vec![("a".into(), 2), ("b".into(), 8)]);
    assert_eq!(desk.one(Operation::Learned).await, learned);
    let names: Vec<_> = (0..LEARNED_MAX).map(|index| format!("n{index}")).collect();
    let many: Vec<_> = names.iter().map(|name| (&**name, 1)).collect();
    desk.one(learn(&many)).await;
    desk.one(learn(&[("a", 1), ("one-more", 1)])).await;
    let Outcome::Learned(counters) = desk.one(Operation::Learned).await else { panic!("counters") };
    assert_eq!((counters.len(), &counters[0]), (LEARNED_MAX, &("a".into(), 3)));
    desk.advance(31 * 24 * HOUR_MS);
    assert_eq!(desk.one(Operation::Learned).await, Outcome::Learned(Vec::new()));
    desk.one(learn(&[("c", 1)])).await;
    assert_eq!(desk.one(Operation::Learned).await, Outcome::Learned(vec![("c".into(), 1)]));
}

pub async fn limiters_share_nothing<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 1)]);
    desk.granted(call("a", 1, 1)).await;
    assert_eq!(desk.refused(call("b", 1, 1)).await.0, Reason::Rule(0));
    let mut batch = desk.batch("a", vec![call("a", 1, 1).operation()]);
    batch.limiter = OrchestratorId::new("openai:org").unwrap();
    assert!(matches!(desk.harness.apply(&batch).await.outcomes[0], Ok(Outcome::Granted(_))));
}

pub async fn after_a_long_silence_everything_is_forgotten_but_terms<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 9)]).concurrency(3);
    let only = terms(&[per_minute(Unit::Requests, 5)]);
    desk.one(Operation::SetTerms(Some(only.clone()))).await;
    desk.granted(call("a", 1, 1)).await;
    desk.one(Operation::Pause { for_ms: 1_000 }).await;
    desk.ask(call("b", 1, 1).waits()).await;
    desk.advance(24 * HOUR_MS);
    let view = desk.view().await;
    assert_eq!((view.terms, view.is_set, view.waiting, view.under_way.requests), (only, true, 0, 0));
    desk.granted(call("c", 1, 1)).await;
    assert_eq!(desk.view().await.windows[0].used.requests, 1);
}
