//! What of timers stands on the server: the names, types and lives of keys, and what becomes of odd ones.

#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;
#[path = "support/timer_rig.rs"]
mod timer_rig;

use std::collections::BTreeMap;

use proptest::prelude::*;
use redis::{Connection, Value};
use timer_rig::{Rig, claim, create, fired, list, on_one_thread};
use token_budget::domain::error::{OperationError, StoreError};
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::timers::operation::*;
use token_budget::store::redis::timers::decode;
use token_budget::store::{Ticket, TimerBatch};

const DAY_MS: i64 = 86_400_000;
/// The last instant a client names.
const MAX_INSTANT_MS: u64 = 8_640_000_000_000_000;

/// Names behind `test:timers:0:`, with what they hold.
const KEYS: [(&str, &str); 18] = [
    ("calls:c1", "string"),
    ("claims", "zset"),
    ("deliveries", "hash"),
    ("deliveries:claims", "zset"),
    ("deliveries:dead", "zset"),
    ("deliveries:dead:ids", "zset"),
    ("deliveries:due", "zset"),
    ("deliveries:ids", "zset"),
    ("deliveries:texts", "hash"),
    ("due", "zset"),
    ("ended", "zset"),
    ("ended:ids", "zset"),
    ("endpoints", "zset"),
    ("ids", "zset"),
    ("names", "zset"),
    ("owners", "zset"),
    ("texts", "hash"),
    ("timers", "hash"),
];

/// Every key behind `test:timers:0:` with its type and how long it lives (ms, -1 = for ever).
fn keys_of(connection: &mut Connection) -> BTreeMap<String, (String, i64)> {
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query(connection).unwrap();
    let entry = |name: String| {
        let kind: String = redis::cmd("TYPE").arg(&name).query(connection).unwrap();
        let life_ms: i64 = redis::cmd("PTTL").arg(&name).query(connection).unwrap();
        (name.strip_prefix("test:timers:0:").unwrap().to_owned(), (kind, life_ms))
    };
    names.into_iter().map(entry).collect()
}

fn digest(connection: &mut Connection) -> String {
    redis::cmd("DEBUG").arg("DIGEST").query(connection).unwrap()
}

fn undelivered(id: &str, retry_in_ms: Option<u64>, disable: bool) -> Operation {
    Operation::Undelivered { id: id.into(), holder: "h".into(), error: "503".into(), retry_in_ms, disable }
}

/// Operations that leave something behind every name.
fn everything() -> Vec<Operation> {
    let mut operations: Vec<_> = ["a", "b", "c", "d", "e"].map(|id| create(id, Due::In(0))).into();
    operations.extend([create("later", Due::In(60_000)), claim("h")]);
    operations.extend(["a", "b", "c", "d"].map(|id| fired(id, "h", Some(&format!("https://{id}.example")))));
    operations.push(undelivered("n-a.0", None, true));
    operations.push(undelivered("n-b.0", Some(1_000), false));
    operations
}

#[test]
fn keys_have_the_documented_names_types_and_lives() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        let looks = vec![Operation::Get { id: "a".into() }, list(), Operation::Endpoints];
        rig.apply(looks).await.unwrap();
        assert!(keys_of(&mut connection).is_empty(), "looking leaves nothing");
        rig.apply(vec![claim("h"), Operation::Cancel { id: "a".into() }]).await.unwrap();
        assert!(keys_of(&mut connection).is_empty(), "what changes nothing leaves nothing");

        let receipt = rig.apply(everything()).await.unwrap();
        assert!(rig.store.now_ms().abs_diff(receipt.now_ms) < 5_000, "the clock of the server is learned");
        let mut found = keys_of(&mut connection);
        let (_, calls_life_ms) = found["calls:c1"];
        assert!((3_595_000..=3_600_000).contains(&calls_life_ms), "{calls_life_ms}");
        assert_eq!(found.remove("state"), Some(("hash".to_owned(), -1)));
        let kinds: Vec<_> = found.iter().map(|(name, (kind, _))| (name.as_str(), kind.as_str())).collect();
        assert_eq!(kinds, KEYS);
        found.remove("calls:c1");
        assert!(found.values().all(|(_, life_ms)| *life_ms == -1), "{found:?}");
    });
}

