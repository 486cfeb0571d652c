//! What can be asked of a store, and about what.

use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::Operation;
use crate::domain::usage::Usage;
use crate::domain::{breakers, credentials, rate_limit, timers};

/// What the operations of a queue are about: state of its own, whose operations are applied in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    Budget(OrchestratorId),
    Limiter(OrchestratorId),
    Pool(OrchestratorId),
    /// A shard.
    Timers(OrchestratorId),
    Breaker(OrchestratorId),
}

/// One thing asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    Budget(Operation),
    Limit(rate_limit::operation::Operation),
    Credential(credentials::operation::Operation),
    Timer(timers::operation::Operation),
    Breaker(breakers::operation::Operation),
}

/// What an operation takes beside its texts, more or less: names of keys, numbers, its record.
const OPERATION_BYTES: usize = 512;

impl Work {
    /// Whether doing it can change the store.
    pub(super) fn writes(&self) -> bool {
        match self {
            Work::Budget(operation) => operation.writes(),
            Work::Limit(operation) => operation.writes(),
            Work::Credential(operation) => operation.writes(),
            Work::Timer(operation) => operation.writes(),
            Work::Breaker(operation) => operation.writes(),
        }
    }

    /// The bytes it is asked with, more or less.
    pub(super) fn bytes(&self) -> usize {
        let texts = match self {
            Work::Budget(
                Operation::Track(usage)
                | Operation::Settle { usage: Some(usage), .. }
                | Operation::SettleUnheld { usage: Some(usage), .. },
            ) => text_bytes(usage),
            Work::Budget(Operation::SetOverride(entry)) => entry.document_json.len(),
            Work::Budget(Operation::Pause { document_json, .. }) => document_json.len(),
            Work::Limit(rate_limit::operation::Operation::Learn(counters)) => {
                counters.iter().map(|(name, _)| name.len()).sum()
            }
            Work::Credential(credentials::operation::Operation::Keep { sealed, .. }) => sealed.len(),
            Work::Timer(operation) => timer_bytes(operation),
            _ => 0,
        };
        OPERATION_BYTES + texts
    }
}

/// What a timer or a delivery takes in an answer, more or less.
const RECORD_BYTES: u64 = 512;

/// The texts that can be long, and what a claim or a list can bring: it keeps the server from others for as long.
fn timer_bytes(operation: &timers::operation::Operation) -> usize {
    use timers::operation::{CLAIM_MAX, LIST_LOOKS_MAX, Operation};
    let optional = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
    match operation {
        Operation::Create(timer) => timer.name.len() + timer.document_json.len() + timer.recurrence_json.len(),
        Operation::Update { change, .. } => {
            optional(&change.name) + optional(&change.document_json) + optional(&change.recurrence_json)
        }
        Operation::Fired { delivery: Some(delivery), .. } => delivery.document_json.len(),
        Operation::Release { timers, deliveries, .. } | Operation::Renew { timers, deliveries, .. } => {
            timers.iter().chain(deliveries).map(|id| id.len() + 8).sum()
        }
        Operation::Broadcast { message } => message.len(),
        Operation::Claim { timers, deliveries, .. } => {
            ((timers.min(&CLAIM_MAX) + deliveries.min(&CLAIM_MAX)) * RECORD_BYTES) as usize
        }
        // However few are asked for, as many may have to be looked at.
        Operation::List { .. } | Operation::Deliveries { .. } => (LIST_LOOKS_MAX * RECORD_BYTES) as usize,
        _ => 0,
    }
}

fn text_bytes(usage: &Usage) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    // The model and the request id stand in the operation and in its record.
    2 * (usage.model.len() + optional(&usage.request_id)) + usage.session_id.len() + optional(&usage.metadata_json)
}
