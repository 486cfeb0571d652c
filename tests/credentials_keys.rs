//! What of credentials stands on the server: the names, types and lives of keys, and what becomes of odd ones.

mod credentials;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use credentials::desk::{HOUR_MS, MINUTE_MS, WEEK_MS, answered, pick, report, token};
use credentials::harness::on_one_thread;
use proptest::prelude::*;
use redis::{Connection, Value};
use redis_server::RedisServer;
use redis_transport::TestTransport;
use token_budget::domain::credentials::decide::KEPT_MAX;
use token_budget::domain::credentials::operation::*;
use token_budget::domain::error::StoreError;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::store::redis::credentials::{CredentialStore, decode};
use token_budget::store::redis::keys::Keys;
use token_budget::store::{CredentialBatch, Ticket};

/// A server, and a store that goes by its clock.
struct Rig {
    server: RedisServer,
    store: CredentialStore<TestTransport>,
    sequence: Cell<u64>,
}

impl Rig {
    async fn new() -> Self {
        let server = RedisServer::start();
        let transport = TestTransport::open(&server.client()).await;
        Self { server, store: CredentialStore::new(transport, Keys::new("test", false)), sequence: Cell::new(0) }
    }

    async fn apply(&self, operations: Vec<Operation>) -> Result<Receipt, StoreError> {
        self.sequence.set(self.sequence.get() + 1);
        self.store.apply_until(&batch(operations, self.sequence.get()), Instant::now() + Duration::from_secs(10)).await
    }
}

fn batch(operations: Vec<Operation>, sequence: u64) -> CredentialBatch {
    let policy = Policy {
        credentials: vec![token("a", "ada", 1), token("b", "bob", 1)],
        reserve: Reserve::Requests(0),
        cooldown_ms: MINUTE_MS,
        cooldown_max_ms: HOUR_MS,
        request_ttl_ms: 10 * MINUTE_MS,
    };
    CredentialBatch {
        pool: OrchestratorId::new("team:a").unwrap(),
        policy: Arc::new(policy),
        requests: operations.into_iter().map(|operation| Request { operation, deadline_ms: None }).collect(),
        ticket: Ticket { client: "c1".into(), sequence, retry: false },
    }
}

fn keep(fingerprint: &str) -> Operation {
    Operation::Keep { fingerprint: fingerprint.into(), account: "ada".into(), sealed: "v1.sealed".into() }
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
        rig.apply(vec![Operation::View, Operation::Kept, Operation::Count { resource: "core".into() }]).await.unwrap();
        assert!(keys_of(&mut connection).is_empty(), "looking leaves nothing");

        let wait = credentials::desk::after(AnswerKind::Secondary, 2 * HOUR_MS);
        let receipt = rig.apply(vec![pick(&[]), report("a", 0, wait), keep("a")]).await.unwrap();
        let mut found = keys_of(&mut connection);
        let (kind, calls_end_ms) = found.remove("test:credentials:team%3Aa:calls:c1").unwrap();
        assert_eq!(kind, "string");
        assert!((0..5_000).contains(&(calls_end_ms - (receipt.now_ms + HOUR_MS) as i64)));
        let state_end_ms = (receipt.now_ms + 2 * HOUR_MS + WEEK_MS) as i64;
        let expected = [("state", ("string".to_owned(), state_end_ms)), ("kept", ("hash".to_owned(), -1))];
        let expected = expected.map(|(name, entry)| (format!("test:credentials:team%3Aa:{name}"), entry));
        assert_eq!(found, expected.into());

        rig.apply(vec![Operation::Drop { fingerprint: "a".into() }]).await.unwrap();
        assert!(!keys_of(&mut connection).contains_key("test:credentials:team%3Aa:kept"));
        assert!(rig.store.now_ms().abs_diff(receipt.now_ms) < 5_000, "the clock of the server is learned");
    });
}

#[test]
fn a_refusal_that_changes_nothing_writes_nothing() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        rig.apply(vec![report("a", 0, answered(AnswerKind::Unauthorized))]).await.unwrap();
        let before = digest(&mut connection);
        let operations = vec![
            pick(&["b"]),
            Operation::SetValid { fingerprint: "a".into(), valid: false },
            Operation::Return { fingerprint: "b".into(), resource: "core".into(), picked_at_ms: 1 },
            Operation::Drop { fingerprint: "a".into() },
            report("unknown", 0, answered(AnswerKind::Served)),
        ];
        let outcomes = rig.apply(operations).await.unwrap().outcomes;
        assert!(matches!(outcomes[0], Ok(Outcome::Exhausted { limited: 1, invalid: 1, .. })));
        assert!(outcomes[1..].iter().all(|outcome| *outcome == Ok(Outcome::Done(false))));
        assert_eq!(digest(&mut connection), before);
    });
}

