//! What servers do to timers: full memory, lost replies, bounds; and what is told to whoever listens.

#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;
#[path = "support/timer_rig.rs"]
mod timer_rig;

use std::time::Duration;

use timer_rig::{Rig, claim, create, fired, list, on_one_thread};
use token_budget::domain::error::OperationError;
use token_budget::domain::timers::operation::*;
use token_budget::store::memory::timers::MemoryTimers;
use token_budget::store::redis::news;

const START_MS: u64 = 1_715_768_100_000;

#[test]
fn full_memory_refuses_new_timers_and_nothing_else() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        rig.apply(["a", "b", "c"].map(|id| create(id, Due::In(0))).into()).await.unwrap();
        let limit = |connection: &mut redis::Connection, bytes: &str| {
            redis::cmd("CONFIG").arg(&["SET", "maxmemory", bytes]).query::<()>(connection).unwrap();
        };
        limit(&mut connection, "1");
        let operations = vec![
            create("d", Due::In(0)),
            create("a", Due::In(0)),
            claim("h"),
            fired("a", "h", Some("https://example.com")),
            Operation::Cancel { id: "b".into() },
            Operation::Delivered { id: "n-a.0".into(), holder: "h".into() },
            create("e", Due::In(0)),
        ];
        let outcomes = rig.apply(operations).await.unwrap().outcomes;
        let is_full = |outcome: &Result<Outcome, OperationError>| matches!(outcome, Err(OperationError::Refused { message }) if message.starts_with("OOM "));
        assert!(is_full(&outcomes[0]) && is_full(&outcomes[6]), "{outcomes:?}");
        assert!(matches!(&outcomes[1], Ok(Outcome::Created { is_new: false, .. })), "{outcomes:?}");
        assert!(matches!(&outcomes[2], Ok(Outcome::Claimed { timers, .. }) if timers.len() == 3));
        assert!(matches!(&outcomes[3], Ok(Outcome::Fired { was_held: true, delivery: Some(_) })));
        assert!(matches!(&outcomes[4], Ok(Outcome::Timer(Some(_)))));
        assert_eq!(outcomes[5], Ok(Outcome::Done(true)));
        limit(&mut connection, "0");
        assert!(matches!(rig.one(create("d", Due::In(0))).await, Ok(Outcome::Created { is_new: true, .. })));
    });
}

#[test]
fn a_claim_whose_reply_was_lost_is_answered_again() {
    on_one_thread(async {
        let rig = Rig::new().await;
        rig.apply(["a", "b"].map(|id| create(id, Due::In(0))).into()).await.unwrap();
        let mut batch = rig.batch(vec![claim("h1")]);
        let first = rig.send(&batch).await.unwrap();
        assert!(matches!(&first.outcomes[0], Ok(Outcome::Claimed { timers, .. }) if timers.len() == 2));
        batch.ticket.retry = true;
        for _ in 0..2 {
            assert_eq!(rig.send(&batch).await.unwrap(), first);
        }
        let mut batch = rig.batch(vec![fired("a", "h1", Some("https://example.com"))]);
        let first = rig.send(&batch).await.unwrap();
        batch.ticket.retry = true;
        let again = rig.send(&batch).await.unwrap();
        assert_eq!(again, first);
        let Ok(Outcome::Deliveries { deliveries, .. }) =
            rig.one(Operation::Deliveries { dead: false, after: "".into(), limit: 10 }).await
        else {
            panic!("it lists")
        };
        assert_eq!(deliveries.len(), 1);
    });
}

