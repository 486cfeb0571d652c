//! The documents of overrides that a batch listed.
//!
//! A script touches no key that was not named, and which documents there are is known only when the
//! overrides are listed. So documents are read by a second call, which answers the overrides once more:
//! where they are no longer those that were listed, its answer takes their place. What is told is thus
//! always what was there at one moment, each override with its own document.
//!
//! A batch that lists overrides and then changes them ends their documents itself: those are read before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use redis::Value;

use super::decode;
use super::keys::OrchestratorKeys;
use super::script;
use super::store::RedisStore;
use super::transport::{Call, Transport};
use crate::domain::error::{Applied, OperationError, StoreError};
use crate::domain::operation::{Operation, Outcome, Override, Receipt};
use crate::domain::period::Period;
use crate::store::Batch;

/// How often overrides are read whose documents were not expected. More often than that, somebody
/// replaces them faster than they can be read.
const ROUNDS_MAX: usize = 4;

/// What the document of an override is called by.
type Name = (String, Period);

/// What tells an override from another one of its name: tokens, money and expiry.
type Identity = (Name, [u64; 2], u64);

/// Shared: each list of a batch knows many.
type Documents = HashMap<Identity, Arc<str>>;

/// The live overrides at one moment.
struct Snapshot {
    /// With their documents, where those were asked for. Soonest expiry first.
    live: Vec<Override>,
    /// Live ones whose documents were not asked for.
    unnamed: Vec<Name>,
}

/// A list in a receipt: which outcome it is, and the documents that are known of before.
struct Listed {
    index: usize,
    known: Documents,
}

impl<T: Transport> RedisStore<T> {
    /// The documents that `batch` may list and then end.
    pub(super) async fn documents_before(&self, batch: &Batch, deadline: Instant) -> Result<Documents, StoreError> {
        if !changes_what_it_listed(batch) {
            return Ok(Documents::new());
        }
        let keys = self.keys.of(&batch.orchestrator);
        let answer = match self.snapshot(&keys, Vec::new(), deadline).await {
            Ok(Snapshot { unnamed, .. }) => self.snapshot(&keys, unnamed, deadline).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(snapshot) => Ok(snapshot.documents()),
            // Should the list need them, it will meet the same answer.
            Err(StoreError::Refused { .. }) => Ok(Documents::new()),
            Err(error) => Err(error),
        }
    }

    /// Completes the lists in the receipt of a batch that was applied.
    pub(super) async fn add_documents(
        &self,
        batch: &Batch,
        before: &Documents,
        receipt: &mut Receipt,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let lists = lists(batch, before, receipt);
        let mut names: HashSet<Name> = lists.iter().flat_map(|listed| listed.missing(receipt)).collect();
        let mut snapshot = Snapshot { live: Vec::new(), unnamed: Vec::new() };
        let mut rounds = 0;
        while !names.is_empty() {
            rounds += 1;
            snapshot = match self
                .snapshot(&self.keys.of(&batch.orchestrator), names.iter().cloned().collect(), deadline)
                .await
            {
                Ok(snapshot) => snapshot,
                Err(StoreError::Refused { message }) => {
                    fail_lists(&lists, receipt, &message);
                    return Ok(());
                }
                Err(StoreError::Unavailable { message, .. }) => return Err(applied_already(message)),
            };
            let documents = snapshot.documents();
            if snapshot.unnamed.is_empty() || lists.iter().all(|listed| listed.is_covered(receipt, &documents)) {
                break;
            }
            if rounds == ROUNDS_MAX {
                return Err(applied_already("the overrides are replaced faster than they can be read".to_owned()));
            }
            names.extend(std::mem::take(&mut snapshot.unnamed));
        }
        let documents = snapshot.documents();
        for listed in lists {
            listed.complete(batch, receipt, &snapshot, &documents);
        }
        Ok(())
    }

