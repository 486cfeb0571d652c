//! What waits for the threads of a ledger.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::file::Snapshot;
use super::record::{Outcome, Record};
use super::{Answer, LedgerError, Reply};

/// When so much waits to be written, more is refused.
pub const WAITING_BYTES_MAX: usize = 64 << 20;

/// One transaction takes no more records, so that the first of them need not wait for long.
const TRANSACTION_RECORDS: usize = 20_000;

/// Reads that wait; more are refused.
const READS_MAX: usize = 10_000;

pub(super) enum Task {
    Record { records: Vec<Record>, reply: Reply<Vec<Outcome>> },
    Delete { at_ms: i64, max: usize, reply: Reply<usize> },
}

impl Task {
    fn records(&self) -> usize {
        match self {
            Self::Record { records, .. } => records.len(),
            Self::Delete { .. } => 1,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Record { records, .. } => records.iter().map(Record::bytes).sum(),
            Self::Delete { .. } => 0,
        }
    }

    pub fn refuse(self, error: LedgerError) {
        match self {
            Self::Record { reply, .. } => reply(Err(error)),
            Self::Delete { reply, .. } => reply(Err(error)),
        }
    }
}

/// Reads from a snapshot, or hears why there is none.
pub(super) type Read = Box<dyn FnOnce(Answer<Snapshot<'_>>) + Send>;

#[derive(Default)]
struct State {
    /// `None`: it is being opened.
    opened: Option<Answer<()>>,
    writes: VecDeque<Task>,
    waiting_bytes: usize,
    reads: VecDeque<Read>,
    is_closing: bool,
    readers: usize,
    has_ended: bool,
    open_replies: Vec<Reply<()>>,
    close_replies: Vec<Reply<()>>,
}

#[derive(Default)]
pub(super) struct Tasks {
    state: Mutex<State>,
    changed: Condvar,
}

impl Tasks {
    /// Replies are never called with this held: they may ask for more.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, is_idle: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner)
    }

    pub fn when_open(&self, reply: Reply<()>) {
        let mut state = self.lock();
        let answer = match &state.opened {
            _ if state.is_closing => Err(LedgerError::Closed),
            Some(opened) => opened.clone(),
            None => return state.open_replies.push(reply),
        };
        drop(state);
        reply(answer);
    }

    pub fn has_failed(&self) -> bool {
        matches!(self.lock().opened, Some(Err(_)))
    }

    pub fn ask(&self, task: Task) {
        let mut state = self.lock();
        let bytes = task.bytes();
        if let Some(error) = state.refusal(bytes) {
            drop(state);
            return task.refuse(error);
        }
        state.waiting_bytes += bytes;
        state.writes.push_back(task);
        drop(state);
        self.changed.notify_all();
    }

    pub fn read(&self, read: Read) {
        let mut state = self.lock();
        let refusal = match state.refusal(0) {
            None if state.reads.len() >= READS_MAX => {
                Some(LedgerError::Unavailable("too many reads are waiting".to_owned()))
            }
            refusal => refusal,
        };
        if let Some(error) = refusal {
            drop(state);
            return read(Err(error));
        }
        state.reads.push_back(read);
        drop(state);
        self.changed.notify_all();
    }

    pub fn close(&self, reply: Option<Reply<()>>) {
        let mut state = self.lock();
        state.is_closing = true;
        if state.has_ended {
            drop(state);
            return reply.into_iter().for_each(|reply| reply(Ok(())));
        }
        state.close_replies.extend(reply);
        drop(state);
        self.changed.notify_all();
    }

    /// Called once, by the writer.
    pub fn opened(&self, opened: &Answer<()>) {
        let mut state = self.lock();
        state.opened = Some(opened.clone());
        let replies = std::mem::take(&mut state.open_replies);
        drop(state);
        self.changed.notify_all();
        replies.into_iter().for_each(|reply| reply(opened.clone()));
    }

    /// What one transaction may write; `None`: nothing more comes.
    pub fn next_writes(&self) -> Option<Vec<Task>> {
        let mut state = self.wait_while(|state| state.writes.is_empty() && !state.is_closing);
        let (mut taken, mut records) = (Vec::new(), 0);
        while let Some(task) = state.writes.front() {
            records += task.records();
            if !taken.is_empty() && records > TRANSACTION_RECORDS {
                break;
            }
            state.waiting_bytes -= task.bytes();
            taken.extend(state.writes.pop_front());
        }
        (!taken.is_empty()).then_some(taken)
    }

    pub fn reader_started(&self) {
        self.lock().readers += 1;
    }

    /// `None`: nothing more comes. Waits until it is known whether the ledger could be opened.
    pub fn next_read(&self) -> Option<(Read, Answer<()>)> {
        let mut state =
            self.wait_while(|state| state.opened.is_none() || (state.reads.is_empty() && !state.is_closing));
        let read = state.reads.pop_front()?;
        let opened = state.opened.clone().unwrap_or(Err(LedgerError::Closed));
        Some((read, opened))
    }

    pub fn reader_ended(&self) {
        self.lock().readers -= 1;
        self.changed.notify_all();
    }

    pub fn wait_for_readers(&self) {
        drop(self.wait_while(|state| state.readers > 0));
    }

    /// Called by the writer as the last thing.
    pub fn ended(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        let replies = std::mem::take(&mut state.close_replies);
        drop(state);
        replies.into_iter().for_each(|reply| reply(Ok(())));
    }
}

impl State {
    fn refusal(&self, bytes: usize) -> Option<LedgerError> {
        if self.is_closing {
            return Some(LedgerError::Closed);
        }
        if let Some(Err(error)) = &self.opened {
            return Some(error.clone());
        }
        // A single one is taken however large it is.
        let is_too_much = self.waiting_bytes > 0 && self.waiting_bytes + bytes > WAITING_BYTES_MAX;
        (bytes > 0 && is_too_much).then(|| LedgerError::Unavailable("too much is waiting for the disk".to_owned()))
    }
}
