//! What stands on the server: the names, types and lives of keys, and what becomes of odd ones.

#[path = "support/redis_rig.rs"]
mod redis_rig;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use std::collections::BTreeMap;

use proptest::prelude::*;
use redis::Connection;
use redis_rig::{HOUR_MS, Rig, block_on, reserve, settle, usage};
use redis_server::RedisServer;
use redis_transport::TestTransport;
use token_budget::domain::error::{OperationError, StoreError};
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::operation::{Operation, Outcome, Override, Request};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::Limits;
use token_budget::domain::tokens::MAX_TOKENS;
use token_budget::domain::usage::Usage;
use token_budget::store::redis::decode;
use token_budget::store::redis::keys::Keys;
use token_budget::store::redis::store::RedisStore;
use token_budget::store::{Batch, Store, Ticket};

const TTL_MS: u64 = 15 * 60_000;

fn extra(id: &str, expires_at_ms: u64) -> Operation {
    Operation::SetOverride(Override {
        id: id.to_owned(),
        period: Period::Daily,
        additional_tokens: 5,
        additional_cost: 0,
        expires_at_ms,
        document_json: r#"{"reason":"rush"}"#.to_owned(),
    })
}

fn with_request_id(total: u64, request_id: &str) -> Operation {
    let mut usage = usage(total);
    usage.request_id = Some(request_id.to_owned());
    Operation::Track(usage)
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
    block_on(async {
        let rig = Rig::on_server_clock(RedisServer::start()).await;
        let id = rig.new_id(Periods::ALL);
        let limits = Limits::tokens([Some(1_000), None, Some(5_000)]);
        let operations =
            vec![with_request_id(10, "request-1"), reserve(&id, 20, TTL_MS), Operation::SetBudget(Some(limits))];
        let receipt = rig.apply(operations).await.unwrap();
        let end_ms = receipt.now_ms + 2 * HOUR_MS;
        rig.one(extra("rush", end_ms)).await.unwrap();
        let now_ms = receipt.now_ms;
        let ends = rig.policy.calendar.windows(now_ms).map(|window| window.end_ms as i64);
        let expiry_ms = (now_ms + TTL_MS) as i64;
        let found = keys_of(&mut rig.server.connection());
        let string = |end_ms: i64| ("string".to_owned(), end_ms);
        let mut expected = BTreeMap::new();
        for (period, end_ms) in Period::ALL.into_iter().zip(ends) {
            let base = format!("test:budget:orch-1:{}", period.name());
            expected.insert(format!("{base}:usage"), string(end_ms));
            expected.insert(format!("{base}:reservations:total"), string(expiry_ms));
            let late_ms = if period == Period::Hourly { rig.policy.late_settle_ttl_ms as i64 } else { 0 };
            expected.insert(format!("{base}:reservations:{}", id.as_str()), string(expiry_ms + late_ms));
            expected.insert(format!("{base}:metadata:history"), ("list".to_owned(), end_ms));
        }
        let bucket = if (now_ms / HOUR_MS).is_multiple_of(2) { "a" } else { "b" };
        let bucket_end_ms = (now_ms / HOUR_MS + 2) * HOUR_MS;
        let rest = [
            ("limits", string(-1)),
            ("overrides", string(end_ms as i64)),
            ("daily:overrides:rush", string(end_ms as i64)),
            ("state", string(ends[2].max(expiry_ms))),
            ("pending", ("zset".to_owned(), expiry_ms + (rig.policy.late_settle_ttl_ms as i64).max(60_000))),
            (&format!("requests:{bucket}"), ("hash".to_owned(), bucket_end_ms as i64)),
        ];
        expected.extend(rest.map(|(name, entry)| (format!("test:budget:orch-1:{name}"), entry)));
        let mut found = found;
        let (kind, calls_end_ms) = found.remove("test:budget:orch-1:calls:client-1").unwrap();
        assert_eq!(kind, "string");
        assert!((0..5_000).contains(&(calls_end_ms - (now_ms + HOUR_MS) as i64)));
        assert_eq!(found, expected);
    });
}

#[test]
fn nothing_is_left_of_a_settled_reservation() {
    block_on(async {
        let rig = Rig::new().await;
        let id = rig.new_id(Periods::ALL);
        rig.one(reserve(&id, 20, TTL_MS)).await.unwrap();
        rig.one(settle(&id, 5)).await.unwrap();
        let found = keys_of(&mut rig.server.connection());
        assert!(found.keys().all(|name| !name.contains("reservations") && !name.ends_with("pending")), "{found:?}");
    });
}