#[test]
fn a_key_of_the_wrong_kind_is_refused_and_nothing_is_written() {
    on_one_thread(async {
        for (name, command) in [("state", "LPUSH"), ("state", "SET"), ("kept", "LPUSH"), ("kept", "SET")] {
            let rig = Rig::new().await;
            let mut connection = rig.server.connection();
            let key = format!("test:credentials:team%3Aa:{name}");
            redis::cmd(command).arg(&key).arg("odd").exec(&mut connection).unwrap();
            let before = digest(&mut connection);
            let answer = rig.apply(vec![pick(&[]), keep("a"), Operation::Kept]).await;
            let Err(StoreError::Refused { message }) = answer else { panic!("{name} {command}: {answer:?}") };
            let expected = if (name, command) == ("state", "SET") { "is damaged" } else { "WRONGTYPE" };
            assert!(message.contains(expected), "{message}");
            assert_eq!(digest(&mut connection), before);
        }
    });
}

#[test]
fn a_state_of_an_earlier_version_is_understood() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        let receipt = rig.apply(vec![pick(&["b"])]).await.unwrap();
        let Ok(Outcome::Picked { picked_at_ms, .. }) = receipt.outcomes[0] else { panic!("{receipt:?}") };
        // As it was before reports, assumptions, and the lives of keys were noted.
        let shorten = "local S = cmsgpack.unpack(redis.call('GET', KEYS[1])) \
             S[6], S[7] = nil, nil \
             for name, bytes in pairs(S[5]) do \
               local account = cmsgpack.unpack(bytes) \
               account[6] = nil \
               for _, r in pairs(account[5]) do for k = 14, 10, -1 do r[k] = nil end end \
               S[5][name] = cmsgpack.pack(account) \
             end \
             redis.call('SET', KEYS[1], cmsgpack.pack(S))";
        let key = "test:credentials:team%3Aa:state";
        redis::cmd("EVAL").arg(shorten).arg(1).arg(key).exec(&mut connection).unwrap();
        let reset_ms = receipt.now_ms + HOUR_MS;
        let operations = vec![
            Operation::View,
            report("a", picked_at_ms, credentials::desk::served(41, reset_ms)),
            Operation::Return { fingerprint: "a".into(), resource: "core".into(), picked_at_ms },
            pick(&["b"]),
        ];
        let outcomes = rig.apply(operations).await.unwrap().outcomes;
        assert_eq!(outcomes[1..3], [Ok(Outcome::Done(true)), Ok(Outcome::Done(false))]);
        assert!(matches!(outcomes[3], Ok(Outcome::Picked { left: Some(40), .. })), "{outcomes:?}");
    });
}

#[test]
fn kept_tokens_have_an_end_in_number() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        let mut hset = redis::cmd("HSET");
        hset.arg("test:credentials:team%3Aa:kept");
        for number in 0..KEPT_MAX - 1 {
            hset.arg(number).arg("3 adav1.sealed");
        }
        hset.exec(&mut connection).unwrap();
        let operations = vec![keep("a"), keep("b"), keep("7"), Operation::Drop { fingerprint: "8".into() }, keep("b")];
        let outcomes = rig.apply(operations).await.unwrap().outcomes;
        assert_eq!(outcomes, [true, false, true, true, true].map(|done| Ok(Outcome::Done(done))));
        let kept = rig.apply(vec![Operation::Kept]).await.unwrap().outcomes.remove(0);
        assert!(matches!(kept, Ok(Outcome::Kept(kept)) if kept.len() == KEPT_MAX && &*kept[0].2 == "v1.sealed"));
    });
}

#[test]
fn the_state_of_a_busy_pool_stays_small() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        for round in 0..40 {
            let resource: Resource = format!("r{}", round % 4).into();
            let picks = (0..100).map(|_| Operation::Pick { resource: resource.clone(), except: vec![] });
            rig.apply(picks.collect()).await.unwrap();
        }
        let bytes: usize = redis::cmd("STRLEN").arg("test:credentials:team%3Aa:state").query(&mut connection).unwrap();
        assert!(bytes < 1_000, "{bytes}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn odd_replies_are_errors_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0..9_u8) {
        // Whole replies of operations, cut short or with something odd behind them.
        let operations = vec![pick(&[]), Operation::View, Operation::Kept, Operation::Count { resource: "core".into() }];
        let mut reply = vec![0x9f, 1, 2, 3, 0, 1, 5, 0xff, 0][..usize::from(cut)].to_vec();
        reply.extend(&bytes);
        let answer = decode::batch_reply(&batch(operations, 1), Value::BulkString(reply));
        let is_understood = matches!(answer, Ok(_) | Err(StoreError::Refused { .. }));
        prop_assert!(is_understood);
    }
}

#[test]
fn a_reply_of_another_form_is_an_error() {
    for odd in [Value::Nil, Value::Int(1), Value::Array(vec![]), Value::BulkString(b"\x94\x01\x02\x03\x00".to_vec())] {
        assert!(decode::batch_reply(&batch(vec![pick(&[])], 1), odd).is_err());
    }
}
