use token_budget::domain::rate_limit::amounts::{Amounts, Unit};
use token_budget::domain::rate_limit::operation::{Operation, Outcome, Reason};
use token_budget::domain::rate_limit::terms::MINUTE_MS;

use super::desk::*;
use super::harness::Harness;

fn settled(known: bool, late: bool, estimated: Amounts) -> Outcome {
    Outcome::Settled { known, late, estimated }
}

pub async fn a_settle_corrects_the_estimate<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::OutputTokens, 100)]);
    desk.granted(call("a", 10, 90)).await;
    assert_eq!(desk.refused(call("b", 10, 20)).await.0, Reason::Rule(0));
    desk.advance(20 * SECOND_MS);
    assert_eq!(desk.one(settle("a", 12, 30)).await, settled(true, false, Amounts::call(10, 90)));
    let view = desk.view().await;
    assert_eq!((view.windows[0].used, view.under_way), (Amounts::call(12, 30), Amounts::default()));
    desk.granted(call("b", 10, 70)).await;
    // It still leaves when it was admitted, not when it was settled.
    desk.at(START_MS + FREE_MS);
    assert_eq!(desk.view().await.windows[0].used, Amounts::call(10, 70));
}

pub async fn overage_is_counted_and_later_calls_wait<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::OutputTokens, 100)]);
    desk.granted(call("a", 0, 10)).await;
    desk.one(settle("a", 0, 250)).await;
    assert_eq!(desk.view().await.windows[0].used.output_tokens, 250);
    assert_eq!(desk.refused(call("b", 0, 1)).await, (Reason::Rule(0), FREE_MS));
}

pub async fn a_long_answer_counts_when_it_ends<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Tokens, 1_000)]);
    desk.granted(call("a", 100, 50)).await;
    desk.advance(3 * MINUTE_MS);
    desk.one(settle("a", 120, 70)).await;
    let used = desk.view().await.windows[0].used;
    assert_eq!(used, Amounts { requests: 0, input_tokens: 20, output_tokens: 70 });
}

pub async fn a_permit_is_settled_once<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 5)]);
    desk.granted(call("a", 10, 10)).await;
    desk.one(settle("a", 1, 1)).await;
    let before = desk.view().await;
    assert_eq!(desk.one(settle("a", 9, 9)).await, settled(false, false, Amounts::default()));
    assert_eq!(desk.one(settle("never", 9, 9)).await, settled(false, false, Amounts::default()));
    assert_eq!(desk.one(Operation::Cancel { id: "a".into() }).await, Outcome::Cancelled { known: false });
    assert_eq!(desk.view().await, before);
}

pub async fn a_cancel_gives_everything_back<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 1), per_minute(Unit::Tokens, 30)]).concurrency(1);
    desk.granted(call("a", 20, 10)).await;
    assert_eq!(desk.one(Operation::Cancel { id: "a".into() }).await, Outcome::Cancelled { known: true });
    let view = desk.view().await;
    assert_eq!((view.windows[0].used, view.under_way), (Amounts::default(), Amounts::default()));
    desk.granted(call("b", 20, 10)).await;
}

pub async fn a_cancel_of_the_last_admission_gives_its_turn_back<H: Harness>(desk: Desk<H>) {
    desk.policy.borrow_mut().configured.pause_us = 1_320_000;
    desk.granted(call("a", 1, 1)).await;
    assert_eq!(desk.refused(call("b", 1, 1)).await, (Reason::Pacing, 1_320));
    desk.one(Operation::Cancel { id: "a".into() }).await;
    desk.granted(call("b", 1, 1)).await;
    desk.advance(1_320);
    desk.granted(call("c", 1, 1)).await;
    desk.one(Operation::Cancel { id: "b".into() }).await;
    assert_eq!(desk.refused(call("d", 1, 1)).await, (Reason::Pacing, 1_320));
}

pub async fn an_expired_permit_frees_what_it_held<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 9)]).concurrency(1);
    desk.policy.borrow_mut().permit_ttl_ms = 30 * SECOND_MS;
    desk.granted(call("a", 1, 1)).await;
    desk.advance(30 * SECOND_MS - 1);
    assert_eq!(desk.refused(call("b", 1, 1)).await.0, Reason::Concurrency);
    desk.advance(1);
    desk.granted(call("b", 1, 1)).await;
    // Its call may have been made: it counts.
    assert_eq!(desk.view().await.windows[0].used.requests, 2);
}

pub async fn a_late_settle_counts_once_within_an_hour<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 9)]);
    desk.policy.borrow_mut().permit_ttl_ms = 30 * SECOND_MS;
    desk.granted(call("a", 10, 10)).await;
    desk.granted(call("b", 10, 10)).await;
    desk.granted(call("c", 10, 10)).await;
    desk.advance(40 * SECOND_MS);
    assert_eq!(desk.one(settle("a", 7, 8)).await, settled(true, true, Amounts::call(10, 10)));
    assert_eq!(desk.view().await.windows[0].used, Amounts { requests: 3, input_tokens: 27, output_tokens: 28 });
    assert_eq!(desk.one(settle("a", 7, 8)).await, settled(false, false, Amounts::default()));
    desk.at(START_MS + 30 * SECOND_MS + HOUR_MS - 1);
    assert_eq!(desk.one(settle("b", 7, 8)).await, settled(true, true, Amounts::call(10, 10)));
    assert_eq!(desk.view().await.windows[0].used, Amounts { requests: 0, input_tokens: 0, output_tokens: 8 });
    desk.advance(1);
    assert_eq!(desk.one(settle("c", 7, 8)).await, settled(false, false, Amounts::default()));
}

pub async fn asked_twice_it_is_admitted_once<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 9)]);
    let first = desk.granted(call("a", 10, 10)).await;
    desk.advance(SECOND_MS);
    assert_eq!(desk.granted(call("a", 10, 10)).await, first);
    assert_eq!(desk.view().await.windows[0].used.requests, 1);
}
