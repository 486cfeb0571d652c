//! Made-up operations and clock movements.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::Limits;
use token_budget::domain::tokens::MAX_TOKENS;
use token_budget::domain::usage::Parts;

use crate::conformance::desk::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, instant};

/// A whole play: the rules, where the clock starts, and what happens.
#[derive(Debug, Clone)]
pub struct Play {
    pub zone: &'static str,
    pub start_ms: u64,
    pub limits: Limits,
    pub history_limit: u64,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub enum Step {
    Batch { orchestrator: usize, acts: Vec<(Act, Option<i64>)> },
    Forward { by_ms: u64 },
    Back { by_ms: u64 },
}

/// An operation, with reservations named by the order in which they were asked for.
#[derive(Debug, Clone)]
pub enum Act {
    Check(Period),
    Reserve { tokens: u64, cost: u64, periods: Periods, ttl_ms: u64 },
    ReserveAgain { nth: usize },
    Settle { nth: usize, spent: Option<Spent> },
    Track(Spent),
    Stats(Period),
    SetBudget(Option<Limits>),
    GetBudget,
    SetOverride { id: u8, period: Period, amount: u64, of_money: bool, lasts_ms: i64 },
    RemoveOverride { id: u8 },
    ListOverrides(Option<Period>),
    ListReservations { period: Option<Period>, offset: u64, limit: u64 },
    History { period: Period, offset: u64, limit: u64 },
    ClearThresholds(Option<Period>),
    Sweep,
    Pause { lasts_ms: Option<i64> },
    Resume,
    GetPause,
}

#[derive(Debug, Clone)]
pub struct Spent {
    pub total: u64,
    /// `None`: nobody says what it cost.
    pub cost: Option<u64>,
    pub parts: Parts,
    pub model: u8,
    pub request: Option<u8>,
    /// When it happened, relative to now.
    pub occurred_ms: Option<i64>,
}

pub fn play() -> impl Strategy<Value = Play> {
    (zone_and_start(), limits(), select(vec![0, 3, 100]), vec(step(), 1..60)).prop_map(
        |((zone, start_ms), limits, history_limit, steps)| Play { zone, start_ms, limits, history_limit, steps },
    )
}

/// A whole play, a calendar cycle of 28 years later: ahead of every server's clock.
pub fn later_play() -> impl Strategy<Value = Play> {
    play().prop_map(|play| Play { start_ms: later(play.start_ms), ..play })
}

/// 28 years later weekdays and leap days fall as they do now.
pub fn later(instant_ms: u64) -> u64 {
    instant_ms + (28 * 365 + 7) * DAY_MS
}

/// Reservations in all periods, settled for what was held or less, and time going on.
pub fn reservations_only() -> impl Strategy<Value = Vec<Step>> {
    let nth = 0..20_usize;
    let act = prop_oneof![
        4 => (0..60_u64, 1..10 * MINUTE_MS)
            .prop_map(|(tokens, ttl_ms)| Act::Reserve { tokens, cost: 0, periods: Periods::ALL, ttl_ms }),
        2 => (nth.clone(), 0..80_u64).prop_map(|(nth, total)| Act::Settle { nth, spent: Some(plain(total)) }),
        1 => nth.prop_map(|nth| Act::Settle { nth, spent: None }),
        1 => (0..30_u64).prop_map(|total| Act::Track(plain(total))),
    ];
    let batch = vec((act, Just(None)), 1..4).prop_map(|acts| Step::Batch { orchestrator: 0, acts });
    vec(prop_oneof![4 => batch, 1 => forward()], 1..60)
}

fn plain(total: u64) -> Spent {
    Spent { total, cost: Some(0), parts: Parts::default(), model: 0, request: None, occurred_ms: None }
}

fn zone_and_start() -> impl Strategy<Value = (&'static str, u64)> {
    let starts = [
        ("UTC", "2024-02-28T22:50:00Z"),
        ("UTC", "2024-12-31T23:30:00Z"),
        ("America/New_York", "2024-03-10T04:30:00Z"),
        ("America/New_York", "2024-11-03T03:40:00Z"),
        ("Asia/Tokyo", "2024-05-31T13:45:00Z"),
        ("Australia/Lord_Howe", "2024-04-06T12:50:00Z"),
        ("Pacific/Apia", "2011-12-30T08:20:00Z"),
        ("Africa/Cairo", "2024-10-31T19:50:00Z"),
    ];
    select(starts.to_vec()).prop_map(|(zone, start)| (zone, instant(start)))
}

fn step() -> impl Strategy<Value = Step> {
    let acts = vec((act(), deadline()), 1..5);
    let batch = (0..2_usize, acts).prop_map(|(orchestrator, acts)| Step::Batch { orchestrator, acts });
    let back = select(vec![1, SECOND_MS, 10 * MINUTE_MS, 2 * HOUR_MS]).prop_map(|by_ms| Step::Back { by_ms });
    prop_oneof![10 => batch, 3 => forward(), 1 => back]
}

fn forward() -> impl Strategy<Value = Step> {
    let by_ms = prop_oneof![
        4 => 1..5 * SECOND_MS,
        4 => MINUTE_MS..20 * MINUTE_MS,
        2 => select(vec![HOUR_MS, 30 * MINUTE_MS, 3 * HOUR_MS]),
        1 => select(vec![DAY_MS, 31 * DAY_MS]),
    ];
    by_ms.prop_map(|by_ms| Step::Forward { by_ms })
}

fn deadline() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![12 => Just(None), 1 => select(vec![-1, 0, 1, 1_000]).prop_map(Some)]
}

