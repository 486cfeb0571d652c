//! The store on Redis.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::decode::{self, Reply};
use super::encode::{self, Timing};
use super::keys::Keys;
use super::server_clock::ServerClock;
use super::transport::{Call, Transport};
use super::windows::WindowCache;
use crate::clock::Clock;
use crate::domain::error::{Applied, StoreError};
use crate::domain::operation::Receipt;
use crate::store::{Batch, Store};

/// For [`Store::apply`], which names no deadline.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How far the server's clock may be behind its estimate before a batch has to be sent again: the
/// windows that are sent with it begin that much earlier. Forwards they reach an hour ahead.
const CLOCK_SLACK_MS: u64 = 1_000;

/// How often a batch is sent whose windows are not those of the server's clock. The first answer
/// tells the clock, so a second round fails only when a window ends in between.
const ROUNDS_MAX: usize = 3;

/// Budgets on the server that `transport` leads to. Belongs to one thread.
pub struct RedisStore<T> {
    pub(super) transport: T,
    pub(super) keys: Keys,
    channel: String,
    clock: ServerClock,
    windows: WindowCache,
}

impl<T: Transport> RedisStore<T> {
    pub fn new(transport: T, keys: Keys) -> Self {
        let channel = keys.events_channel();
        Self { transport, keys, channel, clock: ServerClock::default(), windows: WindowCache::default() }
    }

    /// A store whose scripts go by `clock` instead of the server's, for tests. Keys still end by
    /// the server's clock, and live a day longer than they would, so that no decision meets the
    /// end of a key.
    pub fn with_manual_clock(transport: T, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { clock: ServerClock::manual(clock), ..Self::new(transport, keys) }
    }

    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Applies the batch, or gives up at `deadline`.
    pub async fn apply_until(&self, batch: &Batch, deadline: Instant) -> Result<Receipt, StoreError> {
        let keys = self.keys.of(&batch.orchestrator);
        let documents = self.documents_before(batch, deadline).await?;
        let mut now_estimate_ms = self.now_ms();
        for _ in 0..ROUNDS_MAX {
            let timing = self.timing(batch, now_estimate_ms);
            let call = encode::batch_call(&keys, &self.channel, batch, timing);
            match self.ask(batch, &call, deadline).await? {
                Reply::Applied(mut receipt) => {
                    self.add_documents(batch, &documents, &mut receipt, deadline).await?;
                    return Ok(receipt);
                }
                Reply::Stale { now_ms } => now_estimate_ms = now_ms,
            }
        }
        Err(StoreError::Unavailable {
            message: "the server's clock does not stand still long enough to name its windows".to_owned(),
            applied: Applied::No,
        })
    }

    fn timing(&self, batch: &Batch, now_estimate_ms: u64) -> Timing {
        let slack_ms = if self.clock.is_manual() { 0 } else { CLOCK_SLACK_MS };
        let windows = self.windows.pairs(&batch.policy, now_estimate_ms.saturating_sub(slack_ms));
        Timing { windows, clock_ms: self.clock_ms() }
    }

    /// The clock scripts are told to go by; 0 is the server's.
    pub(super) fn clock_ms(&self) -> u64 {
        self.clock.script_ms()
    }

    async fn ask(&self, batch: &Batch, call: &Call, deadline: Instant) -> Result<Reply, StoreError> {
        let asked_at = Instant::now();
        let value = self.transport.call(call, deadline).await?;
        let round_trip_ms = asked_at.elapsed().as_millis() as u64;
        let reply = decode::batch_reply(batch, value)?;
        let (Reply::Applied(Receipt { now_ms, .. }) | Reply::Stale { now_ms }) = &reply;
        // A remembered receipt tells an old time.
        if !batch.ticket.retry || matches!(reply, Reply::Stale { .. }) {
            self.clock.learn(*now_ms, round_trip_ms);
        }
        Ok(reply)
    }
}

impl<T: Transport> Store for RedisStore<T> {
    fn apply(&self, batch: &Batch) -> impl Future<Output = Result<Receipt, StoreError>> {
        self.apply_until(batch, Instant::now() + DEFAULT_TIMEOUT)
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms(&self.transport)
    }
}
