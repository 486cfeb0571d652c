//! What a server does to its clients: full memory, flushed scripts, few rights, many clients.

#[path = "support/redis_rig.rs"]
mod redis_rig;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use std::time::{Duration, Instant};

use redis_rig::{Rig, block_on, reserve, settle, usage};
use redis_server::RedisServer;
use redis_transport::TestTransport;
use token_budget::domain::error::StoreError;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::operation::{Operation, Outcome, Override};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::Limits;
use token_budget::store::Store;
use token_budget::store::redis::events;
use token_budget::store::redis::expiry_index::EndedClaim;
use token_budget::store::redis::keys::Keys;
use token_budget::store::redis::script;
use token_budget::store::redis::store::RedisStore;

const TTL_MS: u64 = 15 * 60_000;

fn ended(claim: &(OrchestratorId, u64), next_expiry_ms: Option<u64>) -> EndedClaim {
    EndedClaim { orchestrator: claim.0.clone(), claimed_score: claim.1, next_expiry_ms }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[test]
fn full_memory_stops_no_settle() {
    block_on(async {
        let rig = Rig::new().await;
        let id = rig.new_id(Periods::ALL);
        rig.one(reserve(&id, 20, TTL_MS)).await.unwrap();
        let mut connection = rig.server.connection();
        redis::cmd("CONFIG").arg(&["SET", "maxmemory-policy", "noeviction"]).query::<()>(&mut connection).unwrap();
        redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).query::<()>(&mut connection).unwrap();
        let refused = redis::cmd("SET").arg(&["x", "y"]).query::<()>(&mut connection);
        assert_eq!(refused.unwrap_err().code(), Some("OOM"));
        let Ok(Outcome::Settled(settlement)) = rig.one(settle(&id, 5)).await else { panic!("it settles") };
        assert_eq!((settlement.reserved, settlement.recorded), (20, 5));
        let Ok(Outcome::Tracked { .. }) = rig.one(Operation::Track(usage(1))).await else { panic!("it tracks") };
        let Ok(Outcome::Check(view)) = rig.one(Operation::Check { period: Period::Daily, tokens: 0 }).await else {
            panic!("it checks")
        };
        assert_eq!((view.used, view.reserved), (6, 0));
    });
}

#[test]
fn flushed_scripts_are_loaded_again() {
    block_on(async {
        let rig = Rig::new().await;
        for total in 1..=3 {
            let mut connection = rig.server.connection();
            redis::cmd("SCRIPT").arg("FLUSH").query::<()>(&mut connection).unwrap();
            rig.one(Operation::Track(usage(total))).await.unwrap();
        }
    });
}

#[test]
fn sha1_sums_are_those_of_the_server() {
    let server = RedisServer::start();
    for script in script::ALL {
        let sha1: String = redis::cmd("SCRIPT").arg("LOAD").arg(script.source).query(&mut server.connection()).unwrap();
        assert_eq!(sha1, script.sha1, "{}", script.name);
    }
}

/// The rights that `docs/redis.md` names.
const LEAST_RIGHTS: &[&str] = &[
    "SETUSER",
    "budget",
    "on",
    ">secret",
    "resetkeys",
    "resetchannels",
    "~test:*",
    "&test:*",
    "-@all",
    "+hello",
    "+auth",
    "+ping",
    "+evalsha",
    "+eval",
    "+script|load",
    "+time",
    "+mget",
    "+exists",
    "+strlen",
    "+get",
    "+set",
    "+psetex",
    "+del",
    "+unlink",
    "+incrby",
    "+pexpireat",
    "+rpush",
    "+rpop",
    "+llen",
    "+lrange",
    "+ltrim",
    "+hmget",
    "+hset",
    "+zadd",
    "+zrem",
    "+zscore",
    "+zcard",
    "+zrangebyscore",
    "+zremrangebyscore",
    "+publish",
    "+subscribe",
];

