//! Carries script calls to whichever server holds the keys.
//!
//! A [`Link`] owns the connections of one tracker. It finds the server (directly, through
//! Sentinel, or by cluster slot), connects again after every loss, and says of a call that got no
//! answer whether the server may have run it. It lives on one thread.

use std::time::Instant;

use super::config::RedisConfig;
use super::script::Script;
use crate::domain::error::StoreError;

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

/// A cheaply cloned handle.
#[derive(Clone)]
pub struct Link {
    _todo: (),
}

impl Link {
    /// Begins to connect in the background and returns at once. Needs a current-thread tokio
    /// runtime with a `LocalSet`. `observer` hears events until [`Link::close`].
    pub fn open(config: RedisConfig, observer: Box<dyn Fn(LinkEvent)>) -> Link {
        let _ = (config, observer);
        todo!()
    }

    /// Waits for the first connection, at most until `deadline`.
    pub async fn ready(&self, deadline: Instant) -> Result<(), StoreError> {
        let _ = deadline;
        todo!()
    }

    pub fn is_connected(&self) -> bool {
        todo!()
    }

    /// Runs a script. Waits for a connection where there is none, and answers
    /// [`StoreError::Unavailable`] at `deadline`, with [`crate::domain::error::Applied::No`] when
    /// the call surely did not run. It never sends a call twice of its own accord once the server
    /// may have run it.
    pub async fn call(&self, call: &Call, deadline: Instant) -> Result<redis::Value, StoreError> {
        let _ = (call, deadline);
        todo!()
    }

    /// `server clock - system clock` in milliseconds, as estimated from `TIME` when connecting.
    pub fn clock_offset_ms(&self) -> i64 {
        todo!()
    }

    /// One round trip to a server (in a cluster: to one primary).
    pub async fn ping(&self, deadline: Instant) -> Result<(), StoreError> {
        let _ = deadline;
        todo!()
    }

    /// Hears `channel` from now on, across reconnections. Messages published while disconnected
    /// are missed.
    pub fn subscribe(&self, channel: String, on_message: Box<dyn Fn(Vec<u8>)>) {
        let _ = (channel, on_message);
        todo!()
    }

    /// Ends every connection. Calls under way answer [`StoreError::Unavailable`]. Idempotent.
    pub async fn close(&self) {
        todo!()
    }
}