#[test]
fn a_cluster_tag_keeps_an_orchestrator_together() {
    let orchestrator = OrchestratorId::new("team:{a}").unwrap();
    let keys = Keys::new("p", true).of(&orchestrator);
    let text = |key: Vec<u8>| String::from_utf8(key).unwrap();
    assert_eq!(text(keys.usage(Period::Hourly)), "p:budget:{team%3A%7Ba%7D}:hourly:usage");
    assert_eq!(text(keys.override_document(Period::Daily, "o")), "p:budget:{team%3A%7Ba%7D}:daily:overrides:o");
}

/// Everything a batch can write, on top of `id` that is open.
fn a_bit_of_everything(rig: &Rig, id: &token_budget::domain::identifier::ReservationId) -> Vec<Operation> {
    vec![
        settle(id, 7),
        with_request_id(3, "request-2"),
        reserve(&rig.new_id(Periods::ALL), 1, TTL_MS),
        Operation::SetBudget(Some(Limits::UNLIMITED)),
        extra("rush", rig.clock_ms() + HOUR_MS),
        Operation::RemoveOverride { id: "other".to_owned() },
    ]
}

#[test]
fn a_key_of_the_wrong_type_leaves_everything_as_it_is() {
    block_on(async {
        // Once in the window of the keys, once when all of them have to start anew.
        for later_ms in [0, 40 * 24 * HOUR_MS] {
            let rig = Rig::new().await;
            let id = rig.new_id(Periods::from(Period::Hourly));
            let first = vec![
                with_request_id(10, "request-1"),
                reserve(&id, 20, 100 * 24 * HOUR_MS),
                reserve(&rig.new_id(Periods::ALL), 20, 100 * 24 * HOUR_MS),
                Operation::SetBudget(Some(Limits::UNLIMITED)),
                extra("rush", rig.clock_ms() + 100 * 24 * HOUR_MS),
                extra("other", rig.clock_ms() + 100 * 24 * HOUR_MS),
            ];
            rig.apply(first).await.unwrap();
            rig.advance(later_ms);
            let mut connection = rig.server.connection();
            let names = keys_of(&mut connection);
            let mut names: Vec<_> = names.into_iter().map(|(name, (kind, _))| (name, kind)).collect();
            // Buckets of request ids take turns; the one that is not there yet counts as well.
            names.push(("test:budget:orch-1:requests:a".to_owned(), String::new()));
            names.push(("test:budget:orch-1:requests:b".to_owned(), String::new()));
            assert!(names.len() > 20);
            for (name, kind) in names {
                // A copy of a reservation that this batch does not name is never looked at, and
                // what ended may be deleted whatever it is. The last answer has a name that only this
                // client knows; it is replaced without being looked at.
                let untouched = name.contains(":reservations:7") || name.contains(":calls:");
                if untouched {
                    continue;
                }
                redis::cmd("COPY").arg(&name).arg("saved").arg("REPLACE").query::<()>(&mut connection).unwrap();
                redis::cmd("DEL").arg(&name).query::<()>(&mut connection).unwrap();
                let spoil = if kind == "hash" || kind.is_empty() { "SET" } else { "HSET" };
                let arguments: &[&str] = if spoil == "SET" { &["x"] } else { &["field", "x"] };
                redis::cmd(spoil).arg(&name).arg(arguments).query::<()>(&mut connection).unwrap();
                let before = digest(&mut connection);
                let answer = rig.apply(a_bit_of_everything(&rig, &id)).await;
                if name.ends_with(id.as_str()) {
                    // Read as absent: the reservation is not found, and nothing is harmed.
                    let outcomes = answer.unwrap().outcomes;
                    assert!(matches!(outcomes[0], Err(OperationError::ReservationNotFound { .. })));
                    return_to(&mut connection, &name);
                    continue;
                }
                assert!(matches!(answer, Err(StoreError::Refused { .. })), "{name}: {answer:?}");
                assert_eq!(digest(&mut connection), before, "{name}");
                return_to(&mut connection, &name);
            }
        }
    });
}

fn return_to(connection: &mut Connection, name: &str) {
    redis::cmd("DEL").arg(name).query::<()>(connection).unwrap();
    redis::cmd("COPY").arg("saved").arg(name).query::<i64>(connection).unwrap();
    redis::cmd("DEL").arg("saved").query::<()>(connection).unwrap();
}

