//! What of circuit breakers stands on the server: the names, types and lives of keys, what is published, and what
//! becomes of odd ones.

mod breakers;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use breakers::desk::{HOUR_MS, MINUTE_MS, WEEK_MS, fail, force, probe, probed, record, request};
use breakers::harness::on_one_thread;
use proptest::prelude::*;
use redis::{Connection, Value};
use redis_server::RedisServer;
use redis_transport::TestTransport;
use token_budget::domain::breakers::operation::*;
use token_budget::domain::error::StoreError;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::store::redis::breakers::{BreakerStore, decode};
use token_budget::store::redis::keys::Keys;
use token_budget::store::{BreakerBatch, Ticket};

const STATE: &str = "test:breakers:api%3Aa:state";
const CALLS: &str = "test:breakers:api%3Aa:calls:c1";

/// A server, and a store that goes by its clock.
struct Rig {
    server: RedisServer,
    store: BreakerStore<TestTransport>,
    sequence: Cell<u64>,
}

impl Rig {
    async fn new() -> Self {
        let server = RedisServer::start();
        let transport = TestTransport::open(&server.client()).await;
        Self { server, store: BreakerStore::new(transport, Keys::new("test", false)), sequence: Cell::new(0) }
    }

    async fn apply(&self, operations: Vec<Operation>) -> Result<Receipt, StoreError> {
        self.sequence.set(self.sequence.get() + 1);
        self.store.apply_until(&batch(operations, self.sequence.get()), Instant::now() + Duration::from_secs(10)).await
    }

    async fn one(&self, operation: Operation) -> View {
        self.apply(vec![operation]).await.unwrap().outcomes.remove(0).unwrap().view
    }
}

fn batch(operations: Vec<Operation>, sequence: u64) -> BreakerBatch {
    BreakerBatch {
        breaker: OrchestratorId::new("api:a").unwrap(),
        policy: Policy::default(),
        requests: operations.into_iter().map(request).collect(),
        ticket: Ticket { client: "c1".into(), sequence, retry: false },
    }
}

/// Every key with its type and its end (ms, -1 = none).
fn keys_of(connection: &mut Connection) -> BTreeMap<String, (String, i64)> {
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query(connection).unwrap();
    let entry = |name: String| {
        let kind: String = redis::cmd("TYPE").arg(&name).query(connection).unwrap();
        let end_ms: i64 = redis::cmd("PEXPIRETIME").arg(&name).query(connection).unwrap();
        (name, (kind, end_ms))
    };
    names.into_iter().map(entry).collect()
}

fn digest(connection: &mut Connection) -> String {
    redis::cmd("DEBUG").arg("DIGEST").query(connection).unwrap()
}

#[test]
fn keys_have_the_documented_names_types_and_lives() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        let idle = vec![Operation::View, record(100, 0), probe("a"), probed("a", Some(true))];
        rig.apply(idle).await.unwrap();
        assert!(keys_of(&mut connection).is_empty(), "what succeeds leaves nothing");

        let receipt = rig.apply(vec![fail(4)]).await.unwrap();
        let mut found = keys_of(&mut connection);
        let (kind, calls_end_ms) = found.remove(CALLS).unwrap();
        assert_eq!(kind, "string");
        assert!((0..5_000).contains(&(calls_end_ms - (receipt.now_ms + HOUR_MS) as i64)));
        let state = |end_ms: u64| BTreeMap::from([(STATE.to_owned(), ("string".to_owned(), end_ms as i64))]);
        assert_eq!(found, state(receipt.now_ms + WEEK_MS));

        for (operation, life_ms) in [
            (fail(1), Some(5 * MINUTE_MS + WEEK_MS)),
            (force(State::Open, None), None),
            (force(State::HalfOpen, None), Some(WEEK_MS)),
            (force(State::Closed, None), Some(HOUR_MS)),
        ] {
            let receipt = rig.apply(vec![operation]).await.unwrap();
            let mut found = keys_of(&mut connection);
            found.remove(CALLS);
            assert_eq!(found, state(life_ms.map_or(u64::MAX, |life_ms| receipt.now_ms + life_ms)));
        }
        assert!(rig.store.now_ms().abs_diff(receipt.now_ms) < 60_000, "the clock of the server is learned");
    });
}

