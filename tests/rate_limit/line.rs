use token_budget::domain::rate_limit::amounts::Unit;
use token_budget::domain::rate_limit::operation::{LOW_PENALTY_MS, Operation, Outcome, Priority, Reason, Verdict};

use super::desk::*;
use super::harness::Harness;

async fn waits<H: Harness>(desk: &Desk<H>, client: &str, call: Call) -> (Reason, u64) {
    match desk.by(client, vec![call.waits().operation()]).await.outcomes.remove(0) {
        Ok(Outcome::Waiting { reason, ahead, .. }) => (reason, ahead),
        other => panic!("does not wait: {other:?}"),
    }
}

pub async fn first_come_first_served_within_a_priority<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 1)]);
    desk.granted(call("first", 1, 1)).await;
    let places = [
        ("low", Priority::Low),
        ("normal", Priority::Normal),
        ("normal-2", Priority::Normal),
        ("critical", Priority::Critical),
        ("low-2", Priority::Low),
    ];
    let ahead = [0, 0, 1, 0, 4];
    for ((id, priority), ahead) in places.into_iter().zip(ahead) {
        assert_eq!(waits(&desk, "a", call(id, 1, 1).priority(priority)).await.1, ahead, "{id}");
    }
    // Who came a minute after a low one does not pass it any more.
    desk.advance(LOW_PENALTY_MS + 1);
    let mut order = desk.poll("a").await;
    waits(&desk, "a", call("normal-3", 1, 1)).await;
    while order.len() < 6 {
        desk.advance(SECOND_MS);
        order.extend(desk.poll("a").await);
    }
    let order: Vec<&str> = order.iter().map(|id| &**id).collect();
    assert_eq!(order, ["critical", "normal", "normal-2", "low", "low-2", "normal-3"]);
}

pub async fn a_large_call_is_not_starved_by_small_ones<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::InputTokens, 100)]);
    desk.granted(call("a", 50, 0)).await;
    assert_eq!(waits(&desk, "a", call("large", 100, 0)).await, (Reason::Rule(0), 0));
    for second in 1..30 {
        desk.advance(SECOND_MS);
        assert_eq!(waits(&desk, "a", call(&format!("small-{second}"), 1, 0)).await.0, Reason::Line);
    }
    desk.at(START_MS + FREE_MS);
    assert_eq!(desk.poll("a").await, ["large".into()] as [Box<str>; 1]);
    desk.advance(FREE_MS);
    assert_eq!(desk.poll("a").await.len(), 29);
}

pub async fn who_does_not_wait_is_refused_behind_others<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::InputTokens, 100)]);
    desk.granted(call("a", 50, 0)).await;
    waits(&desk, "b", call("large", 60, 0)).await;
    assert_eq!(desk.refused(call("small", 1, 0)).await, (Reason::Line, 0));
    let wait = Verdict::Wait { wait_ms: 0, reason: Reason::Line };
    assert_eq!(desk.one(call("", 1, 0).check()).await, Outcome::Verdict(wait));
    assert!(desk.admits(call("small", 1, 0).priority(Priority::Critical)).await);
}

pub async fn the_line_has_an_end<H: Harness>(desk: Desk<H>) {
    let desk = desk.concurrency(1);
    desk.policy.borrow_mut().line_max = 2;
    desk.granted(call("a", 1, 1)).await;
    waits(&desk, "a", call("b", 1, 1)).await;
    waits(&desk, "a", call("c", 1, 1)).await;
    assert_eq!(desk.ask(call("d", 1, 1).waits()).await, Outcome::LineFull);
    assert_eq!(desk.view().await.waiting, 2);
}

pub async fn a_place_can_be_left<H: Harness>(desk: Desk<H>) {
    let desk = desk.concurrency(1);
    desk.granted(call("a", 1, 1)).await;
    waits(&desk, "a", call("b", 1, 1)).await;
    waits(&desk, "a", call("c", 1, 1)).await;
    assert_eq!(desk.one(Operation::Cancel { id: "b".into() }).await, Outcome::Cancelled { known: true });
    assert_eq!(desk.one(Operation::Cancel { id: "b".into() }).await, Outcome::Cancelled { known: false });
    let receipt = desk.by("a", vec![settle("a", 1, 1)]).await;
    assert_eq!((&*receipt.granted[0].id, receipt.places), ("c", 0));
}

pub async fn a_place_is_asked_about_again<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 1)]);
    desk.granted(call("a", 1, 1)).await;
    waits(&desk, "a", call("b", 1, 1)).await;
    waits(&desk, "a", call("c", 1, 1)).await;
    desk.advance(SECOND_MS);
    assert_eq!(waits(&desk, "a", call("b", 1, 1)).await, (Reason::Rule(0), 0));
    assert_eq!(waits(&desk, "a", call("c", 1, 1)).await, (Reason::Line, 1));
    assert_eq!(desk.view().await.waiting, 2);
}

