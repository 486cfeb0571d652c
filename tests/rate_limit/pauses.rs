use token_budget::domain::quota::Reading;
use token_budget::domain::rate_limit::amounts::Unit;
use token_budget::domain::rate_limit::operation::{Hit, HitKind, Operation, Outcome, Reason, Signals};
use token_budget::domain::rate_limit::terms::MINUTE_MS;

use super::desk::*;
use super::harness::Harness;

fn refusal(kind: HitKind, retry_after_ms: Option<u64>) -> Signals {
    Signals { hit: Some(Hit { kind, retry_after_ms, jitter: 0, least_ms: 0 }), ..Signals::default() }
}

/// The refusal of a request that left just now.
fn hit<H: Harness>(desk: &Desk<H>, kind: HitKind, retry_after_ms: Option<u64>) -> Operation {
    Operation::Observe(Signals { sent_at_ms: desk.now_ms(), ..refusal(kind, retry_after_ms) })
}

async fn cooldown_ms<H: Harness>(desk: &Desk<H>) -> u64 {
    let (reason, wait_ms) = desk.refused(call("refused", 1, 1)).await;
    assert_eq!(reason, Reason::Cooldown);
    wait_ms
}

pub async fn a_provider_that_refuses_again_is_left_alone_for_longer<H: Harness>(desk: Desk<H>) {
    // The first wait that is told is taken at its word; further ones only where they are longer.
    let (short_ms, long_ms) = (SECOND_MS / 10, 20 * MINUTE_MS);
    let hits = [(short_ms, short_ms), (short_ms, 2 * MINUTE_MS), (long_ms, long_ms), (short_ms, 8 * MINUTE_MS)];
    for (told_ms, pause_ms) in hits {
        desk.one(hit(&desk, HitKind::Rate, Some(told_ms))).await;
        assert_eq!(cooldown_ms(&desk).await, pause_ms);
        desk.advance(pause_ms);
    }
    for _ in 0..4 {
        desk.one(hit(&desk, HitKind::Rate, Some(short_ms))).await;
        desk.advance(HOUR_MS);
    }
    desk.one(hit(&desk, HitKind::Rate, Some(2 * HOUR_MS))).await;
    assert_eq!(cooldown_ms(&desk).await, HOUR_MS);
}

pub async fn a_wait_of_nothing_is_none_told<H: Harness>(desk: Desk<H>) {
    desk.one(hit(&desk, HitKind::Rate, Some(0))).await;
    assert_eq!(cooldown_ms(&desk).await, MINUTE_MS);
}

pub async fn calls_under_way_that_are_refused_one_by_one_count_once<H: Harness>(desk: Desk<H>) {
    let ids: Vec<_> = (0..20).map(|index| format!("p{index}")).collect();
    for id in &ids {
        desk.granted(call(id, 1, 1)).await;
    }
    // The answers take longer than the pause.
    for id in &ids {
        desk.advance(SECOND_MS);
        desk.one(settle_with(id, 1, 0, refusal(HitKind::Rate, Some(SECOND_MS / 2)))).await;
    }
    let view = desk.view().await;
    assert_eq!((view.hits, view.paused_until_ms), (1, desk.now_ms() + SECOND_MS / 2));
    desk.advance(SECOND_MS);
    // Of a request of which nobody knows when it left, the pause tells.
    desk.one(Operation::Observe(refusal(HitKind::Rate, None))).await;
    desk.one(Operation::Observe(refusal(HitKind::Rate, None))).await;
    let view = desk.view().await;
    assert_eq!((view.hits, view.paused_until_ms), (2, desk.now_ms() + 2 * MINUTE_MS));
}

pub async fn who_has_nothing_left_is_not_asked_as_soon_as_it_says<H: Harness>(desk: Desk<H>) {
    for pause_ms in [MINUTE_MS, 2 * MINUTE_MS, 4 * MINUTE_MS] {
        desk.one(hit(&desk, HitKind::Quota, Some(12 * SECOND_MS))).await;
        assert_eq!(cooldown_ms(&desk).await, pause_ms);
        desk.advance(pause_ms);
    }
    desk.one(hit(&desk, HitKind::Quota, Some(30 * MINUTE_MS))).await;
    assert_eq!(cooldown_ms(&desk).await, 30 * MINUTE_MS);
}