#[test]
fn the_least_rights_are_enough() {
    block_on(async {
        let mut rig = Rig::on_server_clock(RedisServer::start()).await;
        let mut connection = rig.server.connection();
        redis::cmd("ACL").arg(LEAST_RIGHTS).query::<()>(&mut connection).unwrap();
        let client = redis::Client::open(format!("redis://budget:secret@127.0.0.1:{}/", rig.server.port)).unwrap();
        rig.store = RedisStore::new(TestTransport::open(&client).await, Keys::new("test", false));
        rig.policy.broadcast = true;
        rig.policy.history_limit = 2;
        rig.policy.idempotency_ttl_ms = 1_000;
        let [id, other] = [rig.new_id(Periods::ALL), rig.new_id(Periods::ALL)];
        let now_ms = rig.apply(vec![Operation::Sweep]).await.unwrap().now_ms;
        let entry = Override {
            id: "rush".to_owned(),
            period: Period::Daily,
            additional_tokens: 5,
            additional_cost: 0,
            expires_at_ms: now_ms + TTL_MS,
            document_json: "{}".to_owned(),
        };
        for operation in [
            reserve(&id, 10, TTL_MS),
            reserve(&other, 10, 1),
            Operation::Track(token_budget::domain::usage::Usage { request_id: Some("r".to_owned()), ..usage(900) }),
            settle(&id, 5),
            Operation::Track(usage(1)),
            Operation::SetBudget(Some(Limits::UNLIMITED)),
            Operation::SetOverride(entry),
            Operation::ListOverrides { period: None },
            Operation::RemoveOverride { id: "rush".to_owned() },
            Operation::SetBudget(None),
            Operation::ListReservations { period: None, offset: 0, limit: 5 },
            Operation::History { period: Period::Hourly, offset: 0, limit: 5 },
            Operation::ClearThresholds { period: None },
        ] {
            rig.one(operation).await.unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
        rig.apply(vec![Operation::Sweep]).await.unwrap();
        let noted = (rig.orchestrator.clone(), Some(1));
        rig.store.note_expiries(&[noted], soon()).await.unwrap();
        let claimed = rig.store.claim_due(10, soon()).await.unwrap();
        assert_eq!(rig.store.end_claims(&[ended(&claimed[0], None)], soon()).await.unwrap(), 1);
        let log: Vec<redis::Value> = redis::cmd("ACL").arg("LOG").query(&mut connection).unwrap();
        assert!(log.is_empty(), "{log:?}");
    });
}

#[test]
fn a_missing_right_is_refused() {
    block_on(async {
        let mut rig = Rig::on_server_clock(RedisServer::start()).await;
        let mut connection = rig.server.connection();
        let mut rights = LEAST_RIGHTS.to_vec();
        rights.push("-mget");
        redis::cmd("ACL").arg(&rights).query::<()>(&mut connection).unwrap();
        let client = redis::Client::open(format!("redis://budget:secret@127.0.0.1:{}/", rig.server.port)).unwrap();
        rig.store = RedisStore::new(TestTransport::open(&client).await, Keys::new("test", false));
        let answer = rig.apply(vec![Operation::Track(usage(1))]).await;
        assert!(matches!(answer, Err(StoreError::Refused { .. })), "{answer:?}");
    });
}

#[test]
fn a_repeated_batch_is_answered_from_memory() {
    block_on(async {
        let rig = Rig::new().await;
        let id = rig.new_id(Periods::ALL);
        rig.one(reserve(&id, 10, TTL_MS)).await.unwrap();
        let mut batch = rig.batch(vec![settle(&id, 700), Operation::Track(usage(50))]);
        let first = rig.store.apply(&batch).await.unwrap();
        rig.advance(1_000);
        batch.ticket.retry = true;
        assert_eq!(rig.store.apply(&batch).await.unwrap(), first);
        let Ok(Outcome::Check(view)) = rig.one(Operation::Check { period: Period::Daily, tokens: 0 }).await else {
            panic!("it checks")
        };
        assert_eq!((view.used, view.reserved), (750, 0));
    });
}

#[test]
fn many_clients_never_exceed_the_limit() {
    block_on(async {
        let rig = Rig::on_server_clock(RedisServer::start()).await;
        let mut stores = Vec::new();
        for _ in 0..8 {
            stores.push(RedisStore::new(TestTransport::open(&rig.server.client()).await, Keys::new("test", false)));
        }
        let attempts = stores.iter().enumerate().map(|(number, store)| {
            let rig = &rig;
            async move {
                let mut granted = 0;
                for _ in 0..50 {
                    let id = rig.new_id(Periods::from(Period::Hourly));
                    let mut batch = rig.batch(vec![reserve(&id, 7, TTL_MS)]);
                    batch.ticket.client = format!("client-{number}").into();
                    let outcome = store.apply(&batch).await.unwrap().outcomes.remove(0);
                    granted += u64::from(matches!(outcome, Ok(Outcome::Reserved { .. })));
                }
                granted
            }
        });
        let granted: u64 = join_all(attempts).await.into_iter().sum();
        assert_eq!(granted, 1_000 / 7);
    });
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut answers: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, answer) in futures.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        if answers.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

#[test]
fn transitions_are_announced_when_asked_for() {
    block_on(async {
        let mut rig = Rig::new().await;
        let channel = rig.store.keys().events_channel();
        let mut listening = rig.server.connection();
        let mut heard = listening.as_pubsub();
        heard.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        heard.subscribe(&channel).unwrap();
        rig.one(Operation::Track(usage(600))).await.unwrap();
        rig.policy.broadcast = true;
        let Ok(Outcome::Tracked { transitions, .. }) = rig.one(Operation::Track(usage(200))).await else {
            panic!("it tracks")
        };
        assert_eq!(transitions.len(), 1);
        // The first one was silent, so the first message is of the second.
        let message = heard.get_message().unwrap();
        let announcement = events::decode(message.get_payload_bytes()).unwrap();
        assert_eq!(announcement.news, events::News::Crossed(transitions[0]));
        assert_eq!((announcement.client.as_str(), announcement.orchestrator), ("client-1", rig.orchestrator.clone()));
        assert!(heard.get_message().is_err(), "nothing else is announced");
    });
}