#[test]
fn what_changes_nothing_writes_nothing() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        rig.one(fail(5)).await;
        let before = digest(&mut connection);
        for operation in [fail(3), record(1, 0), probe("a"), probed("a", Some(true)), Operation::View] {
            rig.one(operation).await;
            assert_eq!(digest(&mut connection), before);
        }
    });
}

#[test]
fn a_key_of_the_wrong_kind_is_refused_and_nothing_is_written() {
    on_one_thread(async {
        // A hash, text, another version, an array that is too short.
        for odd in [None, Some(&b"odd"[..]), Some(&b"\x91\x02"[..]), Some(&b"\x92\x01\x02"[..])] {
            let rig = Rig::new().await;
            let mut connection = rig.server.connection();
            match odd {
                None => redis::cmd("HSET").arg(STATE).arg("a").arg("b").exec(&mut connection).unwrap(),
                Some(bytes) => redis::cmd("SET").arg(STATE).arg(bytes).exec(&mut connection).unwrap(),
            }
            let before = digest(&mut connection);
            let answer = rig.apply(vec![fail(1), force(State::Closed, None)]).await;
            let Err(StoreError::Refused { message }) = answer else { panic!("{odd:?}: {answer:?}") };
            assert!(message.contains(if odd.is_some() { "is damaged" } else { "WRONGTYPE" }), "{message}");
            assert_eq!(digest(&mut connection), before);
        }
    });
}

#[test]
fn what_others_need_to_hear_is_published() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut listener = rig.server.connection();
        let mut listener = listener.as_pubsub();
        listener.subscribe("test:breakers:events").unwrap();
        listener.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut heard = || {
            let payload: String = listener.get_message().unwrap().get_payload().unwrap();
            let (name, json) = payload.split_once(' ').unwrap();
            assert_eq!(name, "api%3Aa");
            serde_json::from_str::<View>(json).unwrap()
        };
        for operation in [
            fail(1),
            record(1, 0),
            fail(5),
            force(State::HalfOpen, None),
            probe("a"),
            probed("a", None),
            probe("a"),
            probed("a", Some(true)),
            force(State::Open, None),
            force(State::Closed, None),
        ] {
            let view = rig.one(operation).await;
            // Nothing but news in between.
            for _ in 0..3 {
                rig.apply(vec![Operation::View, record(1, 0), fail(0)]).await.unwrap();
            }
            assert_eq!(heard(), view);
        }
        let big = rig.one(Operation::Force { state: State::Open, for_ms: Some(u64::MAX) }).await;
        assert_eq!(heard(), big);
    });
}

#[test]
fn failures_are_learned_when_memory_is_full() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").exec(&mut connection).unwrap();
        let refused = redis::cmd("SET").arg("other").arg("x").exec(&mut connection);
        assert!(refused.is_err_and(|error| error.to_string().contains("OOM")));
        assert_eq!(rig.one(fail(5)).await.state, State::Open);
        assert_eq!(rig.one(Operation::View).await.state, State::Open);
    });
}

#[test]
fn the_state_of_a_busy_breaker_stays_small() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        let mut sample = batch(vec![record(1_000_000, 1_000)], 0);
        for number in 0..2_000 {
            sample.policy.mode =
                Mode::Sampling { threshold_ppm: 500_000, minimum: 100, window_ms: [20, 9, 1_000][number % 3] };
            sample.ticket.sequence += 1;
            rig.store.apply_until(&sample, Instant::now() + Duration::from_secs(10)).await.unwrap();
        }
        let bytes: usize = redis::cmd("STRLEN").arg(STATE).query(&mut connection).unwrap();
        assert!(bytes < 500, "{bytes}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn odd_replies_are_errors_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0..15_u8) {
        // Whole replies of operations, cut short or with something odd behind them.
        let operations = vec![fail(1), Operation::View];
        let mut reply = vec![0x9f, 1, 2, 0, 0, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 1][..usize::from(cut)].to_vec();
        reply.extend(&bytes);
        let answer = decode::batch_reply(&batch(operations, 1), Value::BulkString(reply));
        let is_understood = matches!(answer, Ok(_) | Err(StoreError::Refused { .. }));
        prop_assert!(is_understood);
    }
}

#[test]
fn a_reply_of_another_form_is_an_error() {
    for odd in [Value::Nil, Value::Int(1), Value::Array(vec![]), Value::BulkString(b"\x93\x01\x02\x00".to_vec())] {
        assert!(decode::batch_reply(&batch(vec![fail(1)], 1), odd).is_err());
    }
}