/// What stands behind every key but the last answer, one line each.
fn values_of(connection: &mut Connection) -> Vec<String> {
    let mut names: Vec<String> = redis::cmd("KEYS").arg("*").query(connection).unwrap();
    names.retain(|name| !name.contains(":calls:"));
    names.sort();
    let digests: Vec<String> = redis::cmd("DEBUG").arg("DIGEST-VALUE").arg(&names).query(connection).unwrap();
    names.iter().zip(digests).map(|(name, digest)| format!("{name} {digest}")).collect()
}

/// Timers that are due at different times, some of them nobody's; more than one command takes.
fn many_timers() -> Vec<Operation> {
    let due = |n: u64| if n.is_multiple_of(2) { Due::In(n) } else { Due::At(MAX_INSTANT_MS - n) };
    let timer = |n: u64| match create(&format!("t{n}"), due(n)) {
        Operation::Create(new) if n.is_multiple_of(3) => Operation::Create(NewTimer { owner: "".into(), ..new }),
        operation => operation,
    };
    (0..1_200).map(timer).collect()
}

#[test]
fn a_batch_that_only_makes_timers_leaves_what_any_other_batch_leaves() {
    on_one_thread(async {
        let (alone, beside) = (Rig::with_manual_clock(1_000).await, Rig::with_manual_clock(1_000).await);
        let made = alone.apply(many_timers()).await.unwrap();
        let looks = std::iter::once(Operation::Endpoints);
        let mut others = beside.apply(looks.chain(many_timers()).collect()).await.unwrap();
        others.outcomes.remove(0).unwrap();
        assert_eq!(made, others);
        assert_eq!(values_of(&mut alone.server.connection()), values_of(&mut beside.server.connection()));
    });
}

#[test]
fn a_timer_gets_a_record_when_something_happens_to_it() {
    on_one_thread(async {
        let rig = Rig::with_manual_clock(1_000).await;
        let mut connection = rig.server.connection();
        let mut records =
            || -> Vec<String> { redis::cmd("HKEYS").arg("test:timers:0:timers").query(&mut connection).unwrap() };
        rig.apply(vec![create("a", Due::In(5)), create("b", Due::At(9_000))]).await.unwrap();
        assert!(records().is_empty());
        let Ok(Outcome::Timer(Some(timer))) = rig.one(Operation::Cancel { id: "b".into() }).await else {
            panic!("it ends")
        };
        assert_eq!((timer.created_at_ms, timer.fire_at_ms, &*timer.nonce), (1_000, 9_000, "n-b"));
        assert_eq!(records(), ["b"]);
    });
}

#[test]
fn an_id_that_comes_twice_in_a_batch_is_one_timer() {
    on_one_thread(async {
        let rig = Rig::with_manual_clock(1_000).await;
        let twice = vec![create("a", Due::In(5)), create("b", Due::In(5)), create("a", Due::In(9))];
        let is_new = |receipt: Receipt| -> Vec<bool> {
            let made = receipt.outcomes.into_iter().flatten();
            made.map(|outcome| matches!(outcome, Outcome::Created { is_new: true, .. })).collect()
        };
        assert_eq!(is_new(rig.apply(twice.clone()).await.unwrap()), [true, true, false]);
        assert_eq!(is_new(rig.apply(twice).await.unwrap()), [false, false, false]);
    });
}

#[test]
fn keys_end_when_nothing_is_due_any_more_and_what_they_tell_has_outlived_its_life() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        rig.apply(vec![create("a", Due::In(0)), claim("h"), fired("a", "h", None)]).await.unwrap();
        let (_, life_ms) = keys_of(&mut connection)["timers"];
        // The default: dead deliveries are kept for 30 days.
        assert!((31 * DAY_MS - 5_000..=31 * DAY_MS).contains(&life_ms), "{life_ms}");
        rig.apply(vec![create("b", Due::In(1_000))]).await.unwrap();
        let found = keys_of(&mut connection);
        let lives = found.iter().filter(|(name, _)| *name != "calls:c1").map(|(_, (_, life_ms))| *life_ms);
        assert!(lives.into_iter().all(|life_ms| life_ms == -1), "{found:?}");
        rig.apply(vec![Operation::Cancel { id: "b".into() }]).await.unwrap();
        assert!(keys_of(&mut connection).values().all(|(_, life_ms)| *life_ms > 0));
    });
}