fn act() -> impl Strategy<Value = Act> {
    let nth = 0..30_usize;
    let page = || (0..4_u64, 0..5_u64);
    prop_oneof![
        3 => period().prop_map(Act::Check),
        6 => (tokens(), cost(), periods(), ttl_ms())
            .prop_map(|(tokens, cost, periods, ttl_ms)| Act::Reserve { tokens, cost, periods, ttl_ms }),
        1 => nth.clone().prop_map(|nth| Act::ReserveAgain { nth }),
        6 => (nth, prop::option::weighted(0.8, spent())).prop_map(|(nth, spent)| Act::Settle { nth, spent }),
        6 => spent().prop_map(Act::Track),
        2 => period().prop_map(Act::Stats),
        1 => prop::option::of(limits()).prop_map(Act::SetBudget),
        1 => Just(Act::GetBudget),
        2 => (0..4_u8, period(), tokens(), prop::bool::weighted(0.3), select(vec![-1, 0, 1_000, 600_000, 3_600_000, 90_000_000]))
            .prop_map(|(id, period, amount, of_money, lasts_ms)| Act::SetOverride { id, period, amount, of_money, lasts_ms }),
        1 => (0..4_u8).prop_map(|id| Act::RemoveOverride { id }),
        1 => prop::option::of(period()).prop_map(Act::ListOverrides),
        1 => (prop::option::of(period()), page())
            .prop_map(|(period, (offset, limit))| Act::ListReservations { period, offset, limit }),
        1 => (period(), page()).prop_map(|(period, (offset, limit))| Act::History { period, offset, limit }),
        1 => prop::option::of(period()).prop_map(Act::ClearThresholds),
        1 => Just(Act::Sweep),
        1 => prop::option::weighted(0.7, select(vec![-1, 0, 1, 1_000, 600_000, 90_000_000]))
            .prop_map(|lasts_ms| Act::Pause { lasts_ms }),
        2 => Just(Act::Resume),
        1 => Just(Act::GetPause),
    ]
}

fn spent() -> impl Strategy<Value = Spent> {
    let occurred_ms = select(vec![0, -1, 60_000, -60_000, -3_600_000, -86_400_000, -2_700_000_000]);
    let model = prop_oneof![4 => 0..4_u8, 1 => 0..80_u8];
    let request = prop::option::weighted(0.4, 0..5_u8);
    (tokens(), prop::option::weighted(0.7, cost()), parts(), model, request, prop::option::weighted(0.3, occurred_ms))
        .prop_map(|(total, cost, parts, model, request, occurred_ms)| Spent {
            total,
            cost,
            parts,
            model,
            request,
            occurred_ms,
        })
}

fn parts() -> impl Strategy<Value = Parts> {
    let part = || prop_oneof![3 => Just(0), 1 => 0..50_u64];
    (part(), part(), part(), part(), part()).prop_map(|(prompt, completion, cache_read, cache_write, reasoning)| {
        Parts { prompt, completion, cache_read, cache_write, reasoning }
    })
}

/// Few distinct numbers, so that request ids meet their own numbers again.
fn tokens() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => select(vec![0, 1, 7, 10, 40, 60]),
        2 => 0..120_u64,
        1 => select(vec![MAX_TOKENS, MAX_TOKENS - 5]),
    ]
}

/// Most cost nothing.
fn cost() -> impl Strategy<Value = u64> {
    prop_oneof![6 => Just(0), 3 => select(vec![1, 7, 40, 60]), 1 => select(vec![MAX_TOKENS, MAX_TOKENS - 5])]
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = || prop_oneof![5 => (50..300_u64).prop_map(Some), 1 => Just(Some(0)), 2 => Just(None), 1 => Just(Some(MAX_TOKENS))];
    let limits = move || (limit(), limit(), limit()).prop_map(|(hour, day, month)| [hour, day, month]);
    let cost = prop_oneof![2 => Just([None; 3]), 1 => limits()];
    (limits(), cost).prop_map(|(tokens, cost)| Limits { tokens, cost })
}

fn ttl_ms() -> impl Strategy<Value = u64> {
    select(vec![1, SECOND_MS, 5 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS])
}

fn period() -> impl Strategy<Value = Period> {
    select(Period::ALL.to_vec())
}

fn periods() -> impl Strategy<Value = Periods> {
    (1..=7_u8).prop_map(|bits| Periods::from_bits(bits).unwrap())
}