#[test]
fn reading_changes_nothing() {
    block_on(async {
        let rig = Rig::new().await;
        let ids = [TTL_MS, HOUR_MS].map(|ttl_ms| (rig.new_id(Periods::ALL), ttl_ms));
        for (id, ttl_ms) in &ids {
            rig.one(reserve(id, 20, *ttl_ms)).await.unwrap();
        }
        rig.one(with_request_id(10, "request-1")).await.unwrap();
        rig.one(extra("rush", rig.clock_ms() + HOUR_MS)).await.unwrap();
        let reads = || {
            vec![
                Operation::Check { period: Period::Hourly, tokens: 1 },
                Operation::Stats { period: Period::Daily },
                Operation::GetBudget,
                Operation::ListOverrides { period: None },
                Operation::ListReservations { period: None, offset: 0, limit: 10 },
                Operation::History { period: Period::Monthly, offset: 0, limit: 10 },
            ]
        };
        let mut connection = rig.server.connection();
        // In the same windows, with something expired, and after all windows.
        for advance_ms in [0, TTL_MS, 40 * 24 * HOUR_MS] {
            rig.advance(advance_ms);
            let before = (digest(&mut connection), keys_of(&mut connection));
            rig.apply(reads()).await.unwrap();
            assert_eq!((digest(&mut connection), keys_of(&mut connection)), before);
        }
    });
}

proptest! {
    #[test]
    fn odd_replies_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64), cut in 0..64usize) {
        block_on(async {
            let batch = odd_reply_batch();
            // Random bytes, and an array of small numbers that ends too early.
            let mut numbers = vec![0x9f, 1, 0, 5, 0, 0];
            numbers.extend(bytes.iter().map(|byte| byte & 0x7f));
            numbers.truncate(cut);
            for reply in [bytes, numbers] {
                let _ = decode::batch_reply(&batch, redis::Value::BulkString(reply));
            }
            assert!(decode::batch_reply(&batch, redis::Value::Okay).is_err());
        });
    }
}

