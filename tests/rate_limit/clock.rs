use token_budget::domain::quota::{Quota, Reading};
use token_budget::domain::rate_limit::amounts::Unit;
use token_budget::domain::rate_limit::operation::{Hit, HitKind, Operation, Outcome, Reason, Signals};
use token_budget::domain::rate_limit::terms::{Concurrency, DAY_MS, MINUTE_MS, Terms};

use super::desk::*;
use super::harness::Harness;

const WRONG_MS: u64 = START_MS + 400 * DAY_MS;

fn hit(now_ms: u64, retry_after_ms: Option<u64>) -> Operation {
    let hit = Hit { kind: HitKind::Rate, retry_after_ms, jitter: 0, least_ms: 0 };
    Operation::Observe(Signals { sent_at_ms: now_ms, hit: Some(hit), ..Signals::default() })
}

pub async fn a_clock_that_was_wrong_stalls_nobody<H: Harness>(desk: Desk<H>) {
    let concurrency = Some(Concurrency { limit: 2, ordinary: 2 });
    let only = Terms { concurrency, pause_us: 1_500_000, ..terms(&[per_minute(Unit::Requests, 9)]) };
    desk.one(Operation::SetTerms(Some(only.clone()))).await;
    desk.at(WRONG_MS);
    desk.one(Operation::Learn(vec![("out".into(), 3)])).await;
    desk.one(Operation::Allocate { agent: "x".into(), share_ppm: 400_000 }).await;
    desk.granted(call("a", 1, 1)).await;
    desk.advance(2 * SECOND_MS);
    desk.granted(call("b", 1, 1)).await;
    desk.ask(call("waits", 1, 1).waits()).await;
    let reading = Reading { limit: None, remaining: 50, resets_at_ms: WRONG_MS + MINUTE_MS, sent_at_ms: 0 };
    let readings = vec![(Unit::Requests, reading)];
    desk.one(Operation::Observe(Signals { readings, ..Signals::default() })).await;
    let view = desk.view().await;
    assert_eq!((view.waiting, view.under_way.requests, view.agents.len()), (1, 2, 2));
    desk.at(START_MS + SECOND_MS);
    let receipt = desk.by("a", vec![settle("a", 1, 1)]).await;
    let is_known = matches!(receipt.outcomes[0], Ok(Outcome::Settled { known: true, .. }));
    assert_eq!((receipt.now_ms, receipt.places, is_known), (desk.now_ms(), 0, false));
    let view = desk.view().await;
    assert_eq!((view.terms, view.is_set, view.waiting, view.under_way.requests), (only, true, 0, 0));
    let quota = Quota { limit: 0, left: 48, resets_at_ms: START_MS + 59 * SECOND_MS, seen_at_ms: START_MS + SECOND_MS };
    assert_eq!((view.quotas[0], view.quotas[1]), (quota, Quota::default()));
    let shares: Vec<_> = view.agents.iter().map(|agent| (&*agent.agent, agent.share_ppm, agent.waiting)).collect();
    assert_eq!(shares, [("", 600_000, 0), ("x", 400_000, 0)]);
    assert_eq!(view.windows[0].used.requests, 2);
    assert_eq!(desk.one(Operation::Learned).await, Outcome::Learned(vec![("out".into(), 3)]));
    // The pause between calls begins now at the latest.
    assert_eq!(desk.refused(call("waits", 1, 1)).await, (Reason::Pacing, 1_500));
    desk.advance(1_500);
    desk.granted(call("waits", 1, 1)).await;
    desk.advance(31 * DAY_MS);
    assert_eq!(desk.one(Operation::Learned).await, Outcome::Learned(Vec::new()));
}

pub async fn no_window_holds_more_though_the_clock_went_back<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 3)]);
    desk.at(WRONG_MS);
    desk.granted(call("a", 1, 1)).await;
    desk.advance(30 * SECOND_MS);
    desk.granted(call("b", 5, 1)).await;
    desk.at(START_MS);
    desk.granted(call("c", 1, 1)).await;
    assert_eq!(desk.refused(call("d", 1, 1)).await, (Reason::Rule(0), FREE_MS));
    let used = desk.view().await.windows[0].used;
    assert_eq!((used.requests, used.input_tokens), (3, 7));
    desk.advance(FREE_MS);
    for id in ["d", "e", "f"] {
        desk.granted(call(id, 1, 1)).await;
    }
    assert_eq!(desk.refused(call("g", 1, 1)).await, (Reason::Rule(0), FREE_MS));
}

