//! What a link costs over the bare socket, and beside redis-rs's multiplexed connection.
//!
//! `cargo test --release --test link_latency -- --ignored --nocapture`

#[path = "support/links.rs"]
mod links;
#[path = "support/servers.rs"]
mod servers;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use links::{ECHO, on_one_thread, open, ready, standalone, within};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use servers::Server;
use token_budget::store::redis::link::{Call, Link};
use tokio::task::spawn_local;

const CHUNKS: usize = 100;
const CHUNK: usize = 200;
const CONCURRENT: usize = 1_000;
const CONCURRENT_ROUNDS: usize = 100;

#[test]
#[ignore = "measures; says nothing in a debug build"]
fn one_call_costs_little_more_than_the_socket() {
    let server = Server::start(&[]);
    let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    socket.set_nodelay(true).unwrap();
    let load = format!("*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n${}\r\n{}\r\n", ECHO.source.len(), ECHO.source);
    exchange(&mut socket, load.as_bytes());
    for round in 0..3 {
        println!("-- round {round}");
        report("blocking socket, PING", || exchange(&mut socket, b"*1\r\n$4\r\nPING\r\n"));
        let evalsha = format!("*4\r\n$7\r\nEVALSHA\r\n$40\r\n{}\r\n$1\r\n0\r\n$1\r\nx\r\n", ECHO.sha1);
        report("blocking socket, EVALSHA", || exchange(&mut socket, evalsha.as_bytes()));
        on_one_thread(measure_link(&server));
        on_one_thread(measure_multiplexed(&server));
    }
}

fn exchange(socket: &mut TcpStream, bytes: &[u8]) {
    socket.write_all(bytes).unwrap();
    assert!(socket.read(&mut [0; 256]).unwrap() > 0);
}

/// The mean of each chunk of rounds; the machine's moods make single chunks slow.
#[derive(Default)]
struct Chunks {
    means_us: Vec<f64>,
}

impl Chunks {
    fn add(&mut self, began: Instant) {
        self.means_us.push(began.elapsed().as_secs_f64() * 1e6 / CHUNK as f64);
    }

    fn report(mut self, what: &str) {
        self.means_us.sort_by(f64::total_cmp);
        let median = self.means_us[self.means_us.len() / 2];
        println!("{what:<40} best {:>6.2} µs, median {median:>6.2} µs", self.means_us[0]);
    }
}

fn report(what: &str, mut one: impl FnMut()) {
    let mut chunks = Chunks::default();
    for _ in 0..CHUNKS {
        let began = Instant::now();
        (0..CHUNK).for_each(|_| one());
        chunks.add(began);
    }
    chunks.report(what);
}

async fn report_async<F: Future<Output = ()>>(what: &str, mut one: impl FnMut() -> F) {
    let mut chunks = Chunks::default();
    for _ in 0..CHUNKS {
        let began = Instant::now();
        for _ in 0..CHUNK {
            one().await;
        }
        chunks.add(began);
    }
    chunks.report(what);
}

fn echo_call() -> Call {
    Call { script: &ECHO, keys: vec![], args: vec![b"x".to_vec()] }
}

async fn measure_link(server: &Server) {
    let (link, _) = open(standalone(server.port));
    ready(&link).await;
    report_async("link, PING", || one_ping(link.clone())).await;
    report_async("link, EVALSHA", || one_call(link.clone())).await;
    let reads_before = reads(server);
    let began = Instant::now();
    for _ in 0..CONCURRENT_ROUNDS {
        let calls: Vec<_> = (0..CONCURRENT).map(|_| spawn_local(one_call(link.clone()))).collect();
        for call in calls {
            call.await.unwrap();
        }
    }
    report_concurrent("link", began, reads(server) - reads_before);
    link.close().await;
}

async fn one_ping(link: Link) {
    link.ping(within(1000)).await.unwrap();
}

async fn one_call(link: Link) {
    link.call(&echo_call(), within(1000)).await.unwrap();
}

async fn measure_multiplexed(server: &Server) {
    let client = redis::Client::open(("127.0.0.1", server.port)).unwrap();
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    report_async("multiplexed, PING", || one_multiplexed_ping(connection.clone())).await;
    report_async("multiplexed, EVALSHA with a deadline", || one_multiplexed(connection.clone())).await;
    let reads_before = reads(server);
    let began = Instant::now();
    for _ in 0..CONCURRENT_ROUNDS {
        let calls: Vec<_> = (0..CONCURRENT).map(|_| spawn_local(one_multiplexed(connection.clone()))).collect();
        for call in calls {
            call.await.unwrap();
        }
    }
    report_concurrent("multiplexed", began, reads(server) - reads_before);
}

async fn one_multiplexed_ping(mut connection: MultiplexedConnection) {
    redis::cmd("PING").query_async::<String>(&mut connection).await.unwrap();
}

async fn one_multiplexed(mut connection: MultiplexedConnection) {
    let mut command = redis::cmd("EVALSHA");
    command.arg(ECHO.sha1).arg(0).arg("x");
    let call = command.query_async::<redis::Value>(&mut connection);
    tokio::time::timeout(Duration::from_secs(1), call).await.unwrap().unwrap();
}

fn reads(server: &Server) -> u64 {
    let info: String = server.run(&["INFO", "stats"]);
    let line = info.lines().find(|line| line.starts_with("total_reads_processed:")).unwrap();
    line.rsplit(':').next().unwrap().parse().unwrap()
}

fn report_concurrent(what: &str, began: Instant, reads: u64) {
    let calls = CONCURRENT * CONCURRENT_ROUNDS;
    let rate = calls as f64 / began.elapsed().as_secs_f64() / 1000.0;
    let per_read = calls as f64 / reads as f64;
    println!("{what}, EVALSHA, {CONCURRENT} at once: {rate:.0} k/s, {per_read:.1} calls per read of the server");
}
