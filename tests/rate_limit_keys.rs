//! What limiters leave on the server: the names, types and lives of keys, and what becomes of odd and lost ones.

mod rate_limit;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rate_limit::desk::*;
use rate_limit::harness::{Harness, on_one_thread};
use redis::{Connection, Value};
use redis_server::RedisServer;
use redis_transport::TestTransport;
use token_budget::domain::error::StoreError;
use token_budget::domain::rate_limit::amounts::Unit;
use token_budget::domain::rate_limit::operation::{Hit, HitKind, Operation, Outcome, Receipt, Signals};
use token_budget::domain::rate_limit::terms::MINUTE_MS;
use token_budget::store::RateLimitBatch;
use token_budget::store::redis::keys::Keys;
use token_budget::store::redis::rate_limit::RateLimitStore;
use token_budget::store::redis::rate_limit::decode;

const BASE: &str = "test:rate:openai%3A%7Borg%7D";

/// Limiters on a server of their own, by its clock.
struct Rig {
    server: RedisServer,
    store: RateLimitStore<TestTransport>,
}

impl Rig {
    async fn try_apply(&self, batch: &RateLimitBatch) -> Result<Receipt, StoreError> {
        self.store.apply_until(batch, Instant::now() + Duration::from_secs(10)).await
    }
}

impl Harness for Rig {
    async fn open() -> Self {
        let server = RedisServer::start();
        let transport = TestTransport::open(&server.client()).await;
        Self { server, store: RateLimitStore::new(transport, Keys::new("test", false)) }
    }

    async fn apply(&self, batch: &RateLimitBatch) -> Receipt {
        self.try_apply(batch).await.expect("the store answers")
    }

    fn set_now_ms(&self, _now_ms: u64) {}

    fn remembers_replies(&self) -> bool {
        true
    }
}

async fn desk() -> Desk<Rig> {
    Desk::new(Rig::open().await).rules(&[per_minute(Unit::Requests, 100)])
}

fn allocate() -> Operation {
    Operation::Allocate { agent: "x".into(), share_ppm: 400_000 }
}

fn learn() -> Operation {
    Operation::Learn(vec![("out:a:1".into(), 3)])
}

/// One that leaves a key of every kind.
fn all_kinds() -> Vec<Operation> {
    vec![allocate(), learn(), call("a", 1, 1).operation(), call("b", 1, 1).waits().operation()]
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
        let desk = desk().await.concurrency(1);
        let now_ms = desk.by("a", all_kinds()).await.now_ms;
        let mut found = keys_of(&mut desk.harness.server.connection());
        let (kind, calls_end_ms) = found.remove(&format!("{BASE}:calls:a")).unwrap();
        assert_eq!(kind, "string");
        assert!((0..5_000).contains(&(calls_end_ms - (now_ms + HOUR_MS) as i64)));
        let learned_end_ms = (now_ms + 30 * 24 * HOUR_MS) as i64;
        let kinds = [
            ("agents", "string"),
            ("ends", "zset"),
            ("learned", "hash"),
            ("line", "zset"),
            ("permits", "hash"),
            ("state", "string"),
        ];
        // The counters live longest, and the state as long as they do.
        let expected = kinds.map(|(name, kind)| (format!("{BASE}:{name}"), (kind.to_owned(), learned_end_ms)));
        assert_eq!(found, BTreeMap::from(expected));
    });
}

#[test]
fn a_key_lives_as_long_as_it_matters() {
    on_one_thread(async {
        let desk = desk().await;
        let now_ms = desk.by("a", vec![call("a", 1, 1).operation()]).await.now_ms;
        let mut connection = desk.harness.server.connection();
        let ends_ms = (now_ms + 10 * MINUTE_MS + HOUR_MS) as i64;
        for (name, (_, end_ms)) in keys_of(&mut connection) {
            assert!(end_ms == ends_ms || name.contains(":calls:"), "{name}: {end_ms}");
        }
        desk.one(Operation::SetTerms(Some(terms(&[])))).await;
        assert_eq!(keys_of(&mut connection)[&format!("{BASE}:state")].1, -1);
        desk.one(Operation::SetTerms(None)).await;
        assert!(keys_of(&mut connection)[&format!("{BASE}:state")].1 >= ends_ms);
    });
}

