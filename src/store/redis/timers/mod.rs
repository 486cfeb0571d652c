//! Timers on Redis.
//!
//! [`keys`] names the keys, [`encode`] and [`decode`] turn batches into calls of `lua/timer_batch.lua` and replies into
//! receipts. Documents cross as texts that the script never looks into.

pub mod decode;
pub mod encode;
pub mod keys;

use std::sync::Arc;
use std::time::Instant;

use super::keys::Keys;
use super::server_clock::ServerClock;
use super::transport::Transport;
use crate::clock::Clock;
use crate::domain::error::{Applied, StoreError};
use crate::domain::timers::operation::Receipt;
use crate::store::TimerBatch;

/// Timers on the server that `transport` leads to. Belongs to one thread.
pub struct TimerStore<T> {
    transport: T,
    keys: Keys,
    clock: ServerClock,
}

impl<T: Transport> TimerStore<T> {
    pub fn new(transport: T, keys: Keys) -> Self {
        Self { transport, keys, clock: ServerClock::default() }
    }

    /// A store whose script goes by `clock` instead of the server's, for tests. Keys still end by the server's
    /// clock.
    pub fn with_manual_clock(transport: T, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { clock: ServerClock::manual(clock), ..Self::new(transport, keys) }
    }

    /// Applies the batch, or gives up at `deadline`. Timers that the server has no memory for are refused one by one;
    /// everything else of the batch is done all the same.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when no answer came, which says nothing was or may have been applied;
    /// [`StoreError::Refused`] when the server refused, and nothing was written.
    pub async fn apply_until(&self, batch: &TimerBatch, deadline: Instant) -> Result<Receipt, StoreError> {
        match self.ask(batch, deadline, false).await {
            Err(StoreError::Unavailable { message, applied: Applied::No }) if message.starts_with("OOM ") => {
                self.ask(batch, deadline, true).await
            }
            answer => answer,
        }
    }

    async fn ask(&self, batch: &TimerBatch, deadline: Instant, is_full: bool) -> Result<Receipt, StoreError> {
        let call = encode::batch_call(&self.keys, batch, self.clock.script_ms(), is_full);
        let asked_at = Instant::now();
        let value = self.transport.call(&call, deadline).await?;
        let round_trip_ms = asked_at.elapsed().as_millis() as u64;
        let receipt = decode::batch_reply(batch, value)?;
        // A remembered receipt tells an old time.
        if !batch.ticket.retry {
            self.clock.learn(receipt.now_ms, round_trip_ms);
        }
        Ok(receipt)
    }

    /// The server's clock, as well as it is known here.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms(&self.transport)
    }
}
