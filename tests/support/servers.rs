//! Real servers for tests: on free ports, in temporary folders, ended when they go out of scope.
#![allow(dead_code)] // Each test file uses its own part.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// Patience with a server that starts; a slow machine is no failure.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// One `redis-server`.
pub struct Server {
    pub port: u16,
    folder: PathBuf,
    args: Vec<String>,
    child: Option<Child>,
    /// Plain connections are possible; not with TLS alone.
    pings: bool,
}

impl Server {
    pub fn start(args: &[&str]) -> Server {
        Server::start_on(free_port(), args)
    }

    pub fn start_on(port: u16, args: &[&str]) -> Server {
        Server::start_with(port, args, true)
    }

    /// A server whose `port` speaks TLS only.
    pub fn start_tls(port: u16, args: &[&str]) -> Server {
        Server::start_with(port, args, false)
    }

    fn start_with(port: u16, args: &[&str], pings: bool) -> Server {
        let folder = temporary_folder(port);
        let args = args.iter().map(|arg| arg.to_string()).collect();
        let mut server = Server { port, folder, args, child: None, pings };
        server.restart();
        server
    }

    /// Starts the process (again), on the same port and folder, and waits until it answers.
    pub fn restart(&mut self) {
        self.kill();
        let (plain_port, port) = (self.port.to_string(), self.port.to_string());
        let mut command = Command::new("redis-server");
        if Path::new(&self.folder).join("server.conf").exists() {
            command.arg("server.conf");
        }
        command.args(["--port", if self.pings { &plain_port } else { "0" }]);
        if !self.pings {
            command.args(["--tls-port", &port]);
        }
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning"]);
        command.args(["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"]).args(&self.args);
        let child = command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server does not start; install it with: apt-get install -y redis-server");
        self.child = Some(child);
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&self) {
        eventually("the server answers", || match self.pings {
            true => self.try_admin().is_some_and(|mut admin| {
                let pong: redis::RedisResult<String> = redis::cmd("PING").query(&mut admin);
                // A server that asks for a password is up, too.
                pong.is_ok() || pong.is_err_and(|error| error.code() == Some("NOAUTH"))
            }),
            false => std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok(),
        });
    }

    fn try_admin(&self) -> Option<redis::Connection> {
        redis::Client::open(("127.0.0.1", self.port)).ok()?.get_connection_with_timeout(Duration::from_secs(2)).ok()
    }

