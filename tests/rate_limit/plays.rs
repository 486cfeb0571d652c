//! Made-up operations and clock movements.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use token_budget::domain::quota::Reading;
use token_budget::domain::rate_limit::amounts::{Amounts, Unit};
use token_budget::domain::rate_limit::operation::{Hit, HitKind, Operation, Priority, Signals, View};
use token_budget::domain::rate_limit::terms::{Concurrency, MINUTE_MS, Policy, Rule, Terms};
use token_budget::domain::tokens::MAX_TOKENS;

use super::desk::{HOUR_MS, SECOND_MS};

/// The rules of each client, and what happens.
#[derive(Debug, Clone)]
pub struct Play {
    pub policies: Vec<Policy>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub enum Step {
    Batch { client: usize, acts: Vec<(Act, Option<i64>)> },
    Forward { by_ms: u64 },
    Back { by_ms: u64 },
}

/// An operation; instants are relative to the clock.
#[derive(Debug, Clone)]
pub enum Act {
    Check {
        amounts: Amounts,
        priority: Priority,
        agent: u8,
    },
    Acquire {
        id: u8,
        amounts: Amounts,
        priority: Priority,
        agent: u8,
        wait: bool,
    },
    Settle {
        id: u8,
        used: Amounts,
        said: Said,
    },
    Observe {
        sent_ago_ms: u64,
        said: Said,
    },
    /// Restores what an earlier view told.
    Restore {
        nth: usize,
    },
    Plain(Operation),
}

#[derive(Debug, Clone)]
pub struct Said {
    pub readings: Vec<(Unit, Option<u64>, u64, u64)>,
    pub hit: Option<Hit>,
    pub is_success: bool,
}

impl Said {
    pub fn signals(&self, now_ms: u64, sent_ago_ms: u64) -> Signals {
        let reading = |&(unit, limit, remaining, resets_in_ms)| {
            (unit, Reading { limit, remaining, resets_at_ms: now_ms + resets_in_ms, sent_at_ms: 0 })
        };
        Signals {
            sent_at_ms: now_ms.saturating_sub(sent_ago_ms),
            readings: self.readings.iter().map(reading).collect(),
            hit: self.hit,
            is_success: self.is_success,
        }
    }
}

impl Act {
    pub fn operation(&self, now_ms: u64, views: &[View]) -> Operation {
        let name = |agent: u8| if agent == 0 { "".into() } else { format!("agent-{agent}").into_boxed_str() };
        match self.clone() {
            Act::Check { amounts, priority, agent } => Operation::Check { amounts, priority, agent: name(agent) },
            Act::Acquire { id, amounts, priority, agent, wait } => {
                Operation::Acquire { id: permit(id), amounts, priority, agent: name(agent), wait }
            }
            Act::Settle { id, used, said } => {
                Operation::Settle { id: permit(id), used, signals: said.signals(now_ms, 0) }
            }
            Act::Observe { sent_ago_ms, said } => Operation::Observe(said.signals(now_ms, sent_ago_ms)),
            Act::Restore { nth } => match views.len() {
                0 => Operation::Poll,
                count => Operation::Restore(Box::new(views[nth % count].clone())),
            },
            Act::Plain(operation) => operation,
        }
    }
}

/// What a client says that it gave, true or not.
fn given() -> impl Strategy<Value = Vec<(Box<str>, u64)>> {
    let share = select(vec![0, 1_000, 100_000, 300_000, 500_000, 1_000_001]);
    vec(((0..5_u8).prop_map(|agent| format!("agent-{agent}").into_boxed_str()), share), 0..4)
}

fn permit(id: u8) -> Box<str> {
    format!("permit-{id}").into()
}

pub fn play() -> impl Strategy<Value = Play> {
    (vec(policy(), 2), any::<bool>(), vec(step(), 1..60)).prop_map(|(mut policies, agree, steps)| {
        if agree {
            policies[1] = policies[0].clone();
        }
        Play { policies, steps }
    })
}

/// Several agents with shares that crowd a few wide limits.
pub fn crowd() -> impl Strategy<Value = Play> {
    let rules = (10..40_u64, 100..600_u64).prop_map(|(requests, tokens)| {
        let rule = |unit, limit| Rule { unit, window_ms: MINUTE_MS, limit, ordinary: limit };
        vec![rule(Unit::Requests, requests), rule(Unit::Tokens, tokens)]
    });
    let policy = rules.prop_map(|rules| Policy {
        configured: Terms { rules, ..Terms::default() },
        permit_ttl_ms: 10 * MINUTE_MS,
        client_lease_ms: 2 * MINUTE_MS,
        line_max: 20,
        ..Policy::default()
    });
    let few = || (0..20_u64, 0..20_u64).prop_map(|(input, output)| Amounts::call(input, output));
    let acquire = (any::<u8>(), few(), priority(), 0..5_u8, prop::bool::weighted(0.8))
        .prop_map(|(id, amounts, priority, agent, wait)| Act::Acquire { id, amounts, priority, agent, wait });
    let shares = select(vec![0, 50_000, 100_000, 200_000, 300_000, 400_000]);
    let said = Said { readings: Vec::new(), hit: None, is_success: true };
    let act = prop_oneof![
        20 => acquire,
        3 => (1..5_u8, shares).prop_map(|(agent, share_ppm)| {
            Act::Plain(Operation::Allocate { agent: format!("agent-{agent}").into(), share_ppm })
        }),
        1 => (1..5_u8, 0..6_u8).prop_map(|(from, to)| {
            let to = if to == 0 { "".into() } else { format!("agent-{to}").into() };
            Act::Plain(Operation::Handoff { from: format!("agent-{from}").into(), to })
        }),
        2 => given().prop_map(|given| Act::Plain(Operation::KeepShares(given))),
        6 => (any::<u8>(), few()).prop_map(move |(id, used)| Act::Settle { id, used, said: said.clone() }),
        2 => any::<u8>().prop_map(|id| Act::Plain(Operation::Cancel { id: permit(id) })),
        3 => Just(Act::Plain(Operation::Poll)),
    ];
    let acts = vec((act, Just(None)), 0..10);
    let batch = (0..3_usize, acts).prop_map(|(client, acts)| Step::Batch { client, acts });
    let step = prop_oneof![4 => batch, 1 => (1..20 * SECOND_MS).prop_map(|by_ms| Step::Forward { by_ms })];
    (policy, vec(step, 1..60)).prop_map(|(policy, steps)| Play { policies: vec![policy], steps })
}

fn step() -> impl Strategy<Value = Step> {
    let deadline = prop_oneof![15 => Just(None), 1 => select(vec![-1, 0, 1]).prop_map(Some)];
    let batch = (0..3_usize, vec((act(), deadline), 0..8)).prop_map(|(client, acts)| Step::Batch { client, acts });
    let back = select(vec![1, 10 * SECOND_MS, 11 * SECOND_MS, 2 * HOUR_MS]).prop_map(|by_ms| Step::Back { by_ms });
    prop_oneof![12 => batch, 5 => forward(), 1 => back]
}

fn forward() -> impl Strategy<Value = Step> {
    let by_ms = prop_oneof![
        4 => 1..3 * SECOND_MS,
        3 => SECOND_MS..MINUTE_MS,
        2 => select(vec![30 * SECOND_MS, MINUTE_MS, MINUTE_MS + SECOND_MS]),
        1 => select(vec![2 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 40 * 24 * HOUR_MS]),
    ];
    by_ms.prop_map(|by_ms| Step::Forward { by_ms })
}

fn act() -> impl Strategy<Value = Act> {
    let id = || 0..30_u8;
    let agent = || 0..4_u8;
    let named =
        || (0..4_u8).prop_map(|agent| if agent == 0 { "".into() } else { format!("agent-{agent}").into_boxed_str() });
    let acquire = (id(), amounts(), priority(), agent(), any::<bool>())
        .prop_map(|(id, amounts, priority, agent, wait)| Act::Acquire { id, amounts, priority, agent, wait });
    let counters = vec(((0..4_u8).prop_map(|name| format!("out:{name}").into_boxed_str()), tokens()), 0..4);
    let shares = select(vec![0, 1_000, 100_000, 200_000, 300_000, 500_000, 1_000_000, 1_000_001]);
    prop_oneof![
        2 => (amounts(), priority(), agent()).prop_map(|(amounts, priority, agent)| Act::Check { amounts, priority, agent }),
        24 => acquire,
        3 => Just(Act::Plain(Operation::Poll)),
        6 => (id(), amounts(), said()).prop_map(|(id, used, said)| Act::Settle { id, used, said }),
        3 => id().prop_map(|id| Act::Plain(Operation::Cancel { id: permit(id) })),
        2 => (select(vec![0, 1, 50, SECOND_MS, MINUTE_MS]), said())
            .prop_map(|(sent_ago_ms, said)| Act::Observe { sent_ago_ms, said }),
        1 => prop::option::of(terms()).prop_map(|terms| Act::Plain(Operation::SetTerms(terms))),
        3 => (named(), shares).prop_map(|(agent, share_ppm)| Act::Plain(Operation::Allocate { agent, share_ppm })),
        1 => (named(), named()).prop_map(|(from, to)| Act::Plain(Operation::Handoff { from, to })),
        2 => given().prop_map(|given| Act::Plain(Operation::KeepShares(given))),
        1 => select(vec![0, 0, 1, SECOND_MS]).prop_map(|for_ms| Act::Plain(Operation::Pause { for_ms })),
        1 => Just(Act::Plain(Operation::View)),
        1 => (0..50_usize).prop_map(|nth| Act::Restore { nth }),
        1 => counters.prop_map(|counters| Act::Plain(Operation::Learn(counters))),
        1 => Just(Act::Plain(Operation::Learned)),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let resets_in_ms = select(vec![0, 1, 500, 5 * SECOND_MS, 20 * SECOND_MS]);
    let reading = (unit(), prop::option::of(tokens()), tokens(), resets_in_ms);
    let told = prop::option::of(select(vec![0, 1, 500, 30 * SECOND_MS, 5 * HOUR_MS]));
    let hit = (any::<bool>(), told, 0..=1_000_u64, select(vec![0, 0, 0, MINUTE_MS])).prop_map(
        |(is_rate, retry_after_ms, jitter, least_ms)| Hit {
            least_ms,
            kind: if is_rate { HitKind::Rate } else { HitKind::Quota },
            retry_after_ms,
            jitter,
        },
    );
    (prop_oneof![6 => Just(Vec::new()), 1 => vec(reading, 1..3)], prop::option::weighted(0.06, hit), any::<bool>())
        .prop_map(|(readings, hit, is_success)| Said { readings, hit, is_success })
}

fn policy() -> impl Strategy<Value = Policy> {
    let cooldowns = (select(vec![0, 1_000, 60_000]), select(vec![5_000, HOUR_MS]));
    let rest = (select(vec![10 * SECOND_MS, 10 * MINUTE_MS]), select(vec![15 * SECOND_MS, 4 * MINUTE_MS]), 1..8_u64);
    (terms(), cooldowns, rest).prop_map(|(configured, (cooldown_ms, cooldown_max_ms), rest)| Policy {
        configured,
        cooldown_ms,
        cooldown_max_ms,
        permit_ttl_ms: rest.0,
        client_lease_ms: rest.1,
        line_max: rest.2,
    })
}

fn terms() -> impl Strategy<Value = Terms> {
    let concurrency = (prop_oneof![8 => 1..9_u64, 1 => Just(0)], 0..3_u64)
        .prop_map(|(limit, held_back)| Concurrency { limit, ordinary: limit.saturating_sub(held_back) });
    let pause_us = prop_oneof![3 => Just(0), 1 => select(vec![1, 1_500, 700_000, 1_320_000])];
    (vec(rule(), 0..4), prop::option::weighted(0.3, concurrency), pause_us)
        .prop_map(|(rules, concurrency, pause_us)| Terms { rules, concurrency, pause_us })
}

fn rule() -> impl Strategy<Value = Rule> {
    let window_ms = select(vec![50, 1_000, 10_001, MINUTE_MS, MINUTE_MS, HOUR_MS]);
    let limit = prop_oneof![8 => 40..400_u64, 2 => 1..60_u64, 1 => select(vec![MAX_TOKENS, MAX_TOKENS - 3])];
    (unit(), window_ms, limit, 0..20_u64).prop_map(|(unit, window_ms, limit, held_back)| {
        let limit = if unit == Unit::Requests { limit % 12 + 1 } else { limit };
        Rule { unit, window_ms, limit, ordinary: limit - limit * held_back / 100 }
    })
}

fn unit() -> impl Strategy<Value = Unit> {
    select(Unit::ALL.to_vec())
}

fn priority() -> impl Strategy<Value = Priority> {
    select(vec![Priority::Critical, Priority::Normal, Priority::Normal, Priority::Low])
}

fn amounts() -> impl Strategy<Value = Amounts> {
    (tokens(), tokens()).prop_map(|(input, output)| Amounts::call(input, output))
}

fn tokens() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..40_u64, 1 => select(vec![MAX_TOKENS, MAX_TOKENS - 5])]
}
