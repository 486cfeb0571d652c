//! A link to a cluster, while slots move and primaries die.

#[path = "support/links.rs"]
mod links;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/servers.rs"]
mod servers;

use std::time::{Duration, Instant};

use links::*;
use servers::ClusterOfThree;
use token_budget::domain::error::{Applied, StoreError};
use token_budget::store::redis::config::{Credentials, RedisConfig, Topology};
use token_budget::store::redis::link::{Call, Link, slot};

fn of(cluster: &ClusterOfThree) -> RedisConfig {
    config(Topology::Cluster(vec![address(servers::free_port()), address(cluster.nodes[1].port)]))
}

#[test]
fn each_call_goes_where_its_slot_is() {
    let cluster = ClusterOfThree::start(false);
    on_one_thread(async {
        let (link, events) = open(of(&cluster));
        let calls: Vec<_> = (0..300)
            .map(|number| {
                let link = link.clone();
                tokio::task::spawn_local(async move {
                    assert_eq!(grow(&link, &format!("t:{{{number}}}:usage"), 5000).await, Ok(1));
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        let sizes: Vec<u32> = cluster.nodes.iter().map(|node| node.run(&["DBSIZE"])).collect();
        assert_eq!(sizes.iter().sum::<u32>(), 300);
        assert!(sizes.iter().all(|&size| size > 50), "{sizes:?}");
        assert_eq!(link.ping(within(1000)).await, Ok(()));
        assert_eq!(echo(&link, "no key", 1000).await.as_deref(), Ok("no key"));
        let keys = vec![b"a".to_vec(), b"b".to_vec()];
        let call = Call { script: &GROW, keys, args: vec![b"1".to_vec()] };
        let outcome = link.call(&call, within(1000)).await;
        let Err(StoreError::Refused { message }) = outcome else { panic!("{outcome:?}") };
        assert!(message.starts_with("CROSSSLOT"), "{message}");
        assert_eq!((events.connections(), events.warnings().len()), (1, 0));
        let heard = std::rc::Rc::new(std::cell::Cell::new(0));
        let hearing = heard.clone();
        link.subscribe(vec!["news".to_owned()], Box::new(move |_, _| hearing.set(hearing.get() + 1)));
        until("a message of any node is heard", 3000, || {
            cluster.nodes[2].run::<()>(&["PUBLISH", "news", "x"]);
            heard.get() > 0
        })
        .await;
        link.close().await;
    });
}

/// A key, its slot, who serves it and somebody else.
fn place(cluster: &ClusterOfThree, key: &str) -> (u16, usize, usize) {
    let owner = cluster.owner(slot(key.as_bytes()));
    (slot(key.as_bytes()), owner, (owner + 1) % 3)
}

/// Opens a slot's migration: new keys of it are asked for (ASK) at the other node.
fn begin_migration(cluster: &ClusterOfThree, slot: u16, from: usize, to: usize) {
    let slot = slot.to_string();
    cluster.nodes[to].run::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &cluster.id(from)]);
    cluster.nodes[from].run::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &cluster.id(to)]);
}