pub async fn a_pause_of_a_wrong_clock_lasts_as_long_as_it_did<H: Harness>(desk: Desk<H>) {
    desk.at(WRONG_MS);
    desk.one(hit(WRONG_MS, Some(10 * SECOND_MS))).await;
    desk.advance(SECOND_MS);
    desk.poll("desk").await;
    desk.at(START_MS);
    let view = desk.view().await;
    assert_eq!((view.hits, view.paused_until_ms), (1, START_MS + 9 * SECOND_MS));
    assert_eq!(view.paused_by, Some(HitKind::Rate));
    desk.advance(9 * SECOND_MS);
    desk.granted(call("probe", 1, 1)).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await.0, Reason::Probe);
    desk.one(settle("probe", 1, 1)).await;
    desk.granted(call("a", 1, 1)).await;
    assert_eq!(desk.view().await.hits, 0);
}

pub async fn a_pause_that_was_told_by_the_right_clock_stays<H: Harness>(desk: Desk<H>) {
    desk.one(hit(START_MS, Some(40 * MINUTE_MS))).await;
    for ahead_ms in [11 * SECOND_MS, 30 * MINUTE_MS, 50 * MINUTE_MS] {
        desk.at(START_MS + ahead_ms);
        desk.poll("desk").await;
        desk.at(START_MS + 1);
        assert_eq!(desk.view().await.paused_until_ms, START_MS + 40 * MINUTE_MS);
    }
    // One by hand, longer than any that a provider is granted.
    desk.at(START_MS + 11 * SECOND_MS);
    desk.one(Operation::Pause { for_ms: 3 * HOUR_MS }).await;
    desk.at(START_MS);
    assert_eq!(desk.view().await.paused_until_ms, START_MS + 3 * HOUR_MS);
    desk.at(START_MS + 3 * HOUR_MS);
    desk.granted(call("probe", 1, 1)).await;
}

pub async fn a_pause_that_was_saved_by_a_clock_ahead_lasts_as_long_as_it_did<H: Harness>(desk: Desk<H>) {
    desk.at(START_MS + 5 * HOUR_MS);
    desk.one(hit(desk.now_ms(), Some(10 * SECOND_MS))).await;
    let remembered = desk.view().await;
    desk.one(Operation::Pause { for_ms: 0 }).await;
    desk.at(START_MS);
    desk.one(Operation::Restore(Box::new(remembered.clone()))).await;
    assert_eq!(desk.view().await.paused_until_ms, START_MS + 10 * SECOND_MS);
    // By a clock that is not behind it ends when it would have.
    desk.one(Operation::Pause { for_ms: 0 }).await;
    desk.at(START_MS + 5 * HOUR_MS + 4 * SECOND_MS);
    desk.one(Operation::Restore(Box::new(remembered))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Cooldown, 6 * SECOND_MS));
}

fn nothing_left(resets_at_ms: u64) -> Operation {
    let reading = Reading { limit: Some(60), remaining: 0, resets_at_ms, sent_at_ms: 0 };
    Operation::Observe(Signals { readings: vec![(Unit::Requests, reading)], ..Signals::default() })
}

pub async fn a_quota_of_a_wrong_clock_is_used_up_for_as_long_as_it_was<H: Harness>(desk: Desk<H>) {
    for (nth, ahead_ms) in [11 * SECOND_MS, 5 * HOUR_MS, 400 * DAY_MS].into_iter().enumerate() {
        let right_ms = START_MS + nth as u64 * DAY_MS;
        desk.at(right_ms + ahead_ms);
        desk.one(nothing_left(desk.now_ms() + 600 * SECOND_MS)).await;
        desk.advance(SECOND_MS);
        desk.poll("desk").await;
        desk.at(right_ms);
        assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Remaining(Unit::Requests), 599 * SECOND_MS));
        // It is as good as any: newer numbers replace it, and it ends.
        let reading = Reading { limit: None, remaining: 1, resets_at_ms: right_ms + HOUR_MS / 2, sent_at_ms: 0 };
        desk.advance(SECOND_MS);
        let readings = vec![(Unit::Requests, reading)];
        desk.one(Operation::Observe(Signals { sent_at_ms: desk.now_ms(), readings, ..Signals::default() })).await;
        desk.granted(call("a", 1, 1)).await;
        desk.one(Operation::Cancel { id: "a".into() }).await;
    }
}

pub async fn a_quota_that_was_told_by_the_right_clock_stays<H: Harness>(desk: Desk<H>) {
    desk.one(nothing_left(START_MS + 600 * SECOND_MS)).await;
    desk.at(START_MS + HOUR_MS);
    desk.poll("desk").await;
    desk.at(START_MS + SECOND_MS);
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Remaining(Unit::Requests), 599 * SECOND_MS));
    desk.at(START_MS + 600 * SECOND_MS);
    desk.granted(call("a", 1, 1)).await;
}