#[test]
fn a_key_of_the_wrong_kind_is_refused_and_nothing_is_written() {
    on_one_thread(async {
        for (name, kind) in KEYS {
            let rig = Rig::new().await;
            let mut connection = rig.server.connection();
            let key = format!("test:timers:0:{name}");
            let command = if kind == "hash" { "SET" } else { "HSET" };
            let mut odd = redis::cmd(command);
            odd.arg(&key).arg("odd");
            if command == "HSET" {
                odd.arg("odd");
            }
            odd.exec(&mut connection).unwrap();
            let before = digest(&mut connection);
            let answer = rig.apply(everything()).await;
            let Err(StoreError::Refused { message }) = answer else { panic!("{name}: {answer:?}") };
            assert!(message.contains("WRONGTYPE"), "{message}");
            assert_eq!(digest(&mut connection), before, "{name}");
        }
    });
}

#[test]
fn a_damaged_record_stops_nothing_but_what_is_asked_of_it() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        rig.apply(["a", "b", "c", "d", "e"].map(|id| create(id, Due::In(0))).into()).await.unwrap();
        for (id, odd) in [("a", &b"odd"[..]), ("b", b"\x93\x01\x02\x03")] {
            redis::cmd("HSET").arg("test:timers:0:timers").arg(id).arg(odd).exec(&mut connection).unwrap();
        }
        redis::cmd("HDEL").arg("test:timers:0:texts").arg("c").exec(&mut connection).unwrap();
        redis::cmd("HSET").arg("test:timers:0:texts").arg("e").arg("odd").exec(&mut connection).unwrap();
        let get = |id: &str| Operation::Get { id: id.into() };
        let outcomes =
            rig.apply(vec![get("a"), get("d"), create("b", Due::In(0)), list(), get("e")]).await.unwrap().outcomes;
        let is_refused = |outcome: &Result<Outcome, OperationError>| matches!(outcome, Err(OperationError::Refused { message }) if message.contains("damaged"));
        assert!([0, 2, 4].iter().all(|asked| is_refused(&outcomes[*asked])), "{outcomes:?}");
        assert!(matches!(&outcomes[1], Ok(Outcome::Timer(Some(_)))));
        assert!(matches!(&outcomes[3], Ok(Outcome::Timers { timers, .. }) if timers.len() == 1));
        let Ok(Outcome::Claimed { timers, .. }) = rig.one(claim("h")).await else { panic!("it claims") };
        assert_eq!(timers.iter().map(|timer| &*timer.id).collect::<Vec<_>>(), ["d"]);
        let due: u64 = redis::cmd("ZCARD").arg("test:timers:0:due").query(&mut connection).unwrap();
        assert_eq!(due, 0, "what cannot be read is claimed by nobody");
    });
}

fn a_batch() -> TimerBatch {
    let operations = [create("a", Due::In(0)), claim("h"), fired("a", "h", Some("x")), list(), Operation::Endpoints];
    TimerBatch {
        shard: OrchestratorId::new("0").unwrap(),
        policy: Policy::default(),
        requests: operations.map(|operation| Request { operation, deadline_ms: None }).into(),
        ticket: Ticket { client: "c1".into(), sequence: 1, retry: false },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn odd_replies_are_errors_and_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0..9_u8, texts in 0..3_usize
    ) {
        // What a reply begins with, cut short or with something odd behind it.
        let mut reply = vec![0x9f, 1, 2, 3, 0, 0, 9, 9, 0][..usize::from(cut)].to_vec();
        reply.extend(&bytes);
        let mut parts = vec![Value::BulkString(reply)];
        parts.extend((0..texts).map(|_| Value::BulkString(bytes.clone())));
        let answer = decode::batch_reply(&a_batch(), Value::Array(parts));
        let is_understood = matches!(answer, Ok(_) | Err(StoreError::Refused { .. }));
        prop_assert!(is_understood);
    }
}

#[test]
fn a_reply_of_another_form_is_an_error() {
    let short = Value::BulkString(b"\x94\x01\x02\x03\x00".to_vec());
    for odd in [Value::Nil, Value::Int(1), Value::Array(vec![]), short.clone(), Value::Array(vec![short])] {
        assert!(decode::batch_reply(&a_batch(), odd).is_err());
    }
}