fn end_migration(cluster: &ClusterOfThree, slot: u16, to: usize) {
    for node in [to, (to + 1) % 3, (to + 2) % 3] {
        cluster.nodes[node].run::<()>(&["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &cluster.id(to)]);
    }
}

fn migrate_key(cluster: &ClusterOfThree, key: &str, from: usize, to: usize) {
    let port = cluster.nodes[to].port.to_string();
    cluster.nodes[from].run::<()>(&["MIGRATE", "127.0.0.1", &port, key, "0", "2000"]);
}

#[test]
fn slots_that_move_are_followed() {
    let cluster = ClusterOfThree::start(false);
    on_one_thread(async {
        let (link, events) = open(of(&cluster));
        assert_eq!(grow(&link, "k{m}", 5000).await, Ok(1));
        let (slot, from, to) = place(&cluster, "k{m}");

        begin_migration(&cluster, slot, from, to);
        assert_eq!(grow(&link, "k{m}", 1000).await, Ok(2), "still where it was");
        migrate_key(&cluster, "k{m}", from, to);
        assert_eq!(grow(&link, "k{m}", 1000).await, Ok(3), "ASK, on a node that has no script yet");
        assert_eq!(grow(&link, "k{m}", 1000).await, Ok(4), "ASK");
        assert_eq!(grow(&link, "new{m}", 1000).await, Ok(1), "ASK for a key that is nowhere");
        end_migration(&cluster, slot, to);
        assert_eq!(grow(&link, "k{m}", 1000).await, Ok(5), "MOVED");
        let calls_before = cluster.nodes[from].evalsha_count();
        pause(300).await;
        assert_eq!(grow(&link, "k{m}", 1000).await, Ok(6));
        assert_eq!(cluster.nodes[from].evalsha_count(), calls_before, "the map was learnt");
        assert_eq!(events.disconnections(), 0, "{:?}", events.all());
    });
}

#[test]
fn keys_that_are_half_moved_are_waited_for() {
    let cluster = ClusterOfThree::start(false);
    on_one_thread(async {
        let (link, _) = open(of(&cluster));
        assert_eq!(grow(&link, "a{m}", 5000).await, Ok(1));
        assert_eq!(grow(&link, "b{m}", 5000).await, Ok(1));
        let (slot, from, to) = place(&cluster, "a{m}");
        begin_migration(&cluster, slot, from, to);
        migrate_key(&cluster, "a{m}", from, to);
        let both = Call { script: &GROW, keys: vec![b"a{m}".to_vec(), b"b{m}".to_vec()], args: vec![b"1".to_vec()] };
        let outcome = link.call(&both, within(200)).await;
        assert_eq!(applied(&outcome), Some(Applied::No), "TRYAGAIN");
        let (waiting, ()) = tokio::join!(link.call(&both, within(3000)), async {
            pause(100).await;
            migrate_key(&cluster, "b{m}", from, to);
        });
        assert_eq!(waiting, Ok(redis::Value::Int(2)));
    });
}

#[test]
fn a_replica_takes_over_from_a_primary_that_dies() {
    let mut cluster = ClusterOfThree::start(true);
    on_one_thread(async {
        let (link, events) = open(of(&cluster));
        assert_eq!(grow(&link, "k", 5000).await, Ok(1));
        let slot = slot(b"k");
        let owner = cluster.owner(slot);
        cluster.nodes[owner].kill();
        until("the loss is noticed", 2000, || !link.is_connected()).await;
        let began = Instant::now();
        let mut doubtful = 0;
        let value = loop {
            let outcome = grow(&link, "k", 1000).await;
            match (applied(&outcome), outcome) {
                (_, Ok(value)) => break value,
                (Some(Applied::No), _) => {}
                // A server of the broken cluster may hang up on a call it was sent.
                (Some(Applied::Unknown), _) => doubtful += 1,
                (None, outcome) => panic!("{outcome:?}"),
            }
            assert!(began.elapsed() < Duration::from_secs(20));
        };
        assert!(value <= 2 + doubtful);
        assert!(cluster.nodes[owner + 3].run::<i64>(&["GET", "k"]) == value);
        until("every primary is connected", 3000, || link.is_connected()).await;
        assert_eq!(events.disconnections(), 1);
        assert_serves_everywhere(&link).await;
    });
}

#[test]
fn a_failover_by_hand_loses_nothing() {
    let cluster = ClusterOfThree::start(true);
    on_one_thread(async {
        let (link, _) = open(of(&cluster));
        assert_eq!(grow(&link, "k", 5000).await, Ok(1));
        let owner = cluster.owner(slot(b"k"));
        cluster.nodes[owner + 3].run::<()>(&["CLUSTER", "FAILOVER"]);
        let began = Instant::now();
        let mut expected = 2;
        while began.elapsed() < Duration::from_millis(2500) {
            assert_eq!(grow(&link, "k", 3000).await, Ok(expected));
            expected += 1;
            pause(1).await;
        }
        assert_eq!(cluster.nodes[owner + 3].run::<i64>(&["GET", "k"]), expected - 1);
        assert_serves_everywhere(&link).await;
    });
}

async fn assert_serves_everywhere(link: &Link) {
    for number in 0..60 {
        assert!(grow(link, &format!("everywhere:{number}"), 3000).await.is_ok());
    }
}

#[test]
fn a_lost_reply_is_unknown_and_not_sent_to_anyone_again() {
    let cluster = ClusterOfThree::start(false);
    on_one_thread(async {
        let (slot, owner, _) = place(&cluster, "k");
        let proxy = proxy::Proxy::start(cluster.nodes[owner].port).await;
        let announced = proxy.port.to_string();
        cluster.nodes[owner].run::<()>(&["CONFIG", "SET", "cluster-announce-port", &announced]);
        let behind_proxy = || {
            let slots: redis::Value = cluster.nodes[(owner + 1) % 3].run(&["CLUSTER", "SLOTS"]);
            format!("{slots:?}").contains(&announced)
        };
        until("the cluster announces the proxy", 5000, behind_proxy).await;
        let (link, _) = open(config(Topology::Cluster(vec![address(cluster.nodes[(owner + 1) % 3].port)])));
        assert_eq!(grow(&link, "k", 5000).await, Ok(1));
        proxy.set(proxy::Mood::DropReplies);
        assert_eq!(applied(&grow(&link, "k", 3000).await), Some(Applied::Unknown), "slot {slot}");
        proxy.set(proxy::Mood::Honest);
        assert_eq!(grow(&link, "other{k}", 5000).await, Ok(1));
        assert_eq!(cluster.nodes[owner].run::<i64>(&["GET", "k"]), 2, "run once");
    });
}

#[test]
fn every_node_is_shown_the_password() {
    let cluster = ClusterOfThree::start(false);
    for node in &cluster.nodes {
        node.run::<()>(&["ACL", "SETUSER", "few", "on", ">secret", "+@all", "~*", "&*"]);
    }
    on_one_thread(async {
        let credentials = Credentials { username: Some("few".to_owned()), password: Some("secret".to_owned()) };
        let (link, _) = open(RedisConfig { credentials, ..of(&cluster) });
        assert_serves_everywhere(&link).await;
        for node in &cluster.nodes {
            assert!(node.run::<String>(&["CLIENT", "LIST"]).contains("user=few"));
        }
    });
}
