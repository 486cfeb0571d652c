//! Server time per script call, by the server's own count. Not a check: run it by hand,
//! `cargo test --test redis_speed -- --ignored --nocapture`.

#[path = "support/redis_rig.rs"]
mod redis_rig;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use std::sync::Arc;

use redis::Value;
use redis_rig::{Rig, block_on, reserve, settle, usage};
use redis_server::RedisServer;
use token_budget::domain::operation::Operation;
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::Limits;
use token_budget::domain::tokens::MAX_TOKENS;
use token_budget::store::redis::encode::{Timing, batch_call};
use token_budget::store::redis::windows::WindowCache;
use token_budget::store::{Batch, Store};

const PER_PIPELINE: usize = 500;

/// Sends the calls of `batches` in pipelines; returns microseconds per call of the best pipeline,
/// for the machine may have other work.
fn measure(rig: &Rig, connection: &mut redis::Connection, batches: impl Iterator<Item = Batch>) -> f64 {
    let keys = rig.keys();
    let windows = WindowCache::default();
    let policy = Arc::new(rig.policy.clone());
    let calls: Vec<_> = batches
        .map(|batch| {
            let timing = Timing { windows: windows.pairs(&policy, rig.store.now_ms()), clock_ms: 0 };
            batch_call(&keys, "test:budget:events", &batch, timing)
        })
        .collect();
    let mut best = f64::MAX;
    for part in calls.chunks(PER_PIPELINE.min(calls.len().div_ceil(20))) {
        redis::cmd("CONFIG").arg("RESETSTAT").query::<()>(connection).unwrap();
        let mut pipe = redis::pipe();
        for call in part {
            pipe.cmd("EVALSHA").arg(call.script.sha1).arg(call.keys.len()).arg(&call.keys).arg(&call.args);
        }
        let answers: Vec<Value> = pipe.query(connection).unwrap();
        assert!(answers.iter().all(|answer| matches!(answer, Value::BulkString(_))));
        best = best.min(us_per_call(connection));
    }
    best
}

fn us_per_call(connection: &mut redis::Connection) -> f64 {
    let stats: String = redis::cmd("INFO").arg("commandstats").query(connection).unwrap();
    let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap();
    let value = line.split("usec_per_call=").nth(1).unwrap().split(',').next().unwrap();
    value.parse().unwrap()
}

/// The yardstick: a script that does nothing.
fn measure_nothing(connection: &mut redis::Connection) -> f64 {
    let sha1: String = redis::cmd("SCRIPT").arg(&["LOAD", "return 1"]).query(connection).unwrap();
    let mut best = f64::MAX;
    for _ in 0..20 {
        redis::cmd("CONFIG").arg("RESETSTAT").query::<()>(connection).unwrap();
        let mut pipe = redis::pipe();
        for _ in 0..PER_PIPELINE {
            pipe.cmd("EVALSHA").arg(&sha1).arg(0);
        }
        pipe.query::<Vec<i64>>(connection).unwrap();
        best = best.min(us_per_call(connection));
    }
    best
}

#[test]
#[ignore = "a measurement"]
fn server_time_per_call() {
    block_on(async {
        let mut rig = Rig::on_server_clock(RedisServer::start()).await;
        rig.configured = Limits::tokens([Some(MAX_TOKENS), Some(MAX_TOKENS), Some(MAX_TOKENS)]);
        let mut connection = rig.server.connection();
        rig.one(Operation::Track(usage(10))).await.unwrap();
        for round in 0..2 {
            println!("round {round}: a script that does nothing takes {:.2} us", measure_nothing(&mut connection));
            rig.policy.history_limit = 100_000;
            let count = 20_000;
            let report =
                |name: &str, us: f64, ops: usize| println!("{name:32} {us:8.2} us {:8.3} us/op", us / ops as f64);
            let check = || Operation::Check { period: Period::Hourly, tokens: 1 };
            let us = measure(&rig, &mut connection, (0..count).map(|_| rig.batch(vec![check()])));
            report("check", us, 1);
            let us = measure(&rig, &mut connection, (0..count).map(|_| rig.batch(vec![Operation::Track(usage(10))])));
            report("track", us, 1);
            rig.policy.history_limit = 0;
            let us = measure(&rig, &mut connection, (0..count).map(|_| rig.batch(vec![Operation::Track(usage(10))])));
            report("track, no history", us, 1);
            let tracked = |k: usize| {
                let mut usage = usage(10);
                usage.request_id = Some(format!("request-{round}-{k}"));
                Operation::Track(usage)
            };
            let us = measure(&rig, &mut connection, (0..count).map(|k| rig.batch(vec![tracked(k)])));
            report("track, no history, request id", us, 1);
            rig.policy.history_limit = 100_000;
            let ids: Vec<_> = (0..count).map(|_| rig.new_id(Periods::from(Period::Hourly))).collect();
            let reserves = ids.iter().map(|id| rig.batch(vec![reserve(id, 10, 900_000)]));
            let us = measure(&rig, &mut connection, reserves);
            report("reserve (many open)", us, 1);
            let us = measure(&rig, &mut connection, ids.iter().map(|id| rig.batch(vec![settle(id, 10)])));
            report("settle (many open)", us, 1);
            let ids: Vec<_> = (0..count / 2).map(|_| rig.new_id(Periods::from(Period::Hourly))).collect();
            let pairs =
                ids.iter().flat_map(|id| [rig.batch(vec![reserve(id, 10, 900_000)]), rig.batch(vec![settle(id, 10)])]);
            let us = measure(&rig, &mut connection, pairs);
            report("reserve, settle in turn (mean)", us, 1);
            let ids: Vec<_> = (0..count / 2).map(|_| rig.new_id(Periods::ALL)).collect();
            let pairs =
                ids.iter().flat_map(|id| [rig.batch(vec![reserve(id, 10, 900_000)]), rig.batch(vec![settle(id, 10)])]);
            let us = measure(&rig, &mut connection, pairs);
            report("the same in all periods", us, 1);
            for history_limit in [100_000, 0] {
                rig.policy.history_limit = history_limit;
                for size in [10, 100, 500] {
                    let batches =
                        (0..count / size).map(|_| rig.batch((0..size).map(|_| Operation::Track(usage(10))).collect()));
                    let us = measure(&rig, &mut connection, batches);
                    report(&format!("{size} tracks, history {history_limit}"), us, size);
                }
            }
        }
    });
}
