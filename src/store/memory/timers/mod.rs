//! Timers in the memory of this process.
//!
//! Everything is synchronous and takes the instant from the caller. As for budgets, a lost reply cannot happen
//! here: receipts are not remembered and tickets are ignored.

mod kept;
mod shared;

use std::borrow::Cow;

use dashmap::{DashMap, Entry};

use crate::domain::identifier::OrchestratorId;
use crate::domain::timers::decide::{Footprint, ShardState};
use crate::domain::timers::operation::{Policy, Receipt, Request};
use crate::store::TimerBatch;
use crate::store::disk::asked::timers::Entry as Entered;
use crate::store::disk::journal::Journal;

/// Timers that live as long as the process.
///
/// ```
/// use token_budget::domain::identifier::OrchestratorId;
/// use token_budget::domain::timers::operation::*;
/// use token_budget::store::memory::timers::MemoryTimers;
/// use token_budget::store::{Ticket, TimerBatch};
///
/// let batch = |operation| TimerBatch {
///     shard: OrchestratorId::new("0").unwrap(),
///     policy: Policy::default(),
///     requests: vec![Request { operation, deadline_ms: None }],
///     ticket: Ticket { client: "c".into(), sequence: 1, retry: false },
/// };
/// let timers = MemoryTimers::default();
/// let receipt = timers.apply_at(&batch(Operation::Get { id: "t1".into() }), 1_000);
/// assert_eq!(receipt.outcomes, [Ok(Outcome::Timer(None))]);
/// assert_eq!(receipt.next_due_ms, None);
/// ```
#[derive(Default)]
pub struct MemoryTimers {
    shards: DashMap<OrchestratorId, ShardState>,
    /// Where to write down what is asked, when it is kept on disk.
    journal: Option<Journal>,
}

impl MemoryTimers {
    /// Applies a batch at `now_ms`.
    pub fn apply_at(&self, batch: &TimerBatch, now_ms: u64) -> Receipt {
        if batch.requests.iter().any(|request| request.operation.writes()) {
            self.write(&batch.shard, now_ms, &batch.policy, &batch.requests)
        } else {
            self.read(&batch.shard, now_ms, &batch.policy, &batch.requests)
        }
    }

    /// How much all shards keep.
    pub fn footprint(&self) -> Footprint {
        self.shards.iter().fold(Footprint::default(), |mut sum, shard| {
            sum += shard.footprint();
            sum
        })
    }

    /// How many shards are kept.
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    fn read(&self, shard: &OrchestratorId, now_ms: u64, policy: &Policy, requests: &[Request]) -> Receipt {
        match self.shards.get(shard) {
            Some(state) => state.ask(now_ms, policy, requests),
            None => ShardState::default().ask(now_ms, policy, requests),
        }
    }

    /// The only way in which a shard changes. One that is blank afterwards is not kept.
    fn write(&self, shard: &OrchestratorId, now_ms: u64, policy: &Policy, requests: &[Request]) -> Receipt {
        let entered = |journal| Journal::line(journal, policy, &Entered { now_ms, requests: Cow::Borrowed(requests) });
        let line = self.journal.as_ref().map(entered);
        let (mut entry, is_new) = match self.shards.entry(shard.clone()) {
            Entry::Occupied(entry) => (entry, false),
            Entry::Vacant(entry) => (entry.insert_entry(ShardState::default()), true),
        };
        let receipt = entry.get_mut().apply(now_ms, policy, requests);
        let is_blank = entry.get().is_blank();
        // What came of nothing and is nothing again was never there.
        if let Some(line) = line.filter(|_| !(is_new && is_blank)) {
            line.append(shard);
        }
        if is_blank {
            entry.remove();
        }
        receipt
    }
}
