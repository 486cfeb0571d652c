//! Where the stores in memory write down what was asked of them.

use std::sync::Arc;

use serde::Serialize;

use super::kind::Kind;
use super::policies::{self, Interned, Interning};
use super::recorder::Recorder;
use crate::domain::identifier::OrchestratorId;

/// The journal of one store in memory.
pub(crate) struct Journal {
    recorder: Arc<Recorder>,
    kind: Kind,
}

/// What was asked, ready to be written down.
pub(crate) struct Line<'j> {
    journal: &'j Journal,
    policy: Option<Arc<Interned>>,
    entry: Vec<u8>,
}

impl Journal {
    pub fn new(recorder: Arc<Recorder>, kind: Kind) -> Self {
        Self { recorder, kind }
    }

    /// Makes a line of an entry, before the lock of its state is taken.
    pub fn line<P: Interning>(&self, policy: &P, entry: &impl Serialize) -> Line<'_> {
        let policy = Some(policies::intern(self.recorder.policies(), self.kind, policy));
        Line { journal: self, policy, entry: encoded(entry) }
    }

    /// Writes an entry down that no policy was needed for. As [`Line::append`].
    pub fn append(&self, key: &OrchestratorId, entry: &impl Serialize) {
        Line { journal: self, policy: None, entry: encoded(entry) }.append(key);
    }
}

impl Line<'_> {
    /// Writes it down. The lock of the state is held meanwhile, so that entries of one state have its order.
    pub fn append(self, key: &OrchestratorId) {
        self.journal.recorder.append(self.journal.kind, key, self.policy, &self.entry);
    }
}

/// As it stands in files. Fields go by their order, variants by their names.
///
/// What is tagged by hand for JavaScript (`#[serde(tag, content)]`) is only read back with names for its fields, and
/// stands within other things as [`named`].
pub(super) fn encoded(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    // Plain data written to memory: there is nothing that could fail.
    let _ = rmp_serde::encode::write(&mut bytes, value);
    bytes
}
