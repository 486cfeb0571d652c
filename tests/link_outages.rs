//! A link to one server that goes away, falls silent, or turns it down.

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
use token_budget::domain::error::Applied;
use token_budget::store::redis::link::Timing;
use tokio::task::spawn_local;

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
        assert!(applied(&outcome).is_some(), "{outcome:?}");
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
fn messages_are_heard_across_reconnections() {
    let mut server = Server::start(&[]);
    on_one_thread(async {
        let (link, _) = open(standalone(server.port));
        let heard = Rc::new(RefCell::new(Vec::new()));
        let hearing = heard.clone();
        let listens = Rc::new(Cell::new(0));
        let listening = listens.clone();
        link.subscribe_and_tell(
            vec!["t:news".to_owned()],
            Box::new(move |_, message| hearing.borrow_mut().push(message)),
            Box::new(move || listening.set(listening.get() + 1)),
        );
        for round in 0..2 {
            until("it is told that news are heard", 5000, || listens.get() == round + 1).await;
            until("somebody listens", 5000, || server.run::<u32>(&["PUBLISH", "t:news", "x"]) == 1).await;
            until("it is heard", 1000, || heard.borrow().len() == round + 1).await;
            assert!(heard.borrow().iter().all(|message| message == b"x"));
            if round == 0 {
                server.restart();
            }
        }
    });
}

#[test]
fn what_never_left_is_sent_on_the_next_connection() {
    let mut server = Server::start(&[]);
    on_one_thread(async {
        let (link, _) = open(standalone(server.port));
        assert_eq!(echo(&link, "loads the script", 3000).await.as_deref(), Ok("loads the script"));
        server.freeze();
        // More than the buffers of two kernels hold.
        let text = Rc::new("x".repeat(100_000));
        let calls: Vec<_> = (0..400)
            .map(|_| {
                let (link, text) = (link.clone(), text.clone());
                spawn_local(async move { echo(&link, &text, 10_000).await })
            })
            .collect();
        pause(300).await;
        server.restart();
        let mut outcomes = Vec::new();
        for call in calls {
            outcomes.push(call.await.unwrap());
        }
        let lost = outcomes.iter().take_while(|outcome| applied(outcome) == Some(Applied::Unknown)).count();
        assert!((1..400).contains(&lost), "{lost} calls were on their way");
        assert!(outcomes[lost..].iter().all(|outcome| outcome.as_ref() == Ok(&*text)), "the others did not notice");
    });
}

#[test]
fn a_busy_server_is_waited_for() {
    let server = Server::start(&["--busy-reply-threshold", "20"]);
    on_one_thread(async {
        let (link, events) = open(standalone(server.port));
        ready(&link).await;
        let port = server.port;
        let endless = std::thread::spawn(move || {
            let mut admin = redis::Client::open(("127.0.0.1", port)).unwrap().get_connection().unwrap();
            redis::cmd("EVAL").arg("while true do end").arg(0).query::<()>(&mut admin).unwrap_err();
        });
        pause(200).await;
        assert_eq!(applied(&grow(&link, "a", 300).await), Some(Applied::No));
        let (outcome, ()) = tokio::join!(grow(&link, "a", 5000), async {
            pause(100).await;
            server.run::<()>(&["SCRIPT", "KILL"]);
        });
        assert_eq!(outcome, Ok(1));
        endless.join().unwrap();
        assert_eq!(events.disconnections(), 0);
    });
}
