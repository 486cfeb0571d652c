//! Which policies stand in the file, and how long they are needed.

use std::collections::HashMap;
use std::sync::Arc;

use super::policies::Interned;

/// Policies that stand in the file.
#[derive(Default)]
pub(super) struct WrittenPolicies {
    /// By where they stand in memory, with their numbers and the last entries that name them.
    ids: HashMap<*const Interned, (Arc<Interned>, u32, u64)>,
    /// Of those that were found in the file: their numbers, and the last entry that may name them.
    found: Vec<u32>,
    found_seq: u64,
    last_id: u32,
}

// SAFETY: the pointers are addresses that nobody follows.
unsafe impl Send for WrittenPolicies {}

impl WrittenPolicies {
    /// `found`: numbers of those in the file; no entry after `found_seq` names them.
    pub fn new(found: Vec<u32>, found_seq: u64) -> Self {
        let last_id = found.iter().copied().max().unwrap_or(0);
        Self { ids: HashMap::new(), found, found_seq, last_id }
    }

    /// The number of a policy that the entry `seq` names. One that has none yet gets one, and is `added`.
    pub fn id(&mut self, policy: &Arc<Interned>, seq: u64, added: &mut Vec<(u32, Arc<Interned>)>) -> u32 {
        let (_, id, last_seq) = self.ids.entry(Arc::as_ptr(policy)).or_insert_with(|| {
            self.last_id += 1;
            added.push((self.last_id, Arc::clone(policy)));
            (Arc::clone(policy), self.last_id, seq)
        });
        *last_seq = seq;
        *id
    }

    /// Numbers of those that only entries before `seq` name.
    pub fn take_old(&mut self, seq: u64) -> Vec<u32> {
        let mut old = if self.found_seq < seq { std::mem::take(&mut self.found) } else { Vec::new() };
        self.ids.retain(|_, (_, id, last_seq)| {
            let is_old = *last_seq < seq;
            if is_old {
                old.push(*id);
            }
            !is_old
        });
        old
    }
}