    /// Runs one command from outside.
    pub fn run<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut admin = self.try_admin().expect("connects");
        let (name, args) = words.split_first().expect("a command");
        let reply = redis::cmd(name).arg(args).query(&mut admin);
        reply.unwrap_or_else(|error| panic!("{words:?} on {}: {error}", self.port))
    }

    /// The same, and `None` when it fails.
    pub fn try_run<T: redis::FromRedisValue>(&self, words: &[&str]) -> Option<T> {
        let (name, args) = words.split_first()?;
        redis::cmd(name).arg(args).query(&mut self.try_admin()?).ok()
    }

    /// How often scripts were called by their digest.
    pub fn evalsha_count(&self) -> u64 {
        let info: String = self.run(&["INFO", "commandstats"]);
        let line = info.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap_or("");
        let calls = line.split(['=', ',']).nth(1).unwrap_or("0");
        calls.parse().expect("a number")
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP: alive for the kernel, dead for everyone else.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("runs").id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill").success());
    }

    /// A sentinel; `config` is its file.
    pub fn start_sentinel(config: &str) -> Server {
        let port = free_port();
        let folder = temporary_folder(port);
        std::fs::write(folder.join("server.conf"), config).expect("writes");
        let mut server = Server { port, folder, args: vec!["--sentinel".to_owned()], child: None, pings: true };
        server.restart();
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Ends servers and clears their folders once this process is gone, whatever ended it. For servers
/// kept in a static, which is never dropped.
pub fn end_with_this_process<'a>(servers: impl IntoIterator<Item = &'a Server>) {
    // The shell reads until nobody holds the other end of its input, which is this process alone.
    // Ctrl-C reaches the whole group, and must not end the shell before its work is done.
    let script = r#"trap '' HUP INT TERM
read -r _
while [ $# -gt 0 ]; do kill -9 "$1"; rm -rf "$2"; shift 2; done"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]);
    for server in servers {
        shell.arg(server.child.as_ref().expect("runs").id().to_string()).arg(&server.folder);
    }
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Closing the input is what the end of the process does.
    std::mem::forget(shell.spawn().expect("there is a shell"));
}

/// A primary with one replica, and three sentinels that watch them.
pub struct SentinelTrio {
    pub first: Server,
    pub second: Server,
    pub sentinels: Vec<Server>,
}

impl SentinelTrio {
    pub fn start() -> SentinelTrio {
        let first = Server::start(&[]);
        let first_port = first.port.to_string();
        let second = Server::start(&["--replicaof", "127.0.0.1", &first_port, "--replica-priority", "1"]);
        eventually("the replica follows", || second.run::<String>(&["INFO", "replication"]).contains("link_status:up"));
        let config = format!(
            "sentinel monitor budgets 127.0.0.1 {first_port} 2\n\
             sentinel down-after-milliseconds budgets 600\n\
             sentinel failover-timeout budgets 3000\n"
        );
        let sentinels: Vec<_> = (0..3).map(|_| Server::start_sentinel(&config)).collect();
        eventually("the sentinels know each other and the replica", || {
            sentinels.iter().all(|sentinel| {
                let known: Vec<String> = sentinel.run(&["SENTINEL", "MASTER", "budgets"]);
                let field = |name: &str| {
                    known.chunks(2).find(|pair| pair[0] == name).map_or("", |pair| pair[1].as_str()).to_owned()
                };
                field("num-other-sentinels") == "2" && field("num-slaves") == "1"
            })
        });
        SentinelTrio { first, second, sentinels }
    }
}

/// Three primaries, and a replica of each when asked for. Node `3 + i` follows node `i`.
pub struct ClusterOfThree {
    pub nodes: Vec<Server>,
}

impl ClusterOfThree {
    pub fn start(with_replicas: bool) -> ClusterOfThree {
        let args =
            ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"];
        let count = if with_replicas { 6 } else { 3 };
        let nodes: Vec<_> = (0..count).map(|_| Server::start(&args)).collect();
        for (node, (first, last)) in nodes.iter().zip([(0, 5460), (5461, 10922), (10923, 16383)]) {
            node.run::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        for (index, node) in nodes.iter().enumerate() {
            node.run::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            nodes[0].run::<()>(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]);
        }
        let cluster = ClusterOfThree { nodes };
        let all_known = format!("cluster_known_nodes:{count}");
        cluster.wait_until("every node knows every other", |info| info.contains(&all_known));
        if with_replicas {
            for (primary, replica) in cluster.nodes[..3].iter().zip(&cluster.nodes[3..]) {
                let id = primary.run::<String>(&["CLUSTER", "MYID"]);
                replica.run::<()>(&["CLUSTER", "REPLICATE", &id]);
            }
            eventually("the replicas follow", || {
                let mut replicas = cluster.nodes[3..].iter();
                replicas.all(|node| node.run::<String>(&["INFO", "replication"]).contains("link_status:up"))
            });
        }
        cluster.wait_until("the cluster serves", |info| info.contains("cluster_state:ok"));
        cluster
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        eventually(what, || self.nodes.iter().all(|node| is_so(&node.run::<String>(&["CLUSTER", "INFO"]))));
    }

    /// The node that serves a slot, by its own word.
    pub fn owner(&self, slot: u16) -> usize {
        let owns = |node: &Server| {
            let lines: String = node.run(&["CLUSTER", "NODES"]);
            let own = lines.lines().find(|line| line.contains("myself")).unwrap_or("").to_owned();
            own.contains("master") && own.split(' ').skip(8).any(|range| contains(range, slot))
        };
        self.nodes.iter().position(owns).expect("somebody serves the slot")
    }

    pub fn id(&self, node: usize) -> String {
        self.nodes[node].run(&["CLUSTER", "MYID"])
    }
}

fn contains(range: &str, slot: u16) -> bool {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => (first..=last).contains(&slot),
        _ => false,
    }
}

/// Looks again and again until it is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < START_PATIENCE, "not within {START_PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that nobody uses, nor the one 10,000 above it, which a cluster node needs for its bus.
/// Below the range the kernel takes ports from.
pub fn free_port() -> u16 {
    static OFFSET: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() as u16 % 97 * 100;
    loop {
        let port = 12_000 + (start + OFFSET.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
    }
}

/// Named by process and port, so that no two servers share it.
pub fn temporary_folder(port: u16) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("token-budget-{}-{port}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("makes a folder");
    folder
}
