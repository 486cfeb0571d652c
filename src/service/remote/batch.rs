//! One batch, whatever it is about.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::pending::{Pending, Role};
use super::queue::{Entry, Queue};
use super::tracker::Tracker;
use super::work::{Subject, Work};
use crate::domain::error::StoreError;
use crate::domain::operation::{self as budget, Operation};
use crate::domain::{breakers, credentials, rate_limit, timers, tokens};
use crate::store::{self, BreakerBatch, CredentialBatch, RateLimitBatch, Store, Ticket, TimerBatch};

/// Clocks that differ by less are taken to agree: the difference is measured across a network.
const CLOCK_TOLERANCE_MS: i64 = 10;

pub(super) enum Batch {
    Budget(store::Batch),
    Limit(RateLimitBatch),
    Credential(CredentialBatch),
    Timer(TimerBatch),
    Breaker(BreakerBatch),
}

pub(super) enum Receipt {
    Budget(budget::Receipt),
    Limit(rate_limit::operation::Receipt),
    Credential(credentials::operation::Receipt),
    Timer(timers::operation::Receipt),
    Breaker(breakers::operation::Receipt),
}

impl Batch {
    pub(super) fn ticket(&mut self) -> &mut Ticket {
        match self {
            Batch::Budget(batch) => &mut batch.ticket,
            Batch::Limit(batch) => &mut batch.ticket,
            Batch::Credential(batch) => &mut batch.ticket,
            Batch::Timer(batch) => &mut batch.ticket,
            Batch::Breaker(batch) => &mut batch.ticket,
        }
    }

    /// Whether it does nothing but show that a client of a limiter lives.
    pub(super) fn only_polls(&self) -> bool {
        use rate_limit::operation::Operation;
        let Batch::Limit(batch) = self else { return false };
        let mut operations = batch.requests.iter().map(|request| &request.operation);
        operations.all(|operation| matches!(operation, Operation::Poll | Operation::KeepShares(_)))
    }

    /// Takes out the requests for which `keep`, asked in their order, says no.
    pub(super) fn retain(&mut self, mut keep: impl FnMut() -> bool) {
        match self {
            Batch::Budget(batch) => batch.requests.retain(|_| keep()),
            Batch::Limit(batch) => batch.requests.retain(|_| keep()),
            Batch::Credential(batch) => batch.requests.retain(|_| keep()),
            Batch::Timer(batch) => batch.requests.retain(|_| keep()),
            Batch::Breaker(batch) => batch.requests.retain(|_| keep()),
        }
    }
}

impl Tracker {
    pub(super) fn batch(&self, queue: &Queue, entries: Vec<Entry>) -> (Batch, Vec<Rc<Pending>>) {
        let sequence = self.last_sequence.get() + 1;
        self.last_sequence.set(sequence);
        let ticket = Ticket { client: Arc::clone(&self.settings.client), sequence, retry: false };
        let calls = entries.iter().map(|entry| Rc::clone(&entry.pending)).collect();
        if matches!(queue.subject, Subject::Limiter(_)) {
            self.line.on_batch();
        }
        let batch = match &queue.subject {
            Subject::Budget(orchestrator) => Batch::Budget(store::Batch {
                orchestrator: orchestrator.clone(),
                policy: Arc::clone(&self.settings.shared.policy),
                configured: self.settings.shared.configured(orchestrator),
                requests: requests(entries, self.store.now_ms(), |entry| {
                    let Work::Budget(mut operation) = entry.work else { return None };
                    self.date(&mut operation, entry.caller_skew_ms);
                    Some(operation)
                })
                .map(|(operation, deadline_ms)| budget::Request { operation, deadline_ms })
                .collect(),
                ticket,
            }),
            Subject::Limiter(limiter) => Batch::Limit(RateLimitBatch {
                limiter: limiter.clone(),
                policy: self.limit_policy(),
                requests: requests(entries, self.limits.now_ms(), |entry| match entry.work {
                    Work::Limit(operation) => Some(operation),
                    _ => None,
                })
                .map(|(operation, deadline_ms)| rate_limit::operation::Request { operation, deadline_ms })
                .collect(),
                ticket,
            }),
            Subject::Pool(pool) => Batch::Credential(CredentialBatch {
                pool: pool.clone(),
                policy: self.pool_policy(pool),
                requests: requests(entries, self.credentials.now_ms(), |entry| match entry.work {
                    Work::Credential(operation) => Some(operation),
                    _ => None,
                })
                .map(|(operation, deadline_ms)| credentials::operation::Request { operation, deadline_ms })
                .collect(),
                ticket,
            }),
            Subject::Timers(shard) => Batch::Timer(self.timer_batch(shard, entries, ticket)),
            Subject::Breaker(breaker) => Batch::Breaker(self.breaker_batch(breaker, entries, ticket)),
        };
        (batch, calls)
    }

    pub(super) async fn apply(&self, batch: &Batch, deadline: Instant) -> Result<Receipt, StoreError> {
        match batch {
            Batch::Budget(batch) => self.store.apply_until(batch, deadline).await.map(Receipt::Budget),
            Batch::Limit(batch) => self.limits.apply_until(batch, deadline).await.map(Receipt::Limit),
            Batch::Credential(batch) => self.credentials.apply_until(batch, deadline).await.map(Receipt::Credential),
            Batch::Timer(batch) => self.timers.apply_until(batch, deadline).await.map(Receipt::Timer),
            Batch::Breaker(batch) => self.breakers.apply_until(batch, deadline).await.map(Receipt::Breaker),
        }
    }

    /// Translates a timestamp of the caller's clock into the store's, once.
    fn date(&self, operation: &mut Operation, caller_skew_ms: i64) {
        let usage = match operation {
            Operation::Track(usage) => usage,
            Operation::Settle { usage: Some(usage), .. } => usage,
            _ => return,
        };
        let Some(occurred_at_ms) = usage.occurred_at_ms else { return };
        let skew_ms = self.link.clock_offset_ms() + caller_skew_ms;
        if skew_ms.abs() > CLOCK_TOLERANCE_MS {
            usage.occurred_at_ms = Some(occurred_at_ms.saturating_add_signed(skew_ms).min(tokens::MAX_TOKENS));
        }
    }
}

/// The operations of a batch, and by when the store must see each.
pub(super) fn requests<O>(
    entries: Vec<Entry>,
    store_now_ms: u64,
    mut operation: impl FnMut(Entry) -> Option<O>,
) -> impl Iterator<Item = (O, Option<u64>)> {
    let now = Instant::now();
    entries.into_iter().filter_map(move |entry| {
        let left = entry.pending.deadline.saturating_duration_since(now).as_millis() as u64;
        let deadline_ms = has_deadline(entry.pending.role, &entry.work).then_some(store_now_ms + left);
        operation(entry).map(|operation| (operation, deadline_ms))
    })
}

/// Whether an operation must not run late: those that change something nobody would hear of.
/// Spent tokens are recorded however late they arrive.
fn has_deadline(role: Role, work: &Work) -> bool {
    matches!(role, Role::Reserve | Role::Other) && work.writes()
}
