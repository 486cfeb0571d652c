//! A link behind Sentinel, through failovers of each kind.

#[path = "support/links.rs"]
mod links;
#[path = "support/servers.rs"]
mod servers;

use links::*;
use servers::SentinelTrio;
use token_budget::domain::error::Applied;
use token_budget::store::redis::config::{Credentials, RedisConfig, Topology};
use token_budget::store::redis::link::Link;

fn behind(trio: &SentinelTrio) -> RedisConfig {
    // The first sentinel is away: the others know as well.
    let ports = [servers::free_port()].into_iter().chain(trio.sentinels.iter().map(|sentinel| sentinel.port));
    config(Topology::Sentinel {
        primary_name: "budgets".to_owned(),
        sentinels: ports.map(address).collect(),
        credentials: Credentials::default(),
    })
}

/// Calls until one is answered; answers how many milliseconds that took.
async fn recovers(link: &Link, key: &str) -> u128 {
    let began = std::time::Instant::now();
    while grow(link, key, 500).await.is_err() {
        assert!(began.elapsed().as_secs() < 20, "does not recover");
    }
    began.elapsed().as_millis()
}

#[test]
fn a_primary_that_dies_is_followed_to_its_successor() {
    let mut trio = SentinelTrio::start();
    on_one_thread(async {
        let (link, events) = open(behind(&trio));
        assert_eq!(grow(&link, "a", 5000).await, Ok(1));
        let port = trio.first.port;
        assert!(format!("{:?}", events.all()).contains(&format!("127.0.0.1:{port}")));
        trio.first.kill();
        recovers(&link, "b").await;
        assert!(trio.second.run::<i64>(&["GET", "b"]) >= 1);
        assert!(format!("{:?}", events.all().last()).contains(&format!("127.0.0.1:{}", trio.second.port)));
    });
}

#[test]
fn a_failover_without_a_loss_is_noticed_without_calls() {
    let trio = SentinelTrio::start();
    on_one_thread(async {
        let (link, events) = open(behind(&trio));
        ready(&link).await;
        let heard = std::rc::Rc::new(std::cell::Cell::new(0));
        let hearing = heard.clone();
        link.subscribe(vec!["news".to_owned()], Box::new(move |_, _| hearing.set(hearing.get() + 1)));
        until("it listens", 3000, || trio.first.run::<u32>(&["PUBLISH", "news", "x"]) == 1).await;
        trio.sentinels[0].run::<()>(&["SENTINEL", "FAILOVER", "budgets"]);
        let second = format!("127.0.0.1:{}", trio.second.port);
        until("the link follows", 15_000, || {
            link.is_connected() && format!("{:?}", events.all().last()).contains(&second)
        })
        .await;
        assert!(grow(&link, "a", 1000).await.is_ok());
        let is_heard = || trio.second.run::<u32>(&["PUBLISH", "news", "x"]) == 1;
        until("messages are heard on the new primary", 5000, is_heard).await;
    });
}

#[test]
fn a_demotion_by_hand_takes_no_call_until_it_is_undone() {
    let trio = SentinelTrio::start();
    on_one_thread(async {
        let (link, events) = open(behind(&trio));
        assert_eq!(grow(&link, "a", 5000).await, Ok(1));
        // Behind the sentinels' back: they go on naming the demoted server.
        trio.first.run::<()>(&["REPLICAOF", "127.0.0.1", &trio.second.port.to_string()]);
        until("it is noticed without a call", 3000, || !link.is_connected()).await;
        let outcome = grow(&link, "a", 300).await;
        assert_eq!(applied(&outcome), Some(Applied::No));
        assert!(outcome.unwrap_err().to_string().contains("role"), "{:?}", events.all());
        trio.first.run::<()>(&["REPLICAOF", "NO", "ONE"]);
        recovers(&link, "b").await;
        assert!(trio.first.run::<i64>(&["GET", "b"]) >= 1);
    });
}

#[test]
fn sentinels_and_primaries_have_passwords_of_their_own() {
    let trio = SentinelTrio::start();
    let grant = |server: &servers::Server, user: &str, password: &str| {
        server.run::<()>(&["ACL", "SETUSER", user, "on", &format!(">{password}"), "+@all", "~*", "&*"]);
    };
    trio.sentinels.iter().for_each(|sentinel| grant(sentinel, "asker", "sentinel-secret"));
    grant(&trio.first, "budgets", "primary-secret");
    let credentials = |user: &str, password: &str| Credentials {
        username: Some(user.to_owned()),
        password: Some(password.to_owned()),
    };
    on_one_thread(async {
        let mut config = behind(&trio);
        config.credentials = credentials("budgets", "primary-secret");
        let Topology::Sentinel { credentials: asking, .. } = &mut config.topology else { unreachable!() };
        *asking = credentials("asker", "wrong-secret");
        let (link, _) = open(config.clone());
        let told = format!("{:?}", grow(&link, "a", 500).await);
        assert!(told.contains("WRONGPASS") && !told.contains("secret"), "{told}");

        let Topology::Sentinel { credentials: asking, .. } = &mut config.topology else { unreachable!() };
        *asking = credentials("asker", "sentinel-secret");
        let (link, _) = open(config);
        assert_eq!(grow(&link, "a", 3000).await, Ok(1));
        assert!(trio.first.run::<String>(&["CLIENT", "LIST"]).contains("user=budgets"));
    });
}

#[test]
fn an_unknown_name_is_told() {
    let trio = SentinelTrio::start();
    on_one_thread(async {
        let mut config = behind(&trio);
        if let Topology::Sentinel { primary_name, .. } = &mut config.topology {
            *primary_name = "nobody".to_owned();
        }
        let (link, _) = open(config);
        let outcome = grow(&link, "a", 500).await;
        assert_eq!(applied(&outcome), Some(Applied::No));
        assert!(outcome.unwrap_err().to_string().contains("does not know nobody"));
    });
}
