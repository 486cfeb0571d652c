//! Circuit breakers on Redis.
//!
//! [`keys`] names the keys, [`encode`] and [`decode`] turn batches into calls of `lua/breaker_batch.lua` and replies
//! into receipts.

pub mod decode;
pub mod encode;
pub mod keys;

use std::sync::Arc;
use std::time::Instant;

use self::keys::BreakerKeys;
use super::keys::Keys;
use super::server_clock::ServerClock;
use super::transport::Transport;
use crate::clock::Clock;
use crate::domain::breakers::operation::Receipt;
use crate::domain::error::StoreError;
use crate::domain::identifier::OrchestratorId;
use crate::store::BreakerBatch;

/// Circuit breakers on the server that `transport` leads to. Belongs to one thread.
pub struct BreakerStore<T> {
    transport: T,
    keys: Keys,
    channel: String,
    clock: ServerClock,
}

impl<T: Transport> BreakerStore<T> {
    pub fn new(transport: T, keys: Keys) -> Self {
        let channel = keys.breakers_events_channel();
        Self { transport, keys, channel, clock: ServerClock::default() }
    }

    /// A store whose script goes by `clock` instead of the server's, for tests. Keys still end by the server's
    /// clock, and live a day longer than they would.
    pub fn with_manual_clock(transport: T, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { clock: ServerClock::manual(clock), ..Self::new(transport, keys) }
    }

    /// The keys of one breaker.
    pub fn keys_of(&self, breaker: &OrchestratorId) -> BreakerKeys {
        BreakerKeys::of(&self.keys, breaker)
    }

    /// Applies the batch, or gives up at `deadline`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when no answer came, which says nothing was or may have been applied;
    /// [`StoreError::Refused`] when the server refused, and nothing was written.
    pub async fn apply_until(&self, batch: &BreakerBatch, deadline: Instant) -> Result<Receipt, StoreError> {
        let call = encode::batch_call(&self.keys_of(&batch.breaker), &self.channel, batch, self.clock.script_ms());
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
