//! The ledger: every usage once, and what reports are made of.
//!
//! Records and their sums per hour and per day stand in one SQLite file and are written in one transaction. One thread
//! writes, everything that waits at once; an answer is given when that is synced. Two threads read, from snapshots,
//! and hold up nobody. Without a path it is kept in memory. Several processes may have one file open.

mod error;
mod file;
mod ids;
mod names;
mod open;
mod page;
mod pieces;
mod query;
mod record;
mod retention;
mod rollup;
mod rows;
mod schema;
mod sums;
mod tasks;
mod threads;
mod verify;

use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use rusqlite::Connection;

use self::tasks::{Task, Tasks};

pub use error::LedgerError;
pub use page::{PAGE_MAX, Page};
pub use query::{Distinct, Group, GroupBy, Query, SumsQuery};
pub use record::{Outcome, Pico, Record};
pub use retention::STEP_MAX;
pub use sums::Sums;
pub use tasks::WAITING_BYTES_MAX;
pub use verify::Findings;

/// What a call answers.
pub type Answer<T> = Result<T, LedgerError>;

/// Is called once, in a thread of the ledger; or at once, with a refusal.
pub type Reply<T> = Box<dyn FnOnce(Answer<T>) + Send>;

/// A ledger that is open, or about to be: what is asked meanwhile waits.
///
/// ```
/// use token_budget::store::ledger::{Ledger, Outcome, Record, wait};
///
/// let ledger = Ledger::start(None).unwrap();
/// let record = Record { id: "r1".into(), total: 30, currency: "USD".into(), ..Record::default() };
/// assert_eq!(wait(|reply| ledger.record(vec![record.clone()], reply)), Ok(vec![Outcome::Recorded]));
/// assert_eq!(wait(|reply| ledger.record(vec![record], reply)), Ok(vec![Outcome::Known]));
/// wait(|reply| ledger.close(reply)).unwrap();
/// ```
pub struct Ledger {
    tasks: Arc<Tasks>,
}

impl Ledger {
    /// Starts the threads of a ledger, which open it: see [`Self::when_open`].
    ///
    /// # Errors
    ///
    /// The system starts no thread.
    pub fn start(path: Option<PathBuf>) -> std::io::Result<Self> {
        let tasks = Arc::new(Tasks::default());
        let ledger = Self { tasks: Arc::clone(&tasks) };
        threads::start(path, &tasks)?;
        Ok(ledger)
    }

    /// Answers when it is open.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Refused`]: the path leads to nothing that a ledger can be kept in.
    pub fn when_open(&self, reply: Reply<()>) {
        self.tasks.when_open(reply);
    }

    /// Whether it could not be opened: another one may be, when what was in the way is gone.
    pub fn has_failed(&self) -> bool {
        self.tasks.has_failed()
    }

    /// Records each usage once by its id. Answers when they are durable, in order.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Invalid`] names the field that is out of range. [`LedgerError::Unavailable`]: nothing was
    /// recorded, the disk is full or [`WAITING_BYTES_MAX`] wait already.
    pub fn record(&self, records: Vec<Record>, reply: Reply<Vec<Outcome>>) {
        for (index, record) in records.iter().enumerate() {
            if let Err(message) = record.check() {
                return reply(Err(LedgerError::Invalid(format!("records[{index}].{message}"))));
            }
        }
        self.tasks.ask(Task::Record { records, reply });
    }

    /// Deletes up to `max` of the records before `at_ms`, the oldest first. Answers how many; call again while it is
    /// `max`. Other records are written in between.
    pub fn delete_before(&self, at_ms: i64, max: usize, reply: Reply<usize>) {
        if !(1..=STEP_MAX).contains(&max) {
            return reply(Err(LedgerError::Invalid(format!("max: expected an integer from 1 to {STEP_MAX}"))));
        }
        self.tasks.ask(Task::Delete { at_ms, max, reply });
    }

    /// Sums by group, slot and currency, ordered so.
    pub fn sums(&self, asked: SumsQuery, reply: Reply<Vec<Group>>) {
        if let Err(message) = asked.check() {
            return reply(Err(LedgerError::Invalid(message)));
        }
        self.read(reply, move |connection| query::sums(connection, &asked));
    }

    /// How many different orchestrators or sessions the records have.
    pub fn count_distinct(&self, asked: Query, of: Distinct, reply: Reply<usize>) {
        self.read(reply, move |connection| query::count_distinct(connection, &asked, of));
    }

    /// Up to `limit` records by time, then in the order of recording; `after` is [`Page::next`] of the page before.
    pub fn page(&self, asked: Query, after: Option<String>, limit: usize, reply: Reply<Page>) {
        match page::Asked::new(asked, after.as_deref(), limit) {
            Ok(asked) => self.read(reply, move |connection| page::read(connection, &asked)),
            Err(message) => reply(Err(LedgerError::Invalid(message))),
        }
    }

    /// Adds everything up anew and compares: takes as long as reading all records.
    pub fn verify(&self, reply: Reply<Findings>) {
        self.read(reply, verify::verify);
    }

    /// Writes what waits, answers what was asked, and closes the file. What is asked later is refused.
    pub fn close(&self, reply: Reply<()>) {
        self.tasks.close(Some(reply));
    }

    fn read<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) {
        self.tasks.read(Box::new(move |snapshot| reply(snapshot.and_then(|snapshot| snapshot.run(read)))));
    }
}

/// What was asked is still done.
impl Drop for Ledger {
    fn drop(&mut self) {
        self.tasks.close(None);
    }
}

/// Asks, and waits for the answer.
pub fn wait<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Answer<T> {
    let (sender, receiver) = mpsc::channel();
    ask(Box::new(move |answer| drop(sender.send(answer))));
    receiver.recv().unwrap_or(Err(LedgerError::Closed))
}
