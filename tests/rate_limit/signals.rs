use token_budget::domain::quota::{Quota, Reading};
use token_budget::domain::rate_limit::amounts::Unit;
use token_budget::domain::rate_limit::operation::{Hit, HitKind, Operation, Outcome, Reason, Signals};
use token_budget::domain::rate_limit::terms::MINUTE_MS;

use super::desk::*;
use super::harness::Harness;

fn hit(retry_after_ms: Option<u64>, jitter: u64) -> Signals {
    let hit = Hit { kind: HitKind::Rate, retry_after_ms, jitter, least_ms: 0 };
    Signals { hit: Some(hit), ..Signals::default() }
}

fn sent_at(sent_at_ms: u64, signals: Signals) -> Operation {
    Operation::Observe(Signals { sent_at_ms, ..signals })
}

fn left(unit: Unit, remaining: u64, resets_at_ms: u64) -> Signals {
    let reading = Reading { limit: Some(100), remaining, resets_at_ms, sent_at_ms: 0 };
    Signals { readings: vec![(unit, reading)], is_success: true, ..Signals::default() }
}

pub async fn a_hit_pauses_everyone<H: Harness>(desk: Desk<H>) {
    desk.granted(call("a", 1, 1)).await;
    desk.one(settle_with("a", 1, 0, hit(None, 0))).await;
    let receipt = desk.by("b", vec![call("b", 1, 1).waits().operation()]).await;
    assert_eq!(receipt.poll_in_ms, Some(MINUTE_MS));
    assert_eq!(desk.refused(call("c", 1, 1)).await.0, Reason::Line);
    desk.advance(MINUTE_MS);
    assert_eq!(desk.poll("b").await.len(), 1);
}

pub async fn hits_double_the_pause_up_to_a_bound<H: Harness>(desk: Desk<H>) {
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        desk.one(sent_at(desk.now_ms(), hit(None, 0))).await;
        assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Cooldown, minutes * MINUTE_MS));
        desk.advance(minutes * MINUTE_MS);
    }
}

pub async fn no_backoff_is_shorter_than_the_cooldown<H: Harness>(desk: Desk<H>) {
    // The longest pause is reached before the doubled one, and chance takes nothing below the first.
    desk.policy.borrow_mut().cooldown_max_ms = 90 * SECOND_MS;
    for (jitter, pause_ms) in [(500, 63 * SECOND_MS), (1_000, MINUTE_MS), (3_000, MINUTE_MS), (0, 90 * SECOND_MS)] {
        desk.one(sent_at(desk.now_ms(), hit(None, jitter))).await;
        assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Cooldown, pause_ms));
        desk.advance(pause_ms);
    }
    desk.one(Operation::Pause { for_ms: 0 }).await;
    desk.policy.borrow_mut().cooldown_max_ms = MINUTE_MS;
    desk.one(sent_at(desk.now_ms(), hit(None, 1_000))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await.1, MINUTE_MS);
}

pub async fn a_pause_is_at_least_what_the_provider_s_rules_say<H: Harness>(desk: Desk<H>) {
    desk.policy.borrow_mut().cooldown_ms = SECOND_MS;
    let secondary = |told_ms| {
        let hit = Hit { kind: HitKind::Rate, retry_after_ms: told_ms, jitter: 1_000, least_ms: MINUTE_MS };
        Signals { hit: Some(hit), ..Signals::default() }
    };
    for told_ms in [None, Some(0), Some(SECOND_MS)] {
        desk.one(sent_at(desk.now_ms(), secondary(told_ms))).await;
        assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Cooldown, MINUTE_MS));
        desk.advance(MINUTE_MS);
    }
    // One of the burst of a lesser refusal pauses as long.
    desk.one(sent_at(desk.now_ms(), hit(Some(5 * SECOND_MS), 0))).await;
    desk.one(sent_at(desk.now_ms(), secondary(None))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Cooldown, MINUTE_MS));
    desk.advance(MINUTE_MS);
    desk.policy.borrow_mut().cooldown_max_ms = 30 * SECOND_MS;
    desk.one(sent_at(desk.now_ms(), secondary(None))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Cooldown, 30 * SECOND_MS));
}

pub async fn jitter_lengthens_the_first_pause_and_shortens_further_ones<H: Harness>(desk: Desk<H>) {
    desk.one(sent_at(desk.now_ms(), hit(None, 1_000))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await.1, MINUTE_MS + MINUTE_MS / 10);
    desk.advance(MINUTE_MS + MINUTE_MS / 10);
    desk.one(sent_at(desk.now_ms(), hit(Some(5_000), 1_000))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await.1, MINUTE_MS);
}

