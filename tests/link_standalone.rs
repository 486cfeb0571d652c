//! A link to one server, and everything that can happen to it.

#[path = "support/links.rs"]
mod links;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/servers.rs"]
mod servers;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use links::*;
use proxy::{Mood, Proxy};
use servers::{Server, free_port};
use token_budget::domain::error::{Applied, StoreError};
use token_budget::store::redis::config::Credentials;
use token_budget::store::redis::link::{Call, LinkEvent, MAX_CALLS, Timing};
use token_budget::store::redis::script::Script;
use tokio::task::spawn_local;

#[test]
fn calls_wait_for_the_first_connection_and_load_the_script() {
    let server = Server::start(&[]);
    on_one_thread(async {
        let (link, events) = open(standalone(server.port));
        assert!(!link.is_connected());
        assert_eq!(grow(&link, "a", 3000).await, Ok(1));
        assert_eq!(grow(&link, "a", 3000).await, Ok(2));
        assert_eq!(link.ping(within(1000)).await, Ok(()));
        assert!(link.is_connected());
        assert!(link.clock_offset_ms().abs() <= 5, "{}", link.clock_offset_ms());
        assert_eq!(events.all(), [LinkEvent::Connected { address: format!("127.0.0.1:{}", server.port) }]);
        link.close().await;
    });
}

#[test]
fn a_database_of_its_own() {
    let server = Server::start(&[]);
    on_one_thread(async {
        let mut config = standalone(server.port);
        config.db = 3;
        let (link, _) = open(config);
        assert_eq!(grow(&link, "a", 3000).await, Ok(1));
        assert!(server.run::<String>(&["INFO", "keyspace"]).contains("db3:keys=1"));
    });
}