fn odd_reply_batch() -> Batch {
    let orchestrator = OrchestratorId::new("a").unwrap();
    let id = token_budget::domain::identifier::ReservationId::generate(&orchestrator, Periods::ALL);
    let operations = vec![
        settle(&id, 1),
        Operation::Stats { period: Period::Daily },
        Operation::ListReservations { period: None, offset: 0, limit: 9 },
        Operation::ListOverrides { period: None },
    ];
    Batch {
        orchestrator,
        policy: std::sync::Arc::new(redis_rig::policy()),
        configured: Limits::UNLIMITED,
        requests: operations.into_iter().map(|operation| Request { operation, deadline_ms: None }).collect(),
        ticket: Ticket { client: "c".into(), sequence: 1, retry: false },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    /// Lua prints numbers from 1e14 on with an exponent; none of them may reach a key.
    #[test]
    fn large_numbers_are_exact(
        tokens in proptest::collection::vec(prop_oneof![99_999_999_999_990u64..100_000_000_000_010, 0..MAX_TOKENS / 4], 1..8)
    ) {
        block_on(async {
            let mut rig = Rig::new().await;
            rig.configured = Limits::tokens([Some(MAX_TOKENS), None, Some(MAX_TOKENS - 1)]);
            let (mut used, mut ids) = (0u64, Vec::new());
            for tokens in tokens {
                let id = rig.new_id(Periods::ALL);
                rig.one(Operation::Track(usage(tokens))).await.unwrap();
                used = (used + tokens).min(MAX_TOKENS);
                let limit = MAX_TOKENS - 1;
                let fits = tokens <= limit.saturating_sub(used);
                let outcome = rig.one(reserve(&id, tokens, TTL_MS)).await.unwrap();
                assert_eq!(matches!(outcome, Outcome::Reserved { .. }), fits);
                let Ok(Outcome::Check(view)) = rig.one(Operation::Check { period: Period::Hourly, tokens: 0 }).await else {
                    panic!("a check answers a view")
                };
                assert_eq!((view.used, view.reserved), (used, if fits { tokens } else { 0 }));
                if fits {
                    ids.push(id.clone());
                    let Ok(Outcome::Settled(settlement)) = rig.one(settle(&id, 1)).await else { panic!("it settles") };
                    assert_eq!(settlement.reserved, tokens);
                    used = (used + 1).min(MAX_TOKENS);
                }
            }
            let mut connection = rig.server.connection();
            let stored: String = redis::cmd("GET").arg("test:budget:orch-1:daily:usage").query(&mut connection).unwrap();
            assert_eq!(stored.parse(), Ok(used));
        });
    }
}

#[test]
fn the_clock_of_the_server_is_learned() {
    // Hours ahead or behind: the first batch is sent again with the windows of the server.
    for offset_ms in [0, 3 * HOUR_MS as i64, -50 * HOUR_MS as i64] {
        learn_the_clock(offset_ms);
    }
}

fn learn_the_clock(offset_ms: i64) {
    block_on(async {
        let mut rig = Rig::on_server_clock(RedisServer::start()).await;
        let mut transport = TestTransport::open(&rig.server.client()).await;
        transport.clock_offset_ms = offset_ms;
        rig.store = RedisStore::new(transport, Keys::new("test", false));
        let receipt = rig.apply(vec![Operation::Track(usage(1))]).await.unwrap();
        assert!(rig.store.now_ms().abs_diff(receipt.now_ms) < 1_000);
    });
}

fn names_of(connection: &mut Connection) -> Vec<String> {
    keys_of(connection).into_keys().collect()
}

fn priced(total: u64, cost_micros: u64) -> Operation {
    let mut usage = usage(total);
    usage.cost_micros = cost_micros;
    Operation::Track(usage)
}

#[test]
fn money_has_keys_of_its_own_once_something_costs_any() {
    block_on(async {
        let rig = Rig::on_server_clock(RedisServer::start()).await;
        let mut connection = rig.server.connection();
        let (cheap, dear) = (rig.new_id(Periods::ALL), rig.new_id(Periods::ALL));
        rig.apply(vec![reserve(&cheap, 20, TTL_MS), Operation::Track(usage(10))]).await.unwrap();
        assert!(!names_of(&mut connection).iter().any(|name| name.contains("cost")));
        let state: Vec<u8> = redis::cmd("GET").arg(rig.keys().state()).query(&mut connection).unwrap();
        // Nobody says what it cost, and it held no money.
        let unpriced = Usage { costs_as_held: true, ..usage(10) };
        rig.one(Operation::Settle { id: cheap, usage: Some(unpriced.clone()) }).await.unwrap();
        assert!(!names_of(&mut connection).iter().any(|name| name.contains("cost")));
        let state_after: Vec<u8> = redis::cmd("GET").arg(rig.keys().state()).query(&mut connection).unwrap();
        // Not even a second array: the instants of a reservation that is gone make it shorter.
        assert!(state_after.len() <= state.len());
        let Operation::Reserve { tokens, periods, ttl_ms, .. } = reserve(&dear, 5, TTL_MS) else { unreachable!() };
        rig.one(Operation::Reserve { id: dear.clone(), tokens, periods, ttl_ms, cost_micros: 70 }).await.unwrap();
        let receipt = rig
            .apply(vec![priced(1, 230), Operation::Settle { id: dear, usage: Some(Usage { total: 5, ..unpriced }) }]);
        let receipt = receipt.await.unwrap();
        let ends = rig.policy.calendar.windows(receipt.now_ms).map(|window| window.end_ms as i64);
        let found = keys_of(&mut connection);
        for period in Period::ALL {
            let key = rig.keys().cost_usage(period);
            let name = String::from_utf8(key.clone()).unwrap();
            assert_eq!(found[&name], ("string".to_owned(), ends[period.index()]), "{name}");
            assert_eq!(redis::cmd("GET").arg(key).query::<u64>(&mut connection).unwrap(), 300);
        }
        let with_money: Vec<u8> = redis::cmd("GET").arg(rig.keys().state()).query(&mut connection).unwrap();
        assert!(with_money.len() > state_after.len());
    });
}

#[test]
fn lost_money_is_found_again() {
    block_on(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        let id = rig.new_id(Periods::ALL);
        let reserve =
            Operation::Reserve { id: id.clone(), tokens: 5, periods: Periods::ALL, ttl_ms: TTL_MS, cost_micros: 70 };
        rig.apply(vec![priced(1, 300), reserve]).await.unwrap();
        let _: () = redis::cmd("DEL").arg(rig.keys().state()).query(&mut connection).unwrap();
        rig.one(priced(1, 5)).await.unwrap();
        let Ok(Outcome::Check(view)) = rig.one(Operation::Check { period: Period::Daily, tokens: 1 }).await else {
            panic!("it checks")
        };
        assert_eq!((view.cost.used, view.cost.reserved, view.reserved), (305, 70, 5));
        // Whoever comes first may know nothing of money.
        let _: () = redis::cmd("DEL").arg(rig.keys().state()).query(&mut connection).unwrap();
        rig.one(Operation::Track(usage(1))).await.unwrap();
        rig.one(priced(1, 5)).await.unwrap();
        let Ok(Outcome::Check(view)) = rig.one(Operation::Check { period: Period::Daily, tokens: 1 }).await else {
            panic!("it checks")
        };
        assert_eq!((view.cost.used, view.cost.reserved, view.reserved), (310, 70, 5));
        // What is no amount refuses the batch and changes nothing.
        let _: () = redis::cmd("DEL").arg(rig.keys().state()).query(&mut connection).unwrap();
        let _: () =
            redis::cmd("SET").arg(rig.keys().cost_usage(Period::Daily)).arg("lots").query(&mut connection).unwrap();
        let before = digest(&mut connection);
        assert!(matches!(rig.apply(vec![priced(1, 5)]).await, Err(StoreError::Refused { .. })));
        assert_eq!(digest(&mut connection), before);
    });
}
