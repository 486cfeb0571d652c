//! States that have changed since they were written.

use std::collections::{BTreeMap, HashMap};

use super::kind::Kind;
use crate::domain::identifier::OrchestratorId;

/// States with entries in the log that no written state contains, in the order of their first such entries: what
/// stands before the first of them all is of no use.
#[derive(Default)]
pub(super) struct Dirty {
    since: [HashMap<OrchestratorId, u64>; 8],
    order: BTreeMap<u64, (Kind, OrchestratorId)>,
}

impl Dirty {
    /// An entry of a state.
    pub fn mark(&mut self, kind: Kind, key: &OrchestratorId, seq: u64) {
        let since = &mut self.since[kind as usize];
        if !since.contains_key(key) {
            since.insert(key.clone(), seq);
            self.order.insert(seq, (kind, key.clone()));
        }
    }

    /// The oldest entry that is still needed.
    pub fn first_seq(&self) -> Option<u64> {
        self.order.first_key_value().map(|(seq, _)| *seq)
    }

    /// Takes the state out whose first entry is the oldest, unless that is newer than `until_seq`; with that entry.
    pub fn pop(&mut self, until_seq: u64) -> Option<(Kind, OrchestratorId, u64)> {
        if self.first_seq()? > until_seq {
            return None;
        }
        let (seq, (kind, key)) = self.order.pop_first()?;
        self.since[kind as usize].remove(&key);
        Some((kind, key, seq))
    }
}
