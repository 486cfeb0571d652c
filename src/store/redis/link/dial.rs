//! From an address to a connection that is authenticated and ready.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::Value;
use rustls::ClientConfig;

use super::resp::Reply;
use super::socket::Socket;
use super::stream::EventLoop;
use super::tls::client_config;
use super::wire::Wire;
use crate::store::redis::config::{Address, Credentials, RedisConfig};

pub struct Dialer {
    /// An unusable TLS configuration fails every attempt, so that its owner hears of it.
    tls: Result<Option<Arc<ClientConfig>>, String>,
    connect_timeout: Duration,
    /// Watches the sockets, instead of the runtime.
    event_loop: Option<Rc<dyn EventLoop>>,
}

impl Dialer {
    pub fn new(config: &RedisConfig, event_loop: Option<Rc<dyn EventLoop>>) -> Dialer {
        let tls = config.tls.as_ref().map(client_config).transpose();
        Dialer { tls, connect_timeout: config.connect_timeout, event_loop }
    }

    /// Connects, authenticates, selects the database, and makes sure that the server takes
    /// commands. The error tells why not, and never contains a password.
    pub async fn dial(&self, address: &Address, credentials: &Credentials, db: u32) -> Result<Wire, String> {
        self.dial_within(address, credentials, db, self.connect_timeout).await
    }

    pub async fn dial_within(
        &self,
        address: &Address,
        credentials: &Credentials,
        db: u32,
        limit: Duration,
    ) -> Result<Wire, String> {
        let tls = self.tls.as_ref().map_err(Clone::clone)?.as_ref();
        let limit = limit.min(self.connect_timeout);
        let dialing = async {
            let mut wire = Wire::new(Socket::connect(address, tls, self.event_loop.as_deref()).await?);
            introduce(&mut wire, credentials, db).await?;
            Ok(wire)
        };
        match tokio::time::timeout(limit, dialing).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no connection within {} ms", limit.as_millis())),
        }
    }
}

async fn introduce(wire: &mut Wire, credentials: &Credentials, db: u32) -> Result<(), String> {
    let db_text = db.to_string();
    let select: [&[u8]; 2] = [b"SELECT", db_text.as_bytes()];
    let auth = auth_words(credentials);
    let mut commands: Vec<&[&[u8]]> = Vec::new();
    if !auth.is_empty() {
        commands.push(&auth);
    }
    if db != 0 {
        commands.push(&select);
    }
    commands.push(&[b"PING"]);
    for (command, reply) in commands.iter().zip(wire.ask(&commands).await.map_err(|error| error.to_string())?) {
        match reply {
            Reply::Value(_) => {}
            // Someone who may run scripts and not PING is welcome all the same.
            Reply::Error(message) if command[0] == b"PING" && message.starts_with("NOPERM") => {}
            Reply::Error(message) => {
                let message = without_password(&message, credentials);
                return Err(format!("{}: {message}", String::from_utf8_lossy(command[0])));
            }
        }
    }
    Ok(())
}

/// A server that does not know a command repeats its arguments, and AUTH's are secret.
fn without_password<'a>(message: &'a str, credentials: &Credentials) -> &'a str {
    let told = message.split(", with args beginning with").next().unwrap_or_default();
    match &credentials.password {
        Some(password) if told.contains(password) => told.split(' ').next().unwrap_or_default(),
        _ => told,
    }
}

fn auth_words(credentials: &Credentials) -> Vec<&[u8]> {
    let password = credentials.password.as_deref().unwrap_or("").as_bytes();
    match (&credentials.username, &credentials.password) {
        (None, None) => vec![],
        (None, Some(_)) => vec![b"AUTH", password],
        (Some(username), _) => vec![b"AUTH", username.as_bytes(), password],
    }
}

/// What a server says of itself when a link connects.
#[derive(Debug, Default)]
pub struct Introduction {
    pub clock: Option<ClockSample>,
    /// `None` where the server does not say.
    pub maxmemory_policy: Option<String>,
}

/// Asks for the clock and the eviction policy. A server that refuses to tell is no worse.
pub async fn ask_introduction(wire: &mut Wire) -> Result<Introduction, String> {
    let text = |error: std::io::Error| error.to_string();
    let asked = ClockQuestion::now();
    let time = wire.ask(&[&[b"TIME"]]).await.map_err(text)?.pop();
    let clock = time.and_then(|reply| asked.answered(&reply));
    let policy = wire.ask(&[&[b"CONFIG", b"GET", b"maxmemory-policy"]]).await.map_err(text)?.pop();
    Ok(Introduction { clock, maxmemory_policy: policy.and_then(|reply| second_text(&reply)) })
}

/// Asks for the role; `None` where the server does not say.
pub async fn ask_role(wire: &mut Wire) -> Result<Option<String>, String> {
    let replies = wire.ask(&[&[b"ROLE"]]).await.map_err(|error| error.to_string())?;
    Ok(replies.first().and_then(role))
}

/// The role in a reply to ROLE: `master`, `slave` or `sentinel`.
pub fn role(reply: &Reply) -> Option<String> {
    let Reply::Value(Value::Array(parts)) = reply else { return None };
    text(parts.first()?)
}

fn second_text(reply: &Reply) -> Option<String> {
    let Reply::Value(Value::Array(parts)) = reply else { return None };
    text(parts.get(1)?)
}

/// A string of a reply, which may be bulk or simple.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

/// How far a server's clock is ahead, and how wrong that can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSample {
    pub offset_ms: i64,
    pub error_ms: i64,
}

/// When TIME was sent.
pub struct ClockQuestion {
    system: SystemTime,
    monotonic: Instant,
}

impl ClockQuestion {
    pub fn now() -> ClockQuestion {
        ClockQuestion { system: SystemTime::now(), monotonic: Instant::now() }
    }

    /// The server read its clock about half a round trip after the question.
    pub fn answered(&self, reply: &Reply) -> Option<ClockSample> {
        let Reply::Value(Value::Array(parts)) = reply else { return None };
        let number = |index: usize| -> Option<i64> { text(parts.get(index)?)?.parse().ok() };
        let server_us = number(0)?.checked_mul(1_000_000)?.checked_add(number(1)?)?;
        let round_trip_us = self.monotonic.elapsed().as_micros() as i64;
        let asked_us = self.system.duration_since(UNIX_EPOCH).ok()?.as_micros() as i64;
        let offset_us = server_us - (asked_us + round_trip_us / 2);
        Some(ClockSample { offset_ms: (offset_us as f64 / 1000.0).round() as i64, error_ms: round_trip_us / 2000 + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_repeated() {
        let credentials = Credentials { username: None, password: Some("hunter2".to_owned()) };
        let told = |message| without_password(message, &credentials);
        assert_eq!(told("WRONGPASS invalid username-password pair"), "WRONGPASS invalid username-password pair");
        let unknown = "ERR unknown command 'AUTH', with args beginning with: 'hunter2' ";
        assert_eq!(told(unknown), "ERR unknown command 'AUTH'");
        assert_eq!(told("ERR hunter2 is wrong"), "ERR");
    }
}
