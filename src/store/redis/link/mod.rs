//! Carries script calls to whichever server holds the keys.
//!
//! A [`Link`] owns the connections of one tracker. It finds the server (directly, through
//! Sentinel, or by cluster slot), connects again after every loss, and says of a call that got no
//! answer whether the server may have run it. It lives on one thread.
//!
//! ```text
//! attempt      one call, tried until its deadline
//!   -> route       which node has the keys: the one there is, or by the cluster's map
//!     -> node        keeps one connection, with keeper (is it alive?) and sentinel (who is it?)
//!       -> connection  many calls share it: bytes out, replies matched in order by the driver
//!         -> wire        RESP over a socket (a stream, with or without TLS): dial, tls, pack, resp
//! ```

mod attempt;
mod backoff;
pub(in crate::store::redis) mod classify;
mod cluster;
mod connection;
mod dial;
mod driver;
mod keeper;
mod node;
mod oneshot;
mod pack;
mod patience;
mod resp;
mod route;
mod sentinel;
mod shared;
mod slot;
mod socket;
mod stream;
mod subscriber;
mod timing;
mod tls;
mod topology;
mod wire;

use std::rc::Rc;
use std::time::Instant;

use tokio::time::timeout_at;

pub use self::patience::passed;
pub use self::slot::{SLOTS, slot};
pub use self::stream::{EventLoop, Watch};
pub use self::timing::{MAX_CALLS, Timing};

use self::connection::Answer;
use self::resp::Reply;
use self::route::Route;
use self::shared::Shared;
use self::subscriber::OnMessage;
use super::config::RedisConfig;
use super::script::Script;
use crate::domain::error::{Applied, StoreError};

/// One EVALSHA. All keys share one slot in a cluster.
pub struct Call {
    pub script: &'static Script,
    pub keys: Vec<Vec<u8>>,
    pub args: Vec<Vec<u8>>,
}

/// What happens to a link while nobody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// Commands can be run (again). `address` is `host:port`.
    Connected { address: String },
    /// No command can be run; connecting again has begun.
    Disconnected { address: String, reason: String },
    /// Something its operator should know, told once: a `maxmemory-policy` that deletes budgets.
    Warning { message: String },
}

/// A cheaply cloned handle. When the last one is dropped the link closes.
#[derive(Clone)]
pub struct Link {
    owner: Rc<Owner>,
}

struct Owner {
    shared: Rc<Shared>,
    route: Rc<Route>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.shut_down();
    }
}

impl Link {
    /// Begins to connect in the background and returns at once. Needs a tokio runtime and a `LocalSet`
    /// to enter. Sockets are watched by `event_loop`, or else by the runtime. `observer` hears events
    /// until [`Link::close`].
    pub fn open(config: RedisConfig, event_loop: Option<Rc<dyn EventLoop>>, observer: Box<dyn Fn(LinkEvent)>) -> Link {
        Link::open_with(config, Timing::default(), event_loop, observer)
    }

    /// The same at another pace.
    pub fn open_with(
        config: RedisConfig,
        timing: Timing,
        event_loop: Option<Rc<dyn EventLoop>>,
        observer: Box<dyn Fn(LinkEvent)>,
    ) -> Link {
        let shared = Rc::new(Shared::new(config, timing, event_loop, observer));
        let route = Rc::new(Route::start(&shared));
        Link { owner: Rc::new(Owner { shared, route }) }
    }

    /// Waits for the first connection, at most until `deadline`.
    pub async fn ready(&self, deadline: Instant) -> Result<(), StoreError> {
        let shared = &self.owner.shared;
        let connected = async {
            while !shared.is_connected() {
                if shared.is_closed() {
                    return Err(shared.not_sent());
                }
                shared.changed.notified().await;
            }
            Ok(())
        };
        match timeout_at(deadline.into(), connected).await {
            Ok(outcome) => outcome,
            Err(_) => Err(shared.not_sent()),
        }
    }

    /// Whether calls find a connection; in a cluster: to every primary.
    pub fn is_connected(&self) -> bool {
        self.owner.shared.is_connected()
    }

    /// Why calls find no connection: which server, and what it or the network said. Never a password.
    pub fn trouble(&self) -> String {
        self.owner.shared.trouble()
    }

    /// Runs a script. Waits for a connection where there is none, and answers
    /// [`StoreError::Unavailable`] at `deadline`, with [`crate::domain::error::Applied::No`] when
    /// the call surely did not run. It never sends a call twice of its own accord once the server
    /// may have run it. More than [`MAX_CALLS`] at once are refused as not applied.
    pub async fn call(&self, call: &Call, deadline: Instant) -> Result<redis::Value, StoreError> {
        attempt::carry(&self.owner.shared, &self.owner.route, call, deadline).await
    }

    /// `server clock - system clock` in milliseconds, as estimated from `TIME` when connecting
    /// and every few seconds.
    pub fn clock_offset_ms(&self) -> i64 {
        self.owner.shared.clock_offset_ms()
    }

    /// One round trip to a server (in a cluster: to one primary).
    pub async fn ping(&self, deadline: Instant) -> Result<(), StoreError> {
        match timeout_at(deadline.into(), self.ping_once()).await {
            Ok(outcome) => outcome,
            Err(_) if self.is_connected() => {
                Err(unavailable("the server did not answer before the deadline".to_owned()))
            }
            Err(_) => Err(self.owner.shared.not_sent()),
        }
    }

    async fn ping_once(&self) -> Result<(), StoreError> {
        let Owner { shared, route } = &*self.owner;
        let connection = loop {
            if shared.is_closed() {
                return Err(shared.not_sent());
            }
            match route.node(None).and_then(|node| node.connection()) {
                Some(connection) => break connection,
                None => shared.changed.notified().await,
            }
        };
        match connection.send(|out| pack::pack_words(out, &[b"PING"])).await {
            Answer::Reply(Reply::Value(_)) => Ok(()),
            Answer::Reply(Reply::Error(message)) => Err(StoreError::Refused { message }),
            Answer::Lost { reason, .. } => {
                Err(unavailable(format!("the connection to {} was lost: {reason}", connection.address)))
            }
        }
    }

    /// Hears `channels` from now on, on one connection of their own, across reconnections. `on_message` is told the
    /// channel and the payload. Messages published while disconnected are missed.
    pub fn subscribe(&self, channels: Vec<String>, on_message: OnMessage) {
        let Owner { shared, route } = &*self.owner;
        shared.spawn(subscriber::listen(shared.clone(), route.clone(), channels, on_message));
    }

    /// Ends every connection. Calls under way answer [`StoreError::Unavailable`]. Idempotent.
    pub async fn close(&self) {
        for task in self.owner.shared.shut_down() {
            // An aborted task lets go of its socket when it is dropped, which is when this ends.
            let _ = task.await;
        }
    }
}

/// A PING changes nothing, whether or not it arrived.
fn unavailable(message: String) -> StoreError {
    StoreError::Unavailable { message, applied: Applied::No }
}