#[test]
fn without_a_server_a_call_surely_did_not_run() {
    on_one_thread(async {
        let (link, events) = open(standalone(free_port()));
        let began = Instant::now();
        let outcome = grow(&link, "a", 300).await;
        assert_eq!(applied(&outcome), Some(Applied::No));
        assert!((300..400).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        assert!(outcome.unwrap_err().to_string().contains("refused"));
        assert_eq!(link.ready(within(50)).await.map_err(|_| ()), Err(()));
        assert_eq!(events.disconnections(), 1, "told once: {:?}", events.all());
    });
}

#[test]
fn a_lost_reply_is_unknown_and_the_call_is_not_sent_again() {
    let server = Server::start(&[]);
    on_one_thread(async {
        let proxy = Proxy::start(server.port).await;
        let (link, events) = open(standalone(proxy.port));
        assert_eq!(grow(&link, "a", 3000).await, Ok(1));
        proxy.set(Mood::DropReplies);
        let began = Instant::now();
        assert_eq!(applied(&grow(&link, "a", 3000).await), Some(Applied::Unknown));
        assert!(began.elapsed() < Duration::from_millis(500), "at once: {:?}", began.elapsed());
        proxy.set(Mood::Honest);
        assert_eq!(grow(&link, "b", 3000).await, Ok(1));
        assert_eq!(server.run::<i64>(&["GET", "a"]), 2, "run once");
        assert_eq!((events.connections(), events.disconnections()), (2, 1));
    });
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let mut server = Server::start(&[]);
    on_one_thread(async {
        let (link, events) = open(standalone(server.port));
        assert_eq!(grow(&link, "a", 3000).await, Ok(1));
        server.kill();
        until("the loss is noticed without a call", 1000, || !link.is_connected()).await;
        assert_eq!(applied(&grow(&link, "a", 100).await), Some(Applied::No));
        let waiting = spawn_local({
            let link = link.clone();
            async move { grow(&link, "a", 5000).await }
        });
        server.restart();
        assert_eq!(waiting.await.unwrap(), Ok(1));
        assert_eq!((events.connections(), events.disconnections()), (2, 1));
    });
}

#[test]
fn errors_of_the_server_come_back_as_written() {
    let server = Server::start(&[]);
    server.run::<()>(&["RPUSH", "list", "x"]);
    server.run::<()>(&["ACL", "SETUSER", "few", "on", ">secret", "~t:*", "+evalsha", "+script|load", "+eval", "+incrby"]);
    on_one_thread(async {
        let (link, _) = open(standalone(server.port));
        let Err(StoreError::Refused { message }) = grow(&link, "list", 3000).await else { panic!() };
        assert!(message.starts_with("WRONGTYPE Operation against a key"), "{message}");
        let mut config = standalone(server.port);
        config.credentials = Credentials { username: Some("few".to_owned()), password: Some("secret".to_owned()) };
        let (link, _) = open(config);
        assert_eq!(grow(&link, "t:1", 3000).await, Ok(1), "neither PING nor TIME nor CONFIG are needed");
        let Err(StoreError::Refused { message }) = grow(&link, "other", 3000).await else { panic!() };
        assert!(message.starts_with("NOPERM") && !message.contains("secret"), "{message}");
    });
}

#[test]
fn a_call_past_its_deadline_is_unknown_and_its_late_reply_is_nobodys() {
    let server = Server::start(&[]);
    on_one_thread(async {
        let (link, events) = open(standalone(server.port));
        assert_eq!(grow(&link, "a", 3000).await, Ok(1));
        server.freeze();
        let began = Instant::now();
        assert_eq!(applied(&grow(&link, "a", 200).await), Some(Applied::Unknown));
        assert!((200..300).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        server.thaw();
        assert_eq!(echo(&link, "second", 3000).await.as_deref(), Ok("second"));
        assert_eq!(server.run::<i64>(&["GET", "a"]), 2, "it ran all the same");
        assert_eq!(events.disconnections(), 0);
    });
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let server = Server::start(&[]);
    on_one_thread(async {
        let proxy = Proxy::start(server.port).await;
        let (link, events) = open(standalone(proxy.port));
        assert_eq!(grow(&link, "a", 3000).await, Ok(1));
        proxy.set(Mood::BlackHole);
        let began = Instant::now();
        assert_eq!(applied(&grow(&link, "a", 9000).await), Some(Applied::Unknown));
        assert!((1900..3200).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        proxy.set(Mood::Honest);
        proxy.cut();
        assert_eq!(grow(&link, "a", 5000).await, Ok(2));
        assert_eq!(events.disconnections(), 1);
    });
}

#[test]
fn a_loss_is_noticed_without_calls() {
    let server = Server::start(&[]);
    on_one_thread(async {
        let proxy = Proxy::start(server.port).await;
        let timing = Timing {
            heartbeat_every: Duration::from_millis(100),
            dead_after: Duration::from_millis(200),
            watch_every: Duration::from_millis(50),
            ..Timing::default()
        };
        let (link, _) = open_with(standalone(proxy.port), timing);
        ready(&link).await;
        pause(500).await;
        assert!(link.is_connected(), "a healthy idle connection stays");
        proxy.set(Mood::BlackHole);
        until("the loss is noticed", 1000, || !link.is_connected()).await;
        proxy.set(Mood::Honest);
        proxy.cut();
        until("it is connected again", 3000, || link.is_connected()).await;
    });
}

#[test]
fn password_rotation() {
    let server = Server::start(&["--requirepass", "old-secret"]);
    let admin = |password: &str, words: &[&str]| {
        let client = redis::Client::open(format!("redis://:{password}@127.0.0.1:{}", server.port)).unwrap();
        let mut connection = client.get_connection().unwrap();
        redis::cmd(words[0]).arg(&words[1..]).query::<redis::Value>(&mut connection).unwrap();
    };
    on_one_thread(async {
        let mut config = standalone(server.port);
        config.credentials.password = Some("old-secret".to_owned());
        let (link, events) = open(config);
        assert_eq!(grow(&link, "a", 3000).await, Ok(1));
        admin("old-secret", &["CONFIG", "SET", "requirepass", "new-secret"]);
        admin("new-secret", &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        let outcome = grow(&link, "a", 1500).await;
        assert!(matches!(applied(&outcome), Some(_)), "{outcome:?}");
        let outcome = grow(&link, "a", 500).await;
        assert_eq!(applied(&outcome), Some(Applied::No));
        let told = format!("{outcome:?} {:?}", events.all());
        assert!(told.contains("WRONGPASS") && !told.contains("secret"), "{told}");
        admin("new-secret", &["CONFIG", "SET", "requirepass", "old-secret"]);
        assert!(grow(&link, "a", 5000).await.is_ok());
    });
}

#[test]
fn a_demoted_server_does_not_take_calls_until_it_is_promoted() {
    let server = Server::start(&[]);
    let other = Server::start(&[]);
    on_one_thread(async {
        let (link, _) = open(standalone(server.port));
        assert_eq!(grow(&link, "a", 3000).await, Ok(1));
        server.run::<()>(&["REPLICAOF", "127.0.0.1", &other.port.to_string()]);
        assert_eq!(applied(&grow(&link, "a", 300).await), Some(Applied::No));
        let waiting = spawn_local({
            let link = link.clone();
            async move { grow(&link, "b", 5000).await }
        });
        pause(100).await;
        server.run::<()>(&["REPLICAOF", "NO", "ONE"]);
        assert_eq!(waiting.await.unwrap(), Ok(1));
    });
}

#[test]
fn an_emptied_script_cache_is_filled_again() {
    let server = Server::start(&[]);
    on_one_thread(async {
        let (link, _) = open(standalone(server.port));
        ready(&link).await;
        let stop = Rc::new(Cell::new(false));
        let flushing = spawn_local({
            let (link, stop) = (link.clone(), stop.clone());
            async move {
                static FLUSH: Script = Script {
                    name: "unknown to the server",
                    source: "return 1",
                    sha1: "e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
                };
                let port = server.port;
                while !stop.get() {
                    let flush = tokio::task::spawn_blocking(move || flush_scripts(port));
                    flush.await.unwrap();
                    let call = Call { script: &FLUSH, keys: vec![], args: vec![] };
                    assert_eq!(link.call(&call, within(3000)).await, Ok(redis::Value::Int(1)));
                }
                server
            }
        });
        let callers: Vec<_> = (0..50)
            .map(|caller| {
                let link = link.clone();
                spawn_local(async move {
                    for round in 1..=100 {
                        assert_eq!(grow(&link, &format!("k{caller}"), 5000).await, Ok(round));
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        stop.set(true);
        drop(flushing.await.unwrap());
    });
}

fn flush_scripts(port: u16) {
    let mut admin = redis::Client::open(("127.0.0.1", port)).unwrap().get_connection().unwrap();
    for _ in 0..20 {
        redis::cmd("SCRIPT").arg("FLUSH").query::<()>(&mut admin).unwrap();
    }
}

#[test]
fn ten_thousand_calls_get_each_its_own_answer_though_others_are_cancelled() {
    let server = Server::start(&[]);
    on_one_thread(async {
        let (link, _) = open(standalone(server.port));
        ready(&link).await;
        let kept = Rc::new(Cell::new(0));
        let mut calls = Vec::new();
        for number in 0..10_000u32 {
            let (link, kept) = (link.clone(), kept.clone());
            // A spread of lengths, and of moments at which some lose patience.
            let text = format!("{number}-{}", "x".repeat((number as usize * 31) % 300));
            calls.push(spawn_local(async move {
                assert_eq!(echo(&link, &text, 20_000).await.as_deref(), Ok(text.as_str()));
                kept.set(kept.get() + 1);
            }));
            if number % 7 == 3 {
                calls[number as usize - 1].abort();
            }
            if number % 1000 == 0 {
                tokio::task::yield_now().await;
                calls[number as usize / 2].abort();
            }
        }
        let mut cancelled = 0;
        for call in calls {
            match call.await {
                Ok(()) => {}
                Err(error) => {
                    assert!(error.is_cancelled(), "{error}");
                    cancelled += 1;
                }
            }
        }
        assert_eq!(kept.get() + cancelled, 10_000);
        assert!(cancelled > 1000, "{cancelled}");
        assert_eq!(echo(&link, "after", 1000).await.as_deref(), Ok("after"));
    });
}

#[test]
fn closing_ends_calls_and_sockets_at_once() {
    let server = Server::start(&[]);
    let before = clients(&server);
    on_one_thread(async {
        let (link, events) = open(standalone(server.port));
        ready(&link).await;
        link.subscribe("news".to_owned(), Box::new(|_| {}));
        until("it listens", 2000, || clients(&server) == before + 2).await;
        server.freeze();
        let calls: Vec<_> = (0..10)
            .map(|_| {
                let link = link.clone();
                spawn_local(async move { grow(&link, "a", 5000).await })
            })
            .collect();
        pause(20).await;
        link.close().await;
        for call in calls {
            assert_eq!(applied(&call.await.unwrap()), Some(Applied::Unknown));
        }
        server.thaw();
        until("the server sees no client", 1000, || clients(&server) == before).await;
        assert_eq!(applied(&grow(&link, "a", 1000).await), Some(Applied::No));
        assert!(link.ready(within(10)).await.is_err() && link.ping(within(10)).await.is_err());
        link.close().await;
        assert_eq!((events.connections(), events.disconnections()), (1, 0), "no events after closing");
    });
}

/// Connections to the server, this question's own included.
fn clients(server: &Server) -> usize {
    server.run::<String>(&["CLIENT", "LIST"]).lines().count()
}

#[test]
fn dropping_the_last_handle_closes() {
    let server = Server::start(&[]);
    on_one_thread(async {
        let (link, _) = open(standalone(server.port));
        ready(&link).await;
        drop(link.clone());
        assert_eq!(grow(&link, "a", 1000).await, Ok(1));
        drop(link);
        until("the server sees no client", 1000, || clients(&server) == 1).await;
    });
}

#[test]
fn too_many_calls_are_refused() {
    on_one_thread(async {
        let (link, _) = open(standalone(free_port()));
        let waiting: Vec<_> = (0..MAX_CALLS)
            .map(|_| {
                let link = link.clone();
                spawn_local(async move { echo(&link, "x", 60_000).await })
            })
            .collect();
        tokio::task::yield_now().await;
        pause(300).await;
        let outcome = echo(&link, "one more", 1000).await;
        assert_eq!(applied(&outcome), Some(Applied::No));
        assert!(outcome.unwrap_err().to_string().contains("65536 calls are under way"));
        waiting.iter().for_each(|call| call.abort());
        pause(200).await;
        let outcome = echo(&link, "room again", 10).await;
        assert!(outcome.unwrap_err().to_string().contains("no connection"));
    });
}

#[test]
fn eviction_is_warned_of_once() {
    let mut server = Server::start(&["--maxmemory-policy", "allkeys-lru"]);
    on_one_thread(async {
        let (link, events) = open(standalone(server.port));
        ready(&link).await;
        server.restart();
        until("it is connected again", 5000, || events.connections() == 2).await;
        let warnings = events.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("allkeys-lru"));
    });
}

#[test]
fn messages_are_heard_across_reconnections() {
    let mut server = Server::start(&[]);
    on_one_thread(async {
        let (link, _) = open(standalone(server.port));
        let heard = Rc::new(RefCell::new(Vec::new()));
        let hearing = heard.clone();
        link.subscribe("t:news".to_owned(), Box::new(move |message| hearing.borrow_mut().push(message)));
        for round in 0..2 {
            until("somebody listens", 5000, || server.run::<u32>(&["PUBLISH", "t:news", "x"]) == 1).await;
            until("it is heard", 1000, || heard.borrow().len() == round + 1).await;
            assert!(heard.borrow().iter().all(|message| message == b"x"));
            if round == 0 {
                server.restart();
            }
        }
    });
}
