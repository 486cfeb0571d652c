//! Memory and Redis decide the same, bit for bit, whatever is asked of them.

mod conformance;
#[path = "support/limiter_link.rs"]
mod limiter_link;
#[path = "support/link_harness.rs"]
mod link_harness;
mod rate_limit;
#[path = "support/servers.rs"]
mod servers;

use std::sync::Arc;

use limiter_link::LimiterLink;
use link_harness::{Place, Standalone};
use proptest::prelude::*;
use rate_limit::desk::{HOUR_MS, START_MS};
use rate_limit::harness::{Harness, MemoryHarness, on_one_thread};
use rate_limit::plays::{Play, Step, crowd, play};
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::rate_limit::operation::{Operation, Outcome, Request, View};
use token_budget::store::redis::config::Topology;
use token_budget::store::{RateLimitBatch, Ticket};

/// Later than the clock of any server, so that no key ends by itself.
const FUTURE_MS: u64 = START_MS + 28 * 365 * 24 * HOUR_MS;

/// Plays to both stores, and compares every answer and all there is to see after every batch.
async fn agree(play: &Play) {
    let (memory, redis) = (MemoryHarness::open().await, LimiterLink::<Standalone>::open().await);
    compare(play, START_MS, &memory, &redis, |_| {}).await;
}

/// The same with a server whose keys end by the clock of the play.
async fn agree_though_keys_end(play: &Play) {
    let (memory, redis) = (MemoryHarness::open().await, LimiterLink::<Standalone>::open().await);
    let Topology::Standalone(address) = Standalone::topology() else { unreachable!("it is standalone") };
    let client = redis::Client::open(format!("redis://{address}/")).unwrap();
    let mut server = client.get_connection().unwrap();
    compare(play, FUTURE_MS, &memory, &redis, |now_ms| end_keys(&mut server, &redis.prefix, now_ms)).await;
}

/// Deletes what a server would that had this clock.
fn end_keys(server: &mut redis::Connection, prefix: &str, now_ms: u64) {
    let names: Vec<Vec<u8>> = redis::cmd("KEYS").arg(format!("{prefix}:*")).query(server).unwrap();
    for name in names {
        let end_ms: i64 = redis::cmd("PEXPIRETIME").arg(&name).query(server).unwrap();
        if (0..=now_ms as i64).contains(&end_ms) {
            redis::cmd("DEL").arg(&name).exec(server).unwrap();
        }
    }
}

async fn compare(
    play: &Play,
    start_ms: u64,
    memory: &MemoryHarness,
    redis: &LimiterLink<Standalone>,
    mut at_each_batch: impl FnMut(u64),
) {
    let (mut now_ms, mut sequence) = (start_ms, 0);
    let mut views: Vec<View> = Vec::new();
    for step in &play.steps {
        let (client, requests) = match step {
            Step::Forward { by_ms } => {
                now_ms += by_ms;
                continue;
            }
            // A batch that only asks need not tell the store how late it is: the clock goes back from a change.
            Step::Back { .. } => (0, vec![Request { operation: Operation::Poll, deadline_ms: None }]),
            Step::Batch { client, acts } => {
                let request = |(act, deadline): &(rate_limit::plays::Act, Option<i64>)| Request {
                    operation: act.operation(now_ms, &views),
                    deadline_ms: deadline.map(|by_ms| now_ms.saturating_add_signed(by_ms)),
                };
                let mut requests: Vec<_> = acts.iter().map(request).collect();
                requests.push(Request { operation: Operation::View, deadline_ms: None });
                (*client, requests)
            }
        };
        memory.set_now_ms(now_ms);
        redis.set_now_ms(now_ms);
        at_each_batch(now_ms);
        sequence += 1;
        let batch = RateLimitBatch {
            limiter: OrchestratorId::new("limiter").unwrap(),
            policy: Arc::new(play.policies[client % play.policies.len()].clone()),
            requests,
            ticket: Ticket { client: format!("client-{client}").into(), sequence, retry: false },
        };
        let expected = memory.apply(&batch).await;
        let found = redis.apply(&batch).await;
        assert_eq!(found, expected, "redis (left) and memory (right) at {now_ms} asked {batch:#?}");
        views.extend(expected.outcomes.into_iter().filter_map(|outcome| match outcome {
            Ok(Outcome::View(view)) => Some(*view),
            _ => None,
        }));
        if let Step::Back { by_ms } = step {
            now_ms -= by_ms;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn memory_and_redis_agree(play in play()) {
        on_one_thread(agree(&play));
    }

    #[test]
    fn memory_and_redis_agree_about_shares(play in crowd()) {
        on_one_thread(agree(&play));
    }
}

proptest! {
    // Every key is looked at before each batch: a few plays tell.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: ProptestConfig::default().cases / 4,
        ..Default::default()
    })]

    #[test]
    fn they_agree_though_keys_end(play in play()) {
        on_one_thread(agree_though_keys_end(&play));
    }
}
