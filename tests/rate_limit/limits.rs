use token_budget::domain::rate_limit::amounts::{Amounts, Unit};
use token_budget::domain::rate_limit::operation::{Operation, Outcome, Priority, Reason, Verdict};
use token_budget::domain::rate_limit::terms::{DAY_MS, MINUTE_MS, Rule};

use super::desk::*;
use super::harness::Harness;

pub async fn no_rolling_minute_holds_more_than_the_limit<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 2)]);
    desk.granted(call("a", 1, 1)).await;
    desk.advance(SECOND_MS - 1);
    desk.granted(call("b", 1, 1)).await;
    assert_eq!(desk.refused(call("c", 1, 1)).await, (Reason::Rule(0), MINUTE_MS + 1));
    desk.at(START_MS + FREE_MS - 1);
    assert_eq!(desk.refused(call("c", 1, 1)).await, (Reason::Rule(0), 1));
    desk.advance(1);
    assert!(desk.admits(call("c", 1, 1)).await);
}

pub async fn all_limits_are_taken_together_or_none<H: Harness>(desk: Desk<H>) {
    let rules = [(Unit::Requests, 9), (Unit::InputTokens, 30), (Unit::OutputTokens, 9), (Unit::Tokens, 34)];
    let desk = desk.rules(&rules.map(|(unit, limit)| per_minute(unit, limit)));
    desk.granted(call("a", 20, 5)).await;
    let before = desk.view().await;
    for (index, (input, output)) in [(11, 0), (0, 5), (6, 4)].into_iter().enumerate() {
        assert_eq!(desk.refused(call("b", input, output)).await.0, Reason::Rule(index + 1));
    }
    assert_eq!(desk.view().await, before);
    assert_eq!(before.windows[0].used, Amounts { requests: 1, input_tokens: 20, output_tokens: 5 });
}

pub async fn a_check_tells_and_consumes_nothing<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 1)]);
    for _ in 0..3 {
        assert_eq!(desk.one(call("", 1, 1).check()).await, Outcome::Verdict(Verdict::Now));
    }
    desk.granted(call("a", 1, 1)).await;
    let wait = Verdict::Wait { wait_ms: FREE_MS, reason: Reason::Rule(0) };
    assert_eq!(desk.one(call("", 1, 1).check()).await, Outcome::Verdict(wait));
}

pub async fn what_is_larger_than_a_limit_can_never_fit<H: Harness>(desk: Desk<H>) {
    let rule = Rule { ordinary: 80, ..per_minute(Unit::InputTokens, 100) };
    let desk = desk.rules(&[per_minute(Unit::Requests, 5), rule]);
    let never = Verdict::Never { reason: Reason::Rule(1), limit: 80 };
    assert_eq!(desk.ask(call("a", 81, 0).waits()).await, Outcome::Refused(never));
    assert_eq!(desk.one(call("", 81, 0).check()).await, Outcome::Verdict(never));
    assert!(desk.admits(call("a", 100, 0).priority(Priority::Critical)).await);
    let desk = desk.concurrency(0);
    let never = Verdict::Never { reason: Reason::Concurrency, limit: 0 };
    assert_eq!(desk.ask(call("b", 1, 0)).await, Outcome::Refused(never));
}

pub async fn only_critical_calls_use_what_is_held_back<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[Rule { ordinary: 1, ..per_minute(Unit::Requests, 2) }]);
    desk.granted(call("a", 1, 1)).await;
    for priority in [Priority::Normal, Priority::Low] {
        assert_eq!(desk.refused(call("b", 1, 1).priority(priority)).await.0, Reason::Rule(0));
    }
    assert!(desk.admits(call("b", 1, 1).priority(Priority::Critical)).await);
    assert_eq!(desk.refused(call("c", 1, 1).priority(Priority::Critical)).await.0, Reason::Rule(0));
}

pub async fn concurrent_calls_are_limited<H: Harness>(desk: Desk<H>) {
    let desk = desk.concurrency(2);
    desk.granted(call("a", 1, 1)).await;
    desk.granted(call("b", 1, 1)).await;
    assert_eq!(desk.refused(call("c", 1, 1)).await, (Reason::Concurrency, 0));
    desk.one(settle("a", 1, 1)).await;
    assert!(desk.admits(call("c", 1, 1)).await);
}