pub async fn only_its_own_client_takes_a_place_up<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 1)]);
    desk.granted(call("a", 1, 1)).await;
    waits(&desk, "b", call("b", 1, 1)).await;
    desk.advance(FREE_MS);
    assert!(desk.poll("a").await.is_empty());
    assert_eq!(desk.refused(call("c", 1, 1)).await.0, Reason::Line);
    let receipt = desk.by("b", vec![Operation::Poll]).await;
    assert_eq!(&*receipt.granted[0].id, "b");
    assert_eq!(receipt.granted[0].admitted_at_ms, START_MS + FREE_MS);
}

pub async fn another_client_is_told_once_that_it_is_its_turn<H: Harness>(desk: Desk<H>) {
    let desk = desk.concurrency(1);
    desk.granted(call("a", 1, 1)).await;
    waits(&desk, "b", call("b", 1, 1)).await;
    waits(&desk, "c", call("c", 1, 1)).await;
    assert_eq!(desk.by("a", vec![Operation::Poll]).await.turn_of, None);
    assert_eq!(desk.by("a", vec![settle("a", 1, 1)]).await.turn_of.as_deref(), Some("b"));
    assert_eq!(desk.by("a", vec![Operation::Poll]).await.turn_of, None);
    // The next one is at the front, and hears of it; then, that it can go.
    assert_eq!(desk.by("b", vec![Operation::Poll]).await.turn_of.as_deref(), Some("c"));
    assert_eq!(desk.by("b", vec![settle("b", 1, 1)]).await.turn_of.as_deref(), Some("c"));
    assert_eq!(desk.poll("c").await.len(), 1);
}

pub async fn a_place_that_can_never_be_served_ends<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::InputTokens, 100)]);
    desk.granted(call("a", 50, 0)).await;
    waits(&desk, "b", call("large", 90, 0)).await;
    let receipt = desk.by("a", vec![Operation::SetTerms(Some(terms(&[per_minute(Unit::InputTokens, 80)])))]).await;
    assert_eq!(receipt.turn_of.as_deref(), Some("b"));
    // It holds up nobody.
    desk.by("c", vec![Operation::Allocate { agent: "x".into(), share_ppm: 1 }]).await;
    let receipt = desk.by("b", vec![Operation::Poll]).await;
    assert_eq!((receipt.places, receipt.granted.len()), (0, 0));
    let again = desk.by("b", vec![call("large", 90, 0).waits().operation()]).await.outcomes.remove(0);
    let never = Verdict::Never { reason: Reason::Rule(0), limit: 80 };
    assert_eq!(again, Ok(Outcome::Refused(never)));
}

pub async fn who_comes_before_keeps_the_pause_between_calls<H: Harness>(desk: Desk<H>) {
    desk.policy.borrow_mut().configured.pause_us = 1_500_700;
    desk.granted(call("a", 1, 1)).await;
    let wait_ms = async |call: Call| match desk.ask(call.waits()).await {
        Outcome::Waiting { wait_ms, .. } => wait_ms,
        other => panic!("does not wait: {other:?}"),
    };
    for (index, expected_ms) in [1_501, 1_501 + 1_500, 1_501 + 3_001, 1_501 + 4_502].into_iter().enumerate() {
        assert_eq!(wait_ms(call(&format!("p{index}"), 1, 1)).await, expected_ms);
    }
    assert_eq!(desk.refused(call("b", 1, 1)).await, (Reason::Line, 1_501 + 6_002));
    let wait = Verdict::Wait { wait_ms: 1_501 + 6_002, reason: Reason::Line };
    assert_eq!(desk.one(call("", 1, 1).check()).await, Outcome::Verdict(wait));
    assert_eq!(desk.refused(call("b", 1, 1).priority(Priority::Critical)).await, (Reason::Pacing, 1_501));
    assert_eq!(wait_ms(call("p2", 1, 1)).await, 1_501 + 3_001);
    // An agent with a line of its own is behind one at least.
    desk.one(Operation::Allocate { agent: "x".into(), share_ppm: 500_000 }).await;
    assert_eq!(desk.refused(call("b", 1, 1).agent("x")).await, (Reason::Line, 1_501 + 1_500));
    for expected_ms in [1_501, 3_002, 4_503] {
        desk.at(START_MS + expected_ms);
        assert_eq!(desk.poll("a").await.len(), 1);
    }
}