#[test]
fn nothing_is_left_of_what_ended() {
    on_one_thread(async {
        let desk = desk().await.rules(&[]);
        for index in 0..300 {
            let id = format!("p{index}");
            let end = if index % 2 == 0 { settle(&id, 1, 1) } else { Operation::Cancel { id: id.as_str().into() } };
            desk.by("a", vec![call(&id, 1, 1).waits().operation(), end]).await;
        }
        desk.by("a", vec![allocate(), Operation::Allocate { agent: "x".into(), share_ppm: 0 }]).await;
        let names: Vec<_> = keys_of(&mut desk.harness.server.connection()).into_keys().collect();
        assert_eq!(names, [format!("{BASE}:calls:a"), format!("{BASE}:state")]);
    });
}

#[test]
fn a_state_of_an_earlier_version_is_understood() {
    on_one_thread(async {
        for kept in [28, 30, 32] {
            let desk = desk().await.concurrency(2);
            desk.by("a", all_kinds()).await;
            let shorten = "local S = cmsgpack.unpack(redis.call('GET', KEYS[1])) \
                 for k = #S, ARGV[1] + 1, -1 do S[k] = nil end \
                 redis.call('SET', KEYS[1], cmsgpack.pack(S))";
            let (key, mut connection) = (format!("{BASE}:state"), desk.harness.server.connection());
            redis::cmd("EVAL").arg(shorten).arg(1).arg(key).arg(kept).exec(&mut connection).unwrap();
            let hit = Hit { kind: HitKind::Rate, retry_after_ms: None, jitter: 0, least_ms: 0 };
            let observe = |hit| Operation::Observe(Signals { hit, is_success: true, ..Signals::default() });
            let operations = vec![Operation::View, settle("a", 1, 1), call("c", 1, 1).operation(), observe(Some(hit))];
            let receipt = desk.by("a", operations).await;
            let Ok(Outcome::View(view)) = &receipt.outcomes[0] else { panic!("{receipt:?}") };
            assert_eq!((view.under_way.requests, view.paused_by), (2, None));
            assert!(matches!(receipt.outcomes[1], Ok(Outcome::Settled { known: true, .. })), "{receipt:?}");
            assert!(matches!(receipt.outcomes[2], Ok(Outcome::Granted { .. })), "{receipt:?}");
            assert_eq!(desk.view().await.paused_by, Some(HitKind::Rate));
        }
    });
}

#[test]
fn asking_leaves_nothing() {
    on_one_thread(async {
        let desk = desk().await;
        desk.by("a", vec![call("", 1, 1).check(), Operation::View, Operation::Learned]).await;
        assert!(keys_of(&mut desk.harness.server.connection()).is_empty());
    });
}

#[test]
fn a_key_of_another_type_is_refused_and_nothing_changes() {
    on_one_thread(async {
        let desk = desk().await;
        let mut connection = desk.harness.server.connection();
        let plain = || vec![call("a", 1, 1).operation()];
        for (is_new, operations) in [(true, plain()), (true, all_kinds()), (false, all_kinds())] {
            for name in ["state", "permits", "ends", "line", "agents", "learned"] {
                redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
                if !is_new {
                    desk.by("a", all_kinds()).await;
                }
                let key = format!("{BASE}:{name}");
                redis::pipe().del(&key).rpush(&key, "odd").exec(&mut connection).unwrap();
                let before = digest(&mut connection);
                let answer = desk.harness.try_apply(&desk.batch("a", operations.clone())).await;
                assert!(
                    matches!(&answer, Err(StoreError::Refused { message }) if message.contains("WRONGTYPE")),
                    "{name}: {answer:?}"
                );
                assert_eq!(digest(&mut connection), before, "{name}");
            }
        }
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        redis::cmd("SET").arg(format!("{BASE}:state")).arg("odd").exec(&mut connection).unwrap();
        let answer = desk.harness.try_apply(&desk.batch("a", all_kinds())).await;
        assert!(matches!(&answer, Err(StoreError::Refused { message }) if message.contains("damaged")), "{answer:?}");
    });
}

