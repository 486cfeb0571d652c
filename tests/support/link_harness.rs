//! Redis as the product reaches it, put to the suites: the real link, to real servers of any
//! topology. Servers are started once for a test program; a prefix of its own gives each case an
//! empty store.

// Each test program uses its own part.
#![allow(dead_code)]

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use token_budget::clock::ManualClock;
use token_budget::store::redis::config::{Address, Credentials, RedisConfig, Topology};
use token_budget::store::redis::keys::Keys;
use token_budget::store::redis::link::Link;
use token_budget::store::redis::store::RedisStore;

use super::servers::{ClusterOfThree, SentinelTrio, Server, end_with_this_process};

/// How servers are arranged.
pub trait Place {
    /// Where the servers are; starts them when asked for the first time.
    fn topology() -> Topology;
}

pub struct Standalone;

impl Place for Standalone {
    fn topology() -> Topology {
        static SERVER: OnceLock<Server> = OnceLock::new();
        let server = SERVER.get_or_init(|| {
            let server = Server::start(&[]);
            end_with_this_process([&server]);
            server
        });
        Topology::Standalone(address(server))
    }
}

pub struct Sentinel;

impl Place for Sentinel {
    fn topology() -> Topology {
        static TRIO: OnceLock<SentinelTrio> = OnceLock::new();
        let trio = TRIO.get_or_init(|| {
            let trio = SentinelTrio::start();
            end_with_this_process([&trio.first, &trio.second].into_iter().chain(&trio.sentinels));
            // A failover may lose what it did not replicate, and a busy machine must cause none.
            for sentinel in &trio.sentinels {
                sentinel.run::<()>(&["SENTINEL", "SET", "budgets", "down-after-milliseconds", "60000"]);
            }
            trio
        });
        Topology::Sentinel {
            sentinels: trio.sentinels.iter().map(address).collect(),
            primary_name: "budgets".to_owned(),
            credentials: Credentials::default(),
        }
    }
}

pub struct Cluster;

impl Place for Cluster {
    fn topology() -> Topology {
        static CLUSTER: OnceLock<ClusterOfThree> = OnceLock::new();
        let cluster = CLUSTER.get_or_init(|| {
            let cluster = ClusterOfThree::start(true);
            end_with_this_process(&cluster.nodes);
            // As for Sentinel.
            for node in &cluster.nodes {
                node.run::<()>(&["CONFIG", "SET", "cluster-node-timeout", "60000"]);
            }
            cluster
        });
        // One seed; the link finds the others.
        Topology::Cluster(vec![address(&cluster.nodes[0])])
    }
}

fn address(server: &Server) -> Address {
    Address { host: "127.0.0.1".to_owned(), port: server.port }
}

/// A link to the servers of `P`, connected, and the names of keys that begin with `prefix`.
pub async fn open_link<P: Place>(prefix: &str) -> (Link, Keys) {
    let topology = P::topology();
    let is_cluster = matches!(topology, Topology::Cluster(_));
    let config = RedisConfig {
        topology,
        credentials: Credentials::default(),
        db: 0,
        tls: None,
        key_prefix: prefix.to_owned(),
        connect_timeout: Duration::from_secs(5),
    };
    let link = Link::open(config, None, Box::new(|_| {}));
    link.ready(Instant::now() + Duration::from_secs(10)).await.expect("connects");
    (link, Keys::new(prefix, is_cluster))
}

pub struct LinkHarness<P> {
    /// In front of the keys of the case.
    pub prefix: String,
    store: RedisStore<Link>,
    clock: Arc<ManualClock>,
    place: PhantomData<P>,
}

impl<P: Place> crate::conformance::harness::Harness for LinkHarness<P> {
    type Store = RedisStore<Link>;

    async fn open() -> Self {
        static CASES: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("case-{}", CASES.fetch_add(1, Ordering::Relaxed));
        let (link, keys) = open_link::<P>(&prefix).await;
        let clock = Arc::new(ManualClock::at(0));
        let store = RedisStore::with_manual_clock(link, keys, clock.clone());
        Self { prefix, store, clock, place: PhantomData }
    }

    fn store(&self) -> &Self::Store {
        &self.store
    }

    fn set_now_ms(&self, now_ms: u64) {
        self.clock.set(now_ms);
    }

    fn remembers_replies(&self) -> bool {
        true
    }
}
