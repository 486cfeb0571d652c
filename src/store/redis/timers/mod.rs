//! Timers on Redis.

use std::sync::Arc;
use std::time::Instant;

use super::keys::Keys;
use super::server_clock::ServerClock;
use super::transport::Transport;
use crate::clock::Clock;
use crate::domain::error::StoreError;
use crate::domain::timers::operation::Receipt;
use crate::store::TimerBatch;

/// Timers on the server that `transport` leads to. Belongs to one thread.
pub struct TimerStore<T> {
    transport: T,
    #[allow(dead_code, reason = "its script follows")]
    keys: Keys,
    clock: ServerClock,
}

impl<T: Transport> TimerStore<T> {
    pub fn new(transport: T, keys: Keys) -> Self {
        Self { transport, keys, clock: ServerClock::default() }
    }

    /// A store whose script goes by `clock` instead of the server's, for tests. Keys still end by the server's
    /// clock, and live a day longer than they would.
    pub fn with_manual_clock(transport: T, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { clock: ServerClock::manual(clock), ..Self::new(transport, keys) }
    }

    /// Applies the batch, or gives up at `deadline`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when no answer came, which says nothing was or may have been applied;
    /// [`StoreError::Refused`] when the server refused, and nothing was written.
    pub async fn apply_until(&self, _batch: &TimerBatch, _deadline: Instant) -> Result<Receipt, StoreError> {
        Err(StoreError::Refused { message: "Timers are not kept on Redis yet".to_owned() })
    }

    /// The server's clock, as well as it is known here.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms(&self.transport)
    }
}