#[test]
fn a_lost_key_holds_nothing_for_ever() {
    on_one_thread(async {
        for name in ["state", "permits", "ends", "line", "agents"] {
            let desk = desk().await.concurrency(2);
            let operations = vec![
                allocate(),
                call("a", 1, 1).operation(),
                call("b", 1, 1).agent("x").operation(),
                call("c", 1, 1).waits().operation(),
                call("d", 1, 1).agent("x").waits().operation(),
            ];
            let receipt = desk.by("a", operations).await;
            assert_eq!(receipt.places, 2);
            redis::cmd("DEL").arg(format!("{BASE}:{name}")).exec(&mut desk.harness.server.connection()).unwrap();
            let receipt = desk.by("a", vec![settle("a", 1, 1), settle("b", 1, 1)]).await;
            let granted = receipt.granted.len() as u64;
            let view = desk.view().await;
            assert_eq!((view.under_way.requests, view.waiting, receipt.places), (granted, 0, 0), "{name}");
            let is_granted = granted == if matches!(name, "ends" | "agents") { 2 } else { 0 };
            assert!(is_granted, "{name}: {granted}");
            for id in ["c", "d"] {
                desk.by("a", vec![Operation::Cancel { id: id.into() }]).await;
            }
            for id in ["e", "f"] {
                desk.granted(call(id, 1, 1)).await;
            }
            let names = keys_of(&mut desk.harness.server.connection());
            assert!(!names.contains_key(&format!("{BASE}:line")), "{name}");
        }
    });
}

#[test]
fn a_client_hears_on_the_channel_that_it_is_its_turn() {
    on_one_thread(async {
        let desk = desk().await.concurrency(1);
        let mut listening = desk.harness.server.connection();
        let mut channel = listening.as_pubsub();
        channel.subscribe("test:rate:turns").unwrap();
        channel.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        desk.granted(call("a", 1, 1)).await;
        desk.by("b", vec![call("b", 1, 1).waits().operation()]).await;
        desk.one(settle("a", 1, 1)).await;
        let payload: String = channel.get_message().unwrap().get_payload().unwrap();
        assert_eq!(payload, "b openai%3A%7Borg%7D");
    });
}

#[test]
fn the_servers_clock_is_known_from_answers() {
    on_one_thread(async {
        let desk = desk().await;
        let receipt = desk.by("a", vec![Operation::Poll]).await;
        let estimate_ms = desk.harness.store.now_ms();
        assert!(estimate_ms.abs_diff(receipt.now_ms) < 5_000, "{estimate_ms}");
    });
}

#[test]
fn many_calls_of_one_batch_end_together() {
    on_one_thread(async {
        let desk = desk().await.rules(&[]);
        let ids: Vec<_> = (0..3_000).map(|index| format!("p{index}")).collect();
        let receipt = desk.by("a", ids.iter().map(|id| call(id, 1, 1).operation()).collect()).await;
        assert!(receipt.outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Granted(_)))));
        assert_eq!(desk.view().await.under_way.requests, 3_000);
        let receipt = desk.by("a", ids.iter().map(|id| settle(id, 1, 1)).collect()).await;
        assert!(receipt.outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Settled { known: true, .. }))));
        assert_eq!(desk.view().await.under_way.requests, 0);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn odd_replies_are_errors(mut bytes in prop::collection::vec(any::<u8>(), 0..200), is_array in any::<bool>()) {
        if is_array {
            bytes.insert(0, 0x9f);
        }
        let mut operations = all_kinds();
        operations.extend([Operation::View, Operation::Learned, settle("a", 1, 1), call("", 1, 1).check()]);
        let batch = on_one_thread(async {
            let desk = Desk::new(rate_limit::harness::MemoryHarness::default());
            desk.batch("a", operations)
        });
        let _ = decode::batch_reply(&batch, Value::BulkString(bytes));
        prop_assert!(decode::batch_reply(&batch, Value::Nil).is_err());
    }
}