pub async fn it_is_told_what_a_pause_goes_back_to<H: Harness>(desk: Desk<H>) {
    let paused_by = async || desk.view().await.paused_by;
    desk.one(Operation::Pause { for_ms: SECOND_MS }).await;
    assert_eq!(paused_by().await, None);
    desk.advance(SECOND_MS);
    desk.granted(call("a", 1, 1)).await;
    desk.granted(call("b", 1, 1)).await;
    desk.advance(1);
    desk.one(settle_with("a", 1, 0, refusal(HitKind::Rate, Some(SECOND_MS)))).await;
    assert_eq!(paused_by().await, Some(HitKind::Rate));
    // Within a burst the graver kind counts, and pauses as it does.
    desk.one(settle_with("b", 1, 0, refusal(HitKind::Quota, Some(SECOND_MS)))).await;
    assert_eq!((paused_by().await, cooldown_ms(&desk).await), (Some(HitKind::Quota), MINUTE_MS));
    desk.one(Operation::Observe(refusal(HitKind::Rate, None))).await;
    assert_eq!((paused_by().await, desk.view().await.hits), (Some(HitKind::Quota), 1));
    // As long as one call at a time tries, too.
    desk.advance(MINUTE_MS);
    assert_eq!(paused_by().await, Some(HitKind::Quota));
    let remembered = desk.view().await;
    desk.granted(call("probe", 1, 1)).await;
    desk.advance(1);
    desk.one(settle("probe", 1, 1)).await;
    assert_eq!(paused_by().await, None);
    desk.one(Operation::Pause { for_ms: SECOND_MS }).await;
    assert_eq!(paused_by().await, None);
    desk.one(Operation::Restore(Box::new(remembered))).await;
    assert_eq!(paused_by().await, Some(HitKind::Quota));
    desk.one(Operation::Pause { for_ms: 0 }).await;
    assert_eq!(paused_by().await, None);
}

pub async fn a_probe_that_takes_long_is_not_waited_for<H: Harness>(desk: Desk<H>) {
    desk.one(hit(&desk, HitKind::Rate, None)).await;
    desk.advance(MINUTE_MS);
    desk.granted(call("slow", 1, 1)).await;
    desk.advance(MINUTE_MS - 1);
    assert_eq!(desk.refused(call("next", 1, 1)).await, (Reason::Probe, 1));
    let receipt = desk.by("b", vec![call("next", 1, 1).waits().operation()]).await;
    assert_eq!(receipt.poll_in_ms, Some(1));
    desk.advance(1);
    assert_eq!(desk.poll("b").await.len(), 1);
    assert_eq!(desk.refused(call("other", 1, 1)).await, (Reason::Probe, MINUTE_MS));
    // The slow one is under way all the same: its end makes no room for a further one, unless it succeeds.
    assert_eq!(desk.view().await.under_way.requests, 2);
    desk.one(settle_with("slow", 1, 1, Signals::default())).await;
    assert_eq!(desk.refused(call("other", 1, 1)).await, (Reason::Probe, MINUTE_MS));
    desk.by("b", vec![settle("next", 1, 1)]).await;
    desk.granted(call("other", 1, 1)).await;
    desk.granted(call("another", 1, 1)).await;
}

pub async fn without_a_cooldown_one_call_at_a_time_tries_too<H: Harness>(desk: Desk<H>) {
    desk.policy.borrow_mut().cooldown_ms = 0;
    desk.one(hit(&desk, HitKind::Rate, None)).await;
    // Nothing pauses, and still the calls do not all go at once.
    desk.granted(call("probe", 1, 1)).await;
    assert_eq!(desk.refused(call("next", 1, 1)).await, (Reason::Probe, SECOND_MS));
    desk.advance(SECOND_MS - 1);
    assert_eq!(desk.refused(call("next", 1, 1)).await, (Reason::Probe, 1));
    desk.advance(1);
    desk.granted(call("next", 1, 1)).await;
    assert_eq!(desk.refused(call("other", 1, 1)).await, (Reason::Probe, SECOND_MS));
    desk.one(settle("next", 1, 1)).await;
    desk.granted(call("other", 1, 1)).await;
    desk.granted(call("another", 1, 1)).await;
}

pub async fn what_is_said_of_a_permit_that_is_not_known_counts<H: Harness>(desk: Desk<H>) {
    let sent_at_ms = desk.now_ms();
    desk.advance(SECOND_MS);
    // A success that left before is no answer to the refusal, nor is one of which nobody knows when it left.
    let ended = async |sent_at_ms, signals: Signals| {
        let outcome = desk.one(settle_with("unknown", 1, 1, Signals { sent_at_ms, ..signals })).await;
        assert!(matches!(outcome, Outcome::Settled { known: false, .. }), "{outcome:?}");
    };
    let success = || Signals { is_success: true, ..Signals::default() };
    ended(sent_at_ms, refusal(HitKind::Rate, None)).await;
    assert_eq!(cooldown_ms(&desk).await, MINUTE_MS);
    for sent_at_ms in [0, sent_at_ms] {
        ended(sent_at_ms, success()).await;
        // Nor is the same refusal, told again, a further one.
        ended(sent_at_ms, refusal(HitKind::Rate, None)).await;
        assert_eq!(desk.view().await.hits, 1);
    }
    desk.advance(MINUTE_MS);
    let reading = Reading { limit: None, remaining: 0, resets_at_ms: desk.now_ms() + SECOND_MS, sent_at_ms: 0 };
    ended(desk.now_ms(), Signals { readings: vec![(Unit::Requests, reading)], ..success() }).await;
    assert_eq!(desk.view().await.hits, 0);
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Remaining(Unit::Requests), SECOND_MS));
}
