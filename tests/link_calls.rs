//! A link to one server that is well: calls, scripts, bounds, and the end.

#[path = "support/links.rs"]
mod links;
#[path = "support/servers.rs"]
mod servers;

use std::cell::Cell;
use std::rc::Rc;

use links::*;
use servers::{Server, free_port};
use token_budget::domain::error::{Applied, StoreError};
use token_budget::store::redis::config::Credentials;
use token_budget::store::redis::link::{Call, LinkEvent, MAX_CALLS};
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
fn errors_of_the_server_come_back_as_written() {
    let server = Server::start(&[]);
    server.run::<()>(&["RPUSH", "list", "x"]);
    let rights = ["~t:*", "+evalsha", "+eval", "+script|load", "+incrby"];
    server.run::<()>(&[&["ACL", "SETUSER", "few", "on", ">secret"][..], &rights].concat());
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
                    needs_memory: false,
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
    on_one_thread(async {
        let (link, events) = open(standalone(server.port));
        ready(&link).await;
        link.subscribe(vec!["news".to_owned()], Box::new(|_, _| {}));
        until("it listens", 2000, || clients(&server) == 3).await;
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
        until("the server sees no client", 1000, || clients(&server) == 1).await;
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
        let begun = Rc::new(Cell::new(0));
        let waiting: Vec<_> = (0..MAX_CALLS)
            .map(|_| {
                let (link, begun) = (link.clone(), begun.clone());
                spawn_local(async move {
                    begun.set(begun.get() + 1);
                    echo(&link, "x", 60_000).await
                })
            })
            .collect();
        until("all calls wait", 30_000, || begun.get() == MAX_CALLS).await;
        let outcome = echo(&link, "one more", 1000).await;
        assert_eq!(applied(&outcome), Some(Applied::No));
        assert!(outcome.unwrap_err().to_string().contains("65536 calls are under way"));
        waiting.iter().for_each(|call| call.abort());
        for call in waiting {
            let _ = call.await;
        }
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