pub async fn what_a_provider_asks_for_is_bounded<H: Harness>(desk: Desk<H>) {
    desk.one(sent_at(desk.now_ms(), hit(Some(33 * HOUR_MS), 0))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Cooldown, HOUR_MS));
}

pub async fn hits_of_one_burst_count_once<H: Harness>(desk: Desk<H>) {
    desk.one(sent_at(desk.now_ms(), hit(None, 0))).await;
    desk.advance(SECOND_MS);
    for _ in 0..3 {
        desk.one(sent_at(START_MS, hit(None, 0))).await;
    }
    let view = desk.view().await;
    assert_eq!((view.hits, view.paused_until_ms), (1, START_MS + MINUTE_MS));
    desk.one(sent_at(START_MS, hit(Some(90 * SECOND_MS), 0))).await;
    let view = desk.view().await;
    assert_eq!((view.hits, view.paused_until_ms), (1, START_MS + 91 * SECOND_MS));
}

pub async fn after_a_pause_one_call_at_a_time_tries<H: Harness>(desk: Desk<H>) {
    desk.granted(call("old", 1, 1)).await;
    desk.one(sent_at(desk.now_ms(), hit(None, 0))).await;
    desk.advance(MINUTE_MS);
    desk.granted(call("probe", 1, 1)).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Probe, MINUTE_MS));
    // What was sent before the hit proves nothing.
    desk.one(settle("old", 1, 1)).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Probe, MINUTE_MS));
    desk.one(settle_with("probe", 1, 1, hit(None, 0))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Cooldown, 2 * MINUTE_MS));
    desk.advance(2 * MINUTE_MS);
    desk.granted(call("probe-2", 1, 1)).await;
    desk.one(settle_with("probe-2", 1, 1, Signals::default())).await;
    desk.granted(call("probe-3", 1, 1)).await;
    desk.one(settle("probe-3", 1, 1)).await;
    desk.granted(call("a", 1, 1)).await;
    desk.granted(call("b", 1, 1)).await;
    assert_eq!(desk.view().await.hits, 0);
}

pub async fn a_probe_that_is_cancelled_or_lost_is_free_again<H: Harness>(desk: Desk<H>) {
    desk.policy.borrow_mut().permit_ttl_ms = 20 * SECOND_MS;
    desk.one(sent_at(desk.now_ms(), hit(None, 0))).await;
    desk.advance(MINUTE_MS);
    desk.granted(call("a", 1, 1)).await;
    desk.one(Operation::Cancel { id: "a".into() }).await;
    desk.granted(call("b", 1, 1)).await;
    assert_eq!(desk.refused(call("c", 1, 1)).await.0, Reason::Probe);
    desk.advance(20 * SECOND_MS);
    desk.granted(call("c", 1, 1)).await;
}

pub async fn a_pause_by_hand_needs_no_probe<H: Harness>(desk: Desk<H>) {
    desk.one(Operation::Pause { for_ms: 5_000 }).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Cooldown, 5_000));
    desk.advance(5_000);
    desk.granted(call("a", 1, 1)).await;
    desk.granted(call("b", 1, 1)).await;
    desk.one(sent_at(desk.now_ms(), hit(None, 0))).await;
    desk.one(Operation::Pause { for_ms: 0 }).await;
    desk.granted(call("c", 1, 1)).await;
    desk.granted(call("d", 1, 1)).await;
}

pub async fn readings_bound_what_is_admitted<H: Harness>(desk: Desk<H>) {
    desk.one(sent_at(desk.now_ms(), left(Unit::InputTokens, 50, START_MS + 10_000))).await;
    desk.granted(call("a", 30, 0)).await;
    assert_eq!(desk.refused(call("b", 21, 0)).await, (Reason::Remaining(Unit::InputTokens), 10_000));
    desk.granted(call("b", 20, 0)).await;
    desk.advance(10_000);
    desk.granted(call("c", 1_000, 0)).await;
}

pub async fn readings_out_of_order_never_raise_what_is_left<H: Harness>(desk: Desk<H>) {
    let resets_at_ms = START_MS + MINUTE_MS;
    desk.granted(call("first", 0, 0)).await;
    desk.granted(call("second", 0, 0)).await;
    desk.advance(100);
    desk.one(settle_with("second", 0, 0, left(Unit::Requests, 8, resets_at_ms))).await;
    desk.advance(100);
    desk.one(settle_with("first", 0, 0, left(Unit::Requests, 9, resets_at_ms))).await;
    // The first one is in the lower number, for it came to the provider before the second.
    assert_eq!(desk.view().await.quotas[Unit::Requests.index()].left, 8);
    // Of the same millisecond nobody knows which came first.
    desk.advance(1);
    desk.granted(call("third", 0, 0)).await;
    desk.advance(100);
    desk.one(settle_with("third", 0, 0, left(Unit::Requests, 7, resets_at_ms))).await;
    assert_eq!(desk.view().await.quotas[Unit::Requests.index()].left, 7);
}