#[test]
fn who_listens_hears_what_is_due_earlier_and_what_is_broadcast() {
    on_one_thread(async {
        let rig = Rig::with_manual_clock(START_MS).await;
        let mut listening = rig.server.connection();
        let mut heard = listening.as_pubsub();
        heard.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        heard.subscribe(&["test:timers:news", "test:timers:events"]).unwrap();
        rig.one(create("a", Due::In(60_000))).await.unwrap();
        rig.one(create("later", Due::In(90_000))).await.unwrap();
        rig.one(create("sooner", Due::In(1_000))).await.unwrap();
        rig.clock.set(START_MS + 1_000);
        rig.one(claim("h")).await.unwrap();
        rig.one(Operation::Broadcast { message: r#"{"a":"é"}"#.into() }).await.unwrap();
        let release = Operation::Release { holder: "h".into(), timers: vec!["sooner".into()], deliveries: vec![] };
        rig.one(release).await.unwrap();
        let mut next = || {
            let message = heard.get_message().unwrap();
            (message.get_channel_name().to_owned(), message.get_payload_bytes().to_vec())
        };
        for due_ms in [START_MS + 60_000, START_MS + 1_000] {
            let (channel, payload) = next();
            let (shard, at_ms) = news::due(&payload).unwrap();
            assert_eq!((channel.as_str(), shard.encoded(), at_ms), ("test:timers:news", "0", due_ms));
        }
        assert_eq!(next(), ("test:timers:events".to_owned(), r#"{"a":"é"}"#.as_bytes().to_vec()));
        assert_eq!(news::due(&next().1).unwrap().1, START_MS + 1_000, "what is released is due at once");
    });
}

/// The line that `docs/redis.md` tells operators to use.
#[test]
fn the_documented_rights_are_enough() {
    on_one_thread(async {
        let rig = Rig::new().await;
        let mut connection = rig.server.connection();
        let line = include_str!("../docs/redis.md").lines().find(|line| line.starts_with("ACL SETUSER budget"));
        let line = line.unwrap().replace("<prefix>", "test").replace("<password>", "secret");
        let words: Vec<_> = line.split(' ').skip(1).collect();
        redis::cmd("ACL").arg(&words).exec(&mut connection).unwrap();
        let rig = rig.logged_in_as("budget", "secret").await;
        let undelivered = |id: &str, disable| Operation::Undelivered {
            id: id.into(),
            holder: "h".into(),
            error: "503".into(),
            retry_in_ms: Some(0),
            disable,
        };
        for operations in [
            vec![create("a", Due::In(0)), create("b", Due::In(0)), create("c", Due::In(60_000)), claim("h")],
            vec![fired("a", "h", Some("x")), fired("b", "h", Some("y")), undelivered("n-a.0", true), claim("g")],
            vec![Operation::Delivered { id: "n-b.0".into(), holder: "h".into() }, list(), Operation::Endpoints],
            vec![
                Operation::Deliveries { dead: true, after: "".into(), limit: 9 },
                Operation::Cancel { id: "c".into() },
            ],
            vec![Operation::Broadcast { message: "{}".into() }, create("d", Due::In(1_000))],
        ] {
            let outcomes = rig.apply(operations).await.unwrap().outcomes;
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        }
        let log: Vec<redis::Value> = redis::cmd("ACL").arg("LOG").query(&mut connection).unwrap();
        assert!(log.is_empty(), "{log:?}");
    });
}

/// Ended timers and dead deliveries beyond the bounds are forgotten as in memory, the oldest first.
#[test]
fn what_has_ended_is_bounded() {
    on_one_thread(async {
        let (rig, twin) = (Rig::with_manual_clock(START_MS).await, MemoryTimers::default());
        let count = ENDED_MAX.max(DEAD_MAX) + 600;
        // The first of them send nothing, for there may be more ended timers than dead deliveries.
        let quiet_rounds = (count - DEAD_MAX - 600) / 500;
        let ids: Vec<_> = (0..count).map(|number| format!("{:05}", number * 7_919 % count)).collect();
        for (round, ids) in ids.chunks(500).enumerate() {
            let now_ms = START_MS + round as u64;
            rig.clock.set(now_ms);
            let mut operations: Vec<_> = ids.iter().map(|id| create(id, Due::In(0))).collect();
            operations.push(claim("h"));
            let endpoint = (round >= quiet_rounds).then_some("https://example.com");
            operations.extend(ids.iter().map(|id| fired(id, "h", endpoint)));
            let sent = if endpoint.is_some() { ids } else { &[] };
            operations.extend(sent.iter().map(|id| Operation::Undelivered {
                id: format!("n-{id}.0").into(),
                holder: "h".into(),
                error: "410".into(),
                retry_in_ms: None,
                disable: false,
            }));
            operations.extend([ids[0].clone(), "00000".to_owned()].map(|id| Operation::Get { id: id.into() }));
            let batch = rig.batch(operations);
            assert_eq!(rig.send(&batch).await.unwrap(), twin.apply_at(&batch, now_ms));
        }
        let now_ms = START_MS + 1_000_000;
        rig.clock.set(now_ms);
        let dead = Operation::Deliveries { dead: true, after: "n-05".into(), limit: 1_000 };
        let batch = rig.batch(vec![list(), dead]);
        assert_eq!(rig.send(&batch).await.unwrap(), twin.apply_at(&batch, now_ms));
        let mut connection = rig.server.connection();
        for (key, most) in [("ended", ENDED_MAX), ("ids", ENDED_MAX), ("deliveries:dead", DEAD_MAX)] {
            let count: usize = redis::cmd("ZCARD").arg(format!("test:timers:0:{key}")).query(&mut connection).unwrap();
            assert_eq!(count, most, "{key}");
        }
    });
}
