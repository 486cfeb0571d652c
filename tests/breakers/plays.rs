//! Made-up operations and clock movements, and the store in memory as the twin that every other answers like.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use token_budget::domain::breakers::operation::*;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::tokens::MAX_TOKENS;
use token_budget::store::memory::breakers::MemoryBreakers;
use token_budget::store::{BreakerBatch, Ticket};

use super::desk::*;
use super::harness::Harness;

#[derive(Debug, Clone)]
pub enum Step {
    /// Operations, each with its deadline from now.
    Batch {
        client: usize,
        policy: usize,
        acts: Vec<(Operation, Option<i64>)>,
    },
    Forward {
        by_ms: u64,
    },
    /// To the instant that matters next, or just before or behind it.
    Await {
        by_ms: i64,
    },
    Back {
        by_ms: u64,
    },
}

/// Clients that disagree about everything.
pub fn policies() -> [Policy; 4] {
    let first = Policy {
        mode: Mode::Consecutive { threshold: 3 },
        reset_after_ms: MINUTE_MS,
        reset_after_max_ms: 10 * MINUTE_MS,
        growth_permille: 1_777,
        successes_to_close: 2,
        probe_ttl_ms: 7_001,
    };
    let sampling = Mode::Sampling { threshold_ppm: 333_333, minimum: 4, window_ms: 10_003 };
    let second = Policy { mode: sampling, reset_after_ms: 333, growth_permille: 3_000, ..first };
    let brief = Mode::Sampling { threshold_ppm: 1_000_000, minimum: 1, window_ms: 7 };
    let third = Policy { mode: brief, successes_to_close: 0, reset_after_max_ms: DAY_MS, ..first };
    let fourth = Policy { mode: Mode::Consecutive { threshold: 0 }, probe_ttl_ms: 0, growth_permille: 0, ..first };
    [first, second, third, fourth]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let policy = || prop_oneof![6 => Just(0_usize), 6 => Just(1), 1 => Just(2), 1 => Just(3)];
    let acts = || vec((act(), weighted(0.05, -2..3_i64)), 1..4);
    let batch = (0..2_usize, policy(), acts()).prop_map(|(client, policy, acts)| Step::Batch { client, policy, acts });
    let forward = prop_oneof![
        6 => 0..3_u64,
        4 => 1..MINUTE_MS,
        2 => 1..2 * HOUR_MS,
        1 => DAY_MS..WEEK_MS + HOUR_MS,
    ];
    let forward = forward.prop_map(|by_ms| Step::Forward { by_ms });
    let wait = (-1..2_i64).prop_map(|by_ms| Step::Await { by_ms });
    let back = prop_oneof![1..HOUR_MS, 1..3_u64, 998..1_003_u64].prop_map(|by_ms| Step::Back { by_ms });
    vec(prop_oneof![14 => batch, 4 => forward, 3 => wait, 1 => back], 1..60)
}

fn act() -> impl Strategy<Value = Operation> {
    let count = || prop_oneof![8 => 0..4_u64, 1 => select(vec![MAX_TOKENS, 199_999_999, 5_000_000_000])];
    let reset = || weighted(0.3, prop_oneof![3 => 0..2 * MINUTE_MS, 1 => Just(DAY_MS), 1 => Just(u64::MAX)]);
    let holder = || select(vec!["a", "b", "c", ""]).prop_map(Holder::from);
    let succeeded = select(vec![Some(true), Some(true), Some(false), None]);
    prop_oneof![
        12 => (count(), count(), reset())
            .prop_map(|(successes, failures, reset_in_ms)| Operation::Record { successes, failures, reset_in_ms }),
        6 => holder().prop_map(|holder| Operation::Probe { holder }),
        6 => (holder(), succeeded, reset())
            .prop_map(|(holder, succeeded, reset_in_ms)| Operation::Probed { holder, succeeded, reset_in_ms }),
        1 => (state(), reset()).prop_map(|(state, for_ms)| Operation::Force { state, for_ms }),
        1 => view().prop_map(|view| Operation::Restore { view }),
        2 => Just(Operation::View),
    ]
}

fn state() -> impl Strategy<Value = State> {
    select(vec![State::Closed, State::Open, State::HalfOpen])
}

fn view() -> impl Strategy<Value = View> {
    let instant = || select(vec![0, 1, START_MS, START_MS + MINUTE_MS, MAX_TOKENS - 1, MAX_TOKENS, u64::MAX]);
    let instants = (instant(), instant());
    (state(), 0..5_u64, 0..5_u64, instants, select(vec![0, 1, 7, u64::MAX])).prop_map(
        |(state, failures, successes, (opened_at_ms, open_until_ms), openings)| View {
            state,
            failures,
            successes,
            opened_at_ms,
            open_until_ms,
            openings,
            probe_until_ms: 1,
            version: MAX_TOKENS,
        },
    )
}

pub struct Stage<H> {
    pub harness: H,
    twin: MemoryBreakers,
    pub now_ms: u64,
    sequences: [u64; 2],
}

impl<H: Harness> Stage<H> {
    pub async fn open() -> Self {
        let stage =
            Self { harness: H::open().await, twin: MemoryBreakers::default(), now_ms: H::START_MS, sequences: [0; 2] };
        stage.harness.set_now_ms(stage.now_ms);
        stage
    }

    pub fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.harness.set_now_ms(now_ms);
    }

    /// Sends a batch to both, and compares.
    pub async fn compare(&mut self, client: usize, policy: usize, requests: Vec<Request>) -> View {
        self.sequences[client] += 1;
        let batch = BreakerBatch {
            breaker: OrchestratorId::new("breaker 1").unwrap(),
            policy: policies()[policy],
            requests,
            ticket: Ticket { client: format!("c{client}").into(), sequence: self.sequences[client], retry: false },
        };
        let expected = self.twin.apply_at(&batch, self.now_ms);
        assert_eq!(self.harness.apply(&batch).await, expected, "{batch:#?}");
        expected.outcomes.iter().flatten().last().map(|outcome| outcome.view).unwrap_or_default()
    }
}

/// The store answers every batch as the store in memory does.
pub async fn agree<H: Harness>(steps: &[Step]) {
    let mut stage = Stage::<H>::open().await;
    let view = || vec![request(Operation::View)];
    for step in steps {
        match step {
            Step::Forward { by_ms } => stage.set_now(stage.now_ms + by_ms),
            Step::Back { by_ms } => stage.set_now(stage.now_ms - by_ms),
            Step::Await { by_ms } => {
                let view = stage.compare(0, 0, view()).await;
                let instants = [view.open_until_ms, view.probe_until_ms];
                let near =
                    instants.into_iter().filter(|at_ms| (1..=DAY_MS).contains(&at_ms.saturating_sub(stage.now_ms)));
                if let Some(at_ms) = near.min() {
                    stage.set_now(at_ms.saturating_add_signed(*by_ms));
                }
            }
            Step::Batch { client, policy, acts } => {
                let requests = acts.iter().map(|(operation, deadline)| Request {
                    operation: operation.clone(),
                    deadline_ms: deadline.map(|from_now_ms| stage.now_ms.saturating_add_signed(from_now_ms)),
                });
                let requests = requests.collect();
                stage.compare(*client, *policy, requests).await;
            }
        }
    }
    for policy in 0..policies().len() {
        stage.compare(0, policy, view()).await;
    }
}
