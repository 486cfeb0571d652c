//! The operations on one subject that wait for their batch, first come first served.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::pending::Pending;
use super::work::{Subject, Work};

/// Operations in one batch. Bounds how long one script keeps the server from others
/// (about 1 µs an operation).
pub(super) const BATCH_LIMIT: usize = 512;

/// Bytes that the operations of a batch ask with, unless one alone has more. A server reads a request
/// as a whole before it does anything else.
const BATCH_BYTES: usize = 1 << 20;

/// Answered entries are dropped from a queue when there are this many, and they are its greater part.
const PURGE_AT: usize = 64;

#[derive(Debug)]
pub(super) struct Entry {
    pub pending: Rc<Pending>,
    pub work: Work,
    /// `system clock - caller's clock` when the caller asked; dates its timestamps.
    pub caller_skew_ms: i64,
}

#[derive(Debug)]
pub(super) struct Queue {
    pub subject: Subject,
    entries: RefCell<VecDeque<Entry>>,
    /// Whether a task carries its batches.
    pub carried: Cell<bool>,
    answered: Cell<usize>,
}

impl Queue {
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, entries: RefCell::default(), carried: Cell::new(false), answered: Cell::new(0) }
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
        let mut bytes = 0;
        while batch.len() < BATCH_LIMIT {
            let Some(entry) = entries.pop_front() else { break };
            if entry.pending.is_dead(false) {
                continue;
            }
            bytes += entry.work.bytes();
            if bytes > BATCH_BYTES && !batch.is_empty() {
                entries.push_front(entry);
                break;
            }
            batch.push(entry);
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::domain::identifier::OrchestratorId;
    use crate::domain::operation::Operation;
    use crate::domain::usage::Usage;
    use crate::service::remote::pending::Role;

    fn queue_of(metadata_bytes: &[usize]) -> Queue {
        let queue = Queue::new(Subject::Budget(OrchestratorId::new("a").unwrap()));
        for (call, bytes) in metadata_bytes.iter().enumerate() {
            let usage = Usage { total: 1, metadata_json: Some("x".repeat(*bytes)), ..Usage::default() };
            let pending = Rc::new(Pending::new(call as u64, Role::Usage, Instant::now()));
            queue.push(Entry { pending, work: Work::Budget(Operation::Track(usage)), caller_skew_ms: 0 });
        }
        queue
    }

    /// The calls of every batch, until the queue is empty.
    fn batches(queue: &Queue) -> Vec<Vec<u64>> {
        let next = || Some(queue.next_batch()).filter(|batch| !batch.is_empty());
        std::iter::from_fn(next).map(|batch| batch.iter().map(|entry| entry.pending.call).collect()).collect()
    }

    #[test]
    fn a_batch_is_bounded_in_operations() {
        let batches = batches(&queue_of(&[10; 2 * BATCH_LIMIT + 1]));
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [BATCH_LIMIT, BATCH_LIMIT, 1]);
    }

    #[test]
    fn a_batch_is_bounded_in_bytes() {
        let large = 64 * 1_024;
        let batches = batches(&queue_of(&[large; BATCH_LIMIT]));
        let most = batches.iter().map(Vec::len).max().unwrap();
        assert!((BATCH_BYTES / large - 1..=BATCH_BYTES / large).contains(&most), "{most}");
        assert_eq!(batches.concat(), (0..BATCH_LIMIT as u64).collect::<Vec<_>>(), "in order, none is lost");
    }

    #[test]
    fn what_is_larger_than_a_batch_goes_alone() {
        let batches = batches(&queue_of(&[10, 2 * BATCH_BYTES, 10, 10]));
        assert_eq!(batches, [vec![0], vec![1], vec![2, 3]]);
    }
}