/// Ten calls are always under way, and answers come in another order than the provider counted in: in the end it is
/// known exactly what is left, and nothing was sent that it had to refuse.
pub async fn nothing_of_a_quota_is_stranded_by_calls_side_by_side<H: Harness>(desk: Desk<H>) {
    const QUOTA: u64 = 60;
    let resets_at_ms = START_MS + MINUTE_MS;
    desk.one(sent_at(desk.now_ms(), left(Unit::Requests, QUOTA, resets_at_ms))).await;
    let (mut served, mut answered, mut calls) = (0, Vec::new(), 0);
    loop {
        desk.advance(1);
        while answered.len() < 10 {
            let asked = desk.ask(call(&format!("call-{calls}"), 0, 0)).await;
            if !matches!(asked, Outcome::Granted(_)) {
                break;
            }
            served += 1;
            answered.push((calls, QUOTA - served));
            calls += 1;
        }
        if answered.is_empty() {
            break;
        }
        let (number, remaining) = answered.remove(served as usize * 7 % answered.len());
        desk.one(settle_with(&format!("call-{number}"), 0, 0, left(Unit::Requests, remaining, resets_at_ms))).await;
        let known = desk.view().await.quotas[Unit::Requests.index()].left;
        assert!(known + served <= QUOTA, "{known} of {}", QUOTA - served);
    }
    assert_eq!((served, desk.view().await.quotas[Unit::Requests.index()].left), (QUOTA, 0));
}

pub async fn a_call_that_was_settled_without_numbers_still_counts<H: Harness>(desk: Desk<H>) {
    let resets_at_ms = START_MS + MINUTE_MS;
    desk.one(sent_at(desk.now_ms(), left(Unit::Requests, 100, resets_at_ms))).await;
    desk.advance(10);
    desk.granted(call("served-first", 0, 0)).await;
    desk.advance(10);
    desk.granted(call("served-second", 0, 0)).await;
    desk.advance(10);
    desk.one(settle("served-second", 0, 0)).await;
    desk.advance(10);
    // Sent after the last numbers were seen, and yet older than the other call.
    desk.one(settle_with("served-first", 0, 0, left(Unit::Requests, 99, resets_at_ms))).await;
    assert_eq!(desk.view().await.quotas[Unit::Requests.index()].left, 98);
    desk.advance(10);
    desk.granted(call("third", 0, 0)).await;
    desk.advance(10);
    desk.one(settle_with("third", 0, 0, left(Unit::Requests, 97, resets_at_ms))).await;
    assert_eq!(desk.view().await.quotas[Unit::Requests.index()].left, 97);
}

pub async fn what_was_not_used_is_given_back_to_the_quota<H: Harness>(desk: Desk<H>) {
    desk.one(sent_at(desk.now_ms(), left(Unit::OutputTokens, 100, START_MS + MINUTE_MS))).await;
    let left = async || desk.view().await.quotas[Unit::OutputTokens.index()].left;
    desk.granted(call("a", 0, 60)).await;
    assert_eq!(left().await, 40);
    desk.one(settle("a", 0, 10)).await;
    assert_eq!(left().await, 90);
    desk.granted(call("b", 0, 60)).await;
    desk.one(settle("b", 0, 70)).await;
    assert_eq!(left().await, 20);
    desk.granted(call("c", 0, 20)).await;
    desk.one(Operation::Cancel { id: "c".into() }).await;
    assert_eq!(left().await, 20);
}

pub async fn a_reset_counts_no_later_than_the_longest_pause<H: Harness>(desk: Desk<H>) {
    let year_ms = 365 * 24 * HOUR_MS;
    desk.one(sent_at(desk.now_ms(), left(Unit::Requests, 0, desk.now_ms() + year_ms))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Remaining(Unit::Requests), HOUR_MS));
    let mut remembered = desk.view().await;
    desk.advance(HOUR_MS);
    desk.granted(call("a", 1, 1)).await;
    remembered.quotas[Unit::Requests.index()].resets_at_ms += year_ms;
    desk.one(Operation::Restore(Box::new(remembered))).await;
    assert_eq!(desk.refused(call("b", 1, 1)).await, (Reason::Remaining(Unit::Requests), HOUR_MS));
    // What ends every pause ends this wait, too.
    desk.one(Operation::Pause { for_ms: 0 }).await;
    desk.granted(call("b", 1, 1)).await;
    assert_eq!(desk.view().await.quotas, [Quota::default(); 4]);
}
