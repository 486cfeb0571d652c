//! Made-up operations and clock movements. Few ids, so that they meet.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use token_budget::domain::timers::operation::*;
use token_budget::domain::tokens::MAX_TOKENS;

pub const SECOND_MS: u64 = 1_000;
pub const HOUR_MS: u64 = 3_600_000;
/// Where the clock of every play stands at first: 2024-05-15T10:15:00Z.
pub const START_MS: u64 = 1_715_768_100_000;

#[derive(Debug, Clone)]
pub enum Step {
    Batch { client: usize, acts: Vec<(Act, Option<i64>)>, is_sent_twice: bool },
    Forward { by_ms: u64 },
    Back { by_ms: u64 },
}

/// An operation; what the store told of timers and deliveries is named by how long ago it was told.
#[derive(Debug, Clone)]
pub enum Act {
    Plain(Operation),
    /// Of a timer that was claimed.
    Fired {
        nth: usize,
        holder: &'static str,
        next_in_ms: Option<u64>,
        delivery: Option<NewDelivery>,
    },
    /// Claims that were got, by whoever says so.
    Release {
        holder: &'static str,
        nth: Vec<usize>,
    },
    Renew {
        holder: &'static str,
        lease_ms: u64,
        nth: Vec<usize>,
    },
    /// Of a delivery.
    Delivered {
        nth: usize,
        holder: &'static str,
    },
    Undelivered {
        nth: usize,
        holder: &'static str,
        retry_in_ms: Option<u64>,
        disable: bool,
    },
    Redeliver {
        nth: usize,
    },
    Discard {
        nth: usize,
    },
}

/// Two clients that remember for other times.
pub fn policies() -> [Policy; 2] {
    [
        Policy { keep_ended_ms: 20 * SECOND_MS, keep_dead_ms: 40 * SECOND_MS },
        Policy { keep_ended_ms: 0, keep_dead_ms: HOUR_MS },
    ]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let acts = vec((act(), weighted(0.05, -2..3_i64)), 1..7);
    let batch = (0..2_usize, acts, any::<bool>()).prop_map(|(client, acts, is_sent_twice)| Step::Batch {
        client,
        acts,
        is_sent_twice,
    });
    let by_ms = prop_oneof![6 => 0..3_u64, 6 => 1..10 * SECOND_MS, 1 => 1..2 * HOUR_MS];
    let forward = by_ms.prop_map(|by_ms| Step::Forward { by_ms });
    let back = prop_oneof![1..3 * SECOND_MS, 1..HOUR_MS].prop_map(|by_ms| Step::Back { by_ms });
    vec(prop_oneof![16 => batch, 6 => forward, 1 => back], 1..60)
}

fn holder() -> impl Strategy<Value = &'static str> {
    select(vec!["h1", "h1", "h2"])
}

fn id() -> impl Strategy<Value = TimerId> {
    select(vec!["a", "1", "2", "a:b", "ü", "a\0", "b", "T1"]).prop_map(Into::into)
}

fn name() -> impl Strategy<Value = Box<str>> {
    select(vec!["n", "GitHub API Reset", "n\0", "1:n", "1"]).prop_map(Into::into)
}

fn owner() -> impl Strategy<Value = Box<str>> {
    select(vec!["", "ada", "ad", "3:ada"]).prop_map(Into::into)
}

fn instant() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(0), 12 => 0..20 * SECOND_MS, 1 => select(vec![MAX_TOKENS, MAX_TOKENS - 1, u64::MAX])]
}

fn due() -> impl Strategy<Value = Due> {
    let near = (-5..20_i64).prop_map(|seconds| Due::At(START_MS.saturating_add_signed(seconds * 1_000)));
    prop_oneof![6 => instant().prop_map(Due::In), 2 => near, 1 => instant().prop_map(Due::At)]
}

fn document() -> impl Strategy<Value = Box<str>> {
    select(vec![
        "{}",
        r#"{"webhook":"https://example.com"}"#,
        "",
        r#"{"data":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
    ])
    .prop_map(Into::into)
}