pub async fn a_quota_that_was_saved_by_a_clock_ahead_is_used_up_for_as_long_as_it_was<H: Harness>(desk: Desk<H>) {
    desk.at(START_MS + 5 * HOUR_MS);
    desk.one(nothing_left(desk.now_ms() + 20 * SECOND_MS)).await;
    let remembered = desk.view().await;
    desk.one(Operation::Pause { for_ms: 0 }).await;
    desk.at(START_MS);
    desk.one(Operation::Restore(Box::new(remembered))).await;
    assert_eq!(desk.refused(call("a", 1, 1)).await, (Reason::Remaining(Unit::Requests), 20 * SECOND_MS));
}

pub async fn shares_outlast_a_wrong_clock_and_live_with_who_gave_them<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 10)]);
    desk.policy.borrow_mut().client_lease_ms = MINUTE_MS;
    let share = |agent: &str, share_ppm| Operation::Allocate { agent: agent.into(), share_ppm };
    let shares = async || {
        let view = desk.view().await;
        view.agents.iter().map(|agent| (agent.agent.to_string(), agent.share_ppm)).collect::<Vec<_>>()
    };
    desk.at(WRONG_MS);
    desk.by("a", vec![share("x", 300_000), share("y", 200_000)]).await;
    desk.by("b", vec![share("z", 400_000)]).await;
    for id in ["x1", "x2"] {
        desk.granted(call(id, 1, 1).agent("x")).await;
    }
    desk.granted(call("y1", 1, 1).agent("y")).await;
    desk.advance(30 * SECOND_MS);
    desk.poll("b").await;
    desk.at(START_MS);
    let kept = [("", 100_000), ("x", 300_000), ("y", 200_000), ("z", 400_000)];
    assert_eq!(shares().await, kept.map(|(agent, share_ppm)| (agent.to_owned(), share_ppm)));
    // What they used counts as used now.
    let used = desk.view().await.agents.iter().map(|agent| agent.used.requests).collect::<Vec<_>>();
    assert_eq!(used, [0, 2, 1, 0]);
    // The share of an agent that is not active is lent, and its own is what it gets.
    desk.granted(call("z1", 1, 1).agent("z")).await;
    desk.granted(call("x3", 1, 1).agent("x")).await;
    assert_eq!(desk.refused(call("x4", 1, 1).agent("x")).await.0, Reason::Share);
    // Every giver has its lease from now on.
    desk.advance(MINUTE_MS - 1);
    desk.poll("b").await;
    assert_eq!(shares().await.len(), 4);
    desk.advance(1);
    assert_eq!(shares().await, [("".to_owned(), 600_000), ("z".to_owned(), 400_000)]);
    // A share can be given, taken back and handed on as before.
    desk.by("b", vec![share("w", 600_000)]).await;
    desk.by("b", vec![share("z", 0)]).await;
    assert_eq!(shares().await, [("".to_owned(), 400_000), ("w".to_owned(), 600_000)]);
}

pub async fn to_ask_only_sees_a_wrong_clock_once<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 1)]);
    desk.at(WRONG_MS);
    desk.granted(call("a", 1, 1)).await;
    desk.at(START_MS);
    let view = desk.view().await;
    assert_eq!((view.now_ms, view.under_way.requests, view.windows[0].used.requests), (START_MS, 0, 1));
    desk.advance(30 * SECOND_MS);
    assert_eq!(desk.view().await.windows[0].parts, view.windows[0].parts);
    assert_eq!(desk.refused(call("b", 1, 1)).await, (Reason::Rule(0), FREE_MS - 30 * SECOND_MS));
}

pub async fn a_refusal_told_by_a_permit_of_a_wrong_clock_pauses<H: Harness>(desk: Desk<H>) {
    desk.at(WRONG_MS);
    desk.granted(call("a", 1, 1)).await;
    desk.at(START_MS);
    // Its holder knows how long ago it left.
    let hit = Some(Hit { kind: HitKind::Rate, retry_after_ms: Some(7 * SECOND_MS), jitter: 0, least_ms: 0 });
    let signals = Signals { sent_at_ms: START_MS - SECOND_MS, hit, ..Signals::default() };
    let outcome = desk.one(settle_with("a", 1, 0, signals)).await;
    assert!(matches!(outcome, Outcome::Settled { known: false, .. }), "{outcome:?}");
    assert_eq!(desk.refused(call("b", 1, 1)).await, (Reason::Cooldown, 7 * SECOND_MS));
    let view = desk.view().await;
    assert_eq!((view.hits, view.paused_by), (1, Some(HitKind::Rate)));
}