    async fn snapshot(
        &self,
        keys: &OrchestratorKeys,
        names: Vec<Name>,
        deadline: Instant,
    ) -> Result<Snapshot, StoreError> {
        let mut all_keys = vec![keys.overrides()];
        all_keys.extend(names.iter().map(|(id, period)| keys.override_document(*period, id)));
        let clock = self.clock_ms().to_string().into_bytes();
        let call = Call { script: &script::OVERRIDE_LIST, keys: all_keys, args: vec![clock] };
        let (index, documents) = match self.transport.call(&call, deadline).await? {
            Value::Array(mut parts) if parts.len() == names.len() + 1 => {
                let documents = parts.split_off(1);
                (parts.remove(0), documents)
            }
            other => return Err(decode::unexpected(&other)),
        };
        let mut live = decode::overrides(&index)?;
        let mut documents: HashMap<Name, Value> = names.into_iter().zip(documents).collect();
        let mut unnamed = Vec::new();
        for entry in &mut live {
            match documents.remove(&name(entry)) {
                Some(Value::BulkString(bytes)) => {
                    entry.document_json = String::from_utf8_lossy(&bytes).into_owned();
                }
                // Somebody deleted it. The override is in force all the same.
                Some(_) => entry.document_json = "{}".to_owned(),
                None => unnamed.push(name(entry)),
            }
        }
        Ok(Snapshot { live, unnamed })
    }
}

impl Snapshot {
    /// Those that were asked for.
    fn documents(&self) -> Documents {
        let asked = self.live.iter().filter(|entry| !entry.document_json.is_empty());
        asked.map(|entry| (identity(entry), entry.document_json.as_str().into())).collect()
    }
}

impl Listed {
    fn entries<'a>(&self, receipt: &'a Receipt) -> &'a [Override] {
        match receipt.outcomes.get(self.index) {
            Some(Ok(Outcome::Overrides(list))) => list,
            _ => &[],
        }
    }

    /// The names of those whose documents are not known.
    fn missing(&self, receipt: &Receipt) -> Vec<Name> {
        self.entries(receipt).iter().filter(|entry| !self.known.contains_key(&identity(entry))).map(name).collect()
    }

    /// Whether each that was listed has a document.
    fn is_covered(&self, receipt: &Receipt, documents: &Documents) -> bool {
        let has = |entry: &Override| [&self.known, documents].iter().any(|known| known.contains_key(&identity(entry)));
        self.entries(receipt).iter().all(has)
    }

    /// Gives what was listed its documents, or lists what there is now.
    fn complete(self, batch: &Batch, receipt: &mut Receipt, now: &Snapshot, documents: &Documents) {
        let is_covered = self.is_covered(receipt, documents);
        let period = match batch.requests.get(self.index).map(|request| &request.operation) {
            Some(Operation::ListOverrides { period }) => *period,
            _ => None,
        };
        let Some(Ok(Outcome::Overrides(list))) = receipt.outcomes.get_mut(self.index) else { return };
        if !is_covered {
            *list = now.live.iter().filter(|live| period.is_none_or(|period| live.period == period)).cloned().collect();
            return;
        }
        for entry in list {
            let identity = identity(entry);
            let document = self.known.get(&identity).or_else(|| documents.get(&identity));
            entry.document_json = document.map(|text| text.to_string()).unwrap_or_default();
        }
    }
}

/// The lists in a receipt. What the batch itself set before a list is known to it.
fn lists(batch: &Batch, before: &Documents, receipt: &Receipt) -> Vec<Listed> {
    let mut known = before.clone();
    let mut lists = Vec::new();
    for (index, (request, outcome)) in batch.requests.iter().zip(&receipt.outcomes).enumerate() {
        match (&request.operation, outcome) {
            (Operation::SetOverride(set), Ok(_)) => {
                drop(known.insert(identity(set), set.document_json.as_str().into()))
            }
            (_, Ok(Outcome::Overrides(_))) => lists.push(Listed { index, known: known.clone() }),
            _ => {}
        }
    }
    lists
}

fn changes_what_it_listed(batch: &Batch) -> bool {
    let mut operations = batch.requests.iter().map(|request| &request.operation);
    operations.any(|operation| matches!(operation, Operation::ListOverrides { .. }))
        && operations.any(|operation| matches!(operation, Operation::SetOverride(_) | Operation::RemoveOverride { .. }))
}

/// What else the batch did has been done.
fn fail_lists(lists: &[Listed], receipt: &mut Receipt, message: &str) {
    for listed in lists {
        if !listed.missing(receipt).is_empty() {
            receipt.outcomes[listed.index] = Err(OperationError::Refused { message: message.to_owned() });
        }
    }
}

/// Sent again with its ticket, the batch is not applied a second time.
fn applied_already(message: String) -> StoreError {
    StoreError::Unavailable { message, applied: Applied::Unknown }
}

fn name(entry: &Override) -> Name {
    (entry.id.clone(), entry.period)
}

fn identity(entry: &Override) -> Identity {
    (name(entry), [entry.additional_tokens, entry.additional_cost], entry.expires_at_ms)
}