fn create() -> impl Strategy<Value = Act> {
    let texts = (name(), owner(), document(), select(vec!["", r#"{"every":1000}"#]));
    (id(), texts, due(), 0..3_u64, 0..4_u64).prop_map(
        |(id, (name, owner, document_json, recurrence), due, nonce, print)| {
            Act::Plain(Operation::Create(NewTimer {
                id,
                name,
                owner,
                due,
                document_json,
                recurrence_json: recurrence.into(),
                nonce: format!("{nonce}").into(),
                fingerprint: format!("f{}", print / 3).into(),
            }))
        },
    )
}

fn update() -> impl Strategy<Value = Act> {
    let texts = (weighted(0.3, name()), weighted(0.3, owner()), weighted(0.3, document()));
    (id(), texts, weighted(0.5, due())).prop_map(|(id, (name, owner, document_json), due)| {
        let change = Change { name, owner, due, document_json, recurrence_json: None };
        Act::Plain(Operation::Update { id, change })
    })
}

fn list() -> impl Strategy<Value = Act> {
    let status = weighted(0.5, select(vec![Status::Scheduled, Status::Fired, Status::Cancelled]));
    let after = prop_oneof![3 => Just(TimerId::default()), 1 => id()];
    (status, weighted(0.3, name()), weighted(0.3, owner()), after, 0..6_u64).prop_map(
        |(status, name, owner, after, limit)| Act::Plain(Operation::List { status, name, owner, after, limit }),
    )
}

fn claim() -> impl Strategy<Value = Act> {
    let lease = prop_oneof![1..8 * SECOND_MS, 1..3_u64, Just(HOUR_MS)];
    let count = || prop_oneof![Just(0), 1..4_u64, Just(1_000)];
    (holder(), lease, count(), count()).prop_map(|(holder, lease_ms, timers, deliveries)| {
        Act::Plain(Operation::Claim { holder: holder.into(), lease_ms, timers, deliveries })
    })
}

fn endpoint() -> impl Strategy<Value = Box<str>> {
    select(vec!["https://a.example", "https://b.example", "1"]).prop_map(Into::into)
}

fn delivery() -> impl Strategy<Value = NewDelivery> {
    (endpoint(), document(), select(vec![0, 1, 5 * SECOND_MS]))
        .prop_map(|(endpoint, document_json, lease_ms)| NewDelivery { endpoint, document_json, lease_ms })
}

fn fired() -> impl Strategy<Value = Act> {
    (0..5_usize, holder(), weighted(0.3, 0..9 * SECOND_MS), weighted(0.6, delivery()))
        .prop_map(|(nth, holder, next_in_ms, delivery)| Act::Fired { nth, holder, next_in_ms, delivery })
}

fn of_delivery() -> impl Strategy<Value = Act> {
    let retry = weighted(0.6, 0..9 * SECOND_MS);
    prop_oneof![
        3 => (0..4_usize, holder()).prop_map(|(nth, holder)| Act::Delivered { nth, holder }),
        5 => (0..4_usize, holder(), retry, prop_oneof![4 => Just(false), 1 => Just(true)])
            .prop_map(|(nth, holder, retry_in_ms, disable)| Act::Undelivered { nth, holder, retry_in_ms, disable }),
        2 => (0..4_usize).prop_map(|nth| Act::Redeliver { nth }),
        1 => (0..4_usize).prop_map(|nth| Act::Discard { nth }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let after = || prop_oneof![4 => Just(String::new()), 1 => Just("1.0".to_owned())];
    let plain = prop_oneof![
        2 => id().prop_map(|id| Operation::Get { id }),
        3 => id().prop_map(|id| Operation::Cancel { id }),
        2 => (any::<bool>(), after(), 0..4_u64)
            .prop_map(|(dead, after, limit)| Operation::Deliveries { dead, after: after.into(), limit }),
        2 => (endpoint(), any::<bool>()).prop_map(|(endpoint, enabled)| Operation::Endpoint { endpoint, enabled }),
        1 => Just(Operation::Endpoints),
        1 => Just(Operation::Broadcast { message: "{}".into() }),
    ];
    let nths = || vec(0..5_usize, 0..4);
    prop_oneof![
        10 => create(),
        3 => update(),
        3 => list(),
        10 => claim(),
        10 => fired(),
        2 => (holder(), nths()).prop_map(|(holder, nth)| Act::Release { holder, nth }),
        2 => (holder(), 1..9 * SECOND_MS, nths())
            .prop_map(|(holder, lease_ms, nth)| Act::Renew { holder, lease_ms, nth }),
        5 => of_delivery(),
        9 => plain.prop_map(Act::Plain),
    ]
}