pub async fn pacing_carries_fractions_and_never_a_burst<H: Harness>(desk: Desk<H>) {
    desk.policy.borrow_mut().configured.pause_us = 1_500;
    let mut admitted = Vec::new();
    for ms in 0..12 {
        desk.at(START_MS + ms);
        if desk.admits(call(&format!("p{ms}"), 1, 1)).await {
            admitted.push(ms);
        }
    }
    assert_eq!(admitted, [0, 2, 3, 5, 6, 8, 9, 11]);
    desk.advance(60_000);
    desk.granted(call("after", 1, 1)).await;
    assert_eq!(desk.refused(call("burst", 1, 1)).await, (Reason::Pacing, 2));
}

pub async fn limits_change_while_calls_are_made<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 3)]);
    desk.granted(call("a", 1, 1)).await;
    desk.granted(call("b", 1, 1)).await;
    desk.one(Operation::SetTerms(Some(terms(&[per_minute(Unit::Requests, 2)])))).await;
    assert_eq!(desk.refused(call("c", 1, 1)).await, (Reason::Rule(0), FREE_MS));
    let view = desk.view().await;
    assert!(view.is_set);
    assert_eq!(view.terms, terms(&[per_minute(Unit::Requests, 2)]));
    desk.one(Operation::SetTerms(None)).await;
    assert!(desk.admits(call("c", 1, 1)).await);
    assert!(!desk.view().await.is_set);
}

pub async fn windows_named_anew_know_what_others_know<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 9)]);
    desk.granted(call("a", 1, 1)).await;
    desk.granted(call("b", 1, 1)).await;
    let faster = Rule { window_ms: 30 * SECOND_MS, ..per_minute(Unit::Requests, 2) };
    desk.one(Operation::SetTerms(Some(terms(&[faster])))).await;
    assert_eq!(desk.refused(call("c", 1, 1)).await.0, Reason::Rule(0));
    // Another process that was not told yet goes by the minute, and what it does counts for both.
    desk.one(Operation::SetTerms(None)).await;
    for id in ["c", "d", "e", "f", "g", "h", "i"] {
        desk.granted(call(id, 1, 1)).await;
    }
    assert_eq!(desk.refused(call("j", 1, 1)).await.0, Reason::Rule(0));
    let slower = Rule { window_ms: HOUR_MS, ..per_minute(Unit::Requests, 9) };
    desk.one(Operation::SetTerms(Some(terms(&[slower])))).await;
    assert_eq!(desk.refused(call("j", 1, 1)).await.0, Reason::Rule(0));
}

pub async fn time_stands_still_while_the_clock_is_a_little_behind<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 1)]);
    desk.granted(call("a", 1, 1)).await;
    desk.at(START_MS - 10 * SECOND_MS);
    assert_eq!(desk.refused(call("b", 1, 1)).await, (Reason::Rule(0), FREE_MS));
    assert_eq!(desk.view().await.now_ms, START_MS);
    desk.at(START_MS + FREE_MS);
    assert!(desk.admits(call("b", 1, 1)).await);
}

pub async fn windows_shorter_than_their_parts_and_odd_ones_work<H: Harness>(desk: Desk<H>) {
    for window_ms in [1, 59, 61, 119, 10_001] {
        let desk = &desk;
        desk.policy.borrow_mut().configured.rules = vec![Rule { window_ms, ..per_minute(Unit::Requests, 1) }];
        let id = |name: &str| format!("{name}-{window_ms}");
        desk.granted(call(&id("a"), 1, 1)).await;
        let (_, wait_ms) = desk.refused(call(&id("b"), 1, 1)).await;
        assert!((window_ms..=window_ms + window_ms / 60 + 1).contains(&wait_ms), "{window_ms}: {wait_ms}");
        desk.advance(wait_ms - 1);
        assert_eq!(desk.refused(call(&id("b"), 1, 1)).await.1, 1);
        desk.advance(1);
        desk.granted(call(&id("b"), 1, 1)).await;
        desk.advance(HOUR_MS / 4);
    }
}

pub async fn a_day_is_a_rolling_window_too<H: Harness>(desk: Desk<H>) {
    let day = Rule { window_ms: DAY_MS, ..per_minute(Unit::Tokens, 100) };
    let desk = desk.rules(&[per_minute(Unit::Requests, 5), day]);
    desk.granted(call("a", 60, 10)).await;
    desk.one(settle("a", 60, 10)).await;
    desk.advance(DAY_MS - HOUR_MS);
    assert_eq!(desk.refused(call("b", 31, 0)).await, (Reason::Rule(1), HOUR_MS + DAY_MS / 60));
    assert!(desk.admits(call("b", 30, 0)).await);
}
