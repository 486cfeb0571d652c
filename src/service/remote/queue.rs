//! The operations of one orchestrator that wait for their batch, first come first served.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::pending::Pending;
use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::Operation;

/// Operations in one batch. Bounds how long one script keeps the server from others
/// (about 1 µs an operation).
pub(super) const BATCH_LIMIT: usize = 512;

/// Answered entries are dropped from a queue when there are this many, and they are its greater part.
const PURGE_AT: usize = 64;

#[derive(Debug)]
pub(super) struct Entry {
    pub pending: Rc<Pending>,
    pub operation: Operation,
    /// `system clock - caller's clock` when the caller asked; dates its timestamps.
    pub caller_skew_ms: i64,
}

#[derive(Debug)]
pub(super) struct Queue {
    pub orchestrator: OrchestratorId,
    entries: RefCell<VecDeque<Entry>>,
    /// Whether a task carries its batches.
    pub carried: Cell<bool>,
    answered: Cell<usize>,
}

impl Queue {
    pub(super) fn new(orchestrator: OrchestratorId) -> Self {
        Self { orchestrator, entries: RefCell::default(), carried: Cell::new(false), answered: Cell::new(0) }
    }

    pub(super) fn push(&self, entry: Entry) {
        self.entries.borrow_mut().push_back(entry);
    }

    /// Puts an entry back that has to be asked again.
    pub(super) fn push_first(&self, entry: Entry) {
        self.entries.borrow_mut().push_front(entry);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// The entries of the next batch; none when nothing is left that anybody counts on.
    pub(super) fn next_batch(&self) -> Vec<Entry> {
        let mut entries = self.entries.borrow_mut();
        let mut batch = Vec::with_capacity(entries.len().min(BATCH_LIMIT));
        while batch.len() < BATCH_LIMIT {
            match entries.pop_front() {
                Some(entry) if entry.pending.is_dead(false) => {}
                Some(entry) => batch.push(entry),
                None => break,
            }
        }
        batch
    }

    /// Notes that an entry was answered before its batch left. While the store is away such
    /// entries would pile up.
    pub(super) fn note_answered(&self) {
        let answered = self.answered.get() + 1;
        let mut entries = self.entries.borrow_mut();
        if answered >= PURGE_AT && answered * 2 > entries.len() {
            entries.retain(|entry| !entry.pending.is_dead(false));
            self.answered.set(0);
        } else {
            self.answered.set(answered);
        }
    }
}
