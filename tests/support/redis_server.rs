//! A redis-server of a test's own: on a free port, in a temporary folder, gone when dropped.

// Each test program uses its own part.
#![allow(dead_code)]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Servers started by this process, to name their folders.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A free port can be taken by somebody else before the server is up.
const ATTEMPTS_MAX: u32 = 5;

pub struct RedisServer {
    process: Child,
    folder: PathBuf,
    pub port: u16,
}

impl RedisServer {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// `options` as on the command line of redis-server.
    pub fn start_with(options: &[&str]) -> Self {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(server) = Self::attempt(options) {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    fn attempt(options: &[&str]) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).ok()?.port();
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("token-budget-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "yes", "--dir"])
            .arg(&folder)
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server 7 or later is needed for these tests: apt-get install -y redis-server");
        let mut server = Self { process, folder, port };
        server.is_up().then_some(server)
    }

    fn is_up(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return false;
            }
            let pinged = self
                .client()
                .get_connection_with_timeout(Duration::from_millis(200))
                .and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection));
            if pinged.is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    pub fn client(&self) -> redis::Client {
        redis::Client::open(format!("redis://127.0.0.1:{}/", self.port)).expect("the address is one")
    }

    /// For looking at the server from outside.
    pub fn connection(&self) -> redis::Connection {
        self.client().get_connection().expect("the server is up")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
