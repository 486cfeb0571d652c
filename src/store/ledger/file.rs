//! The SQLite file of a ledger, who writes to it and who reads.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};

use super::error::{LedgerError, failure};
use super::open;
use super::schema::VERSION;
use super::tasks::Read;

/// As much of SQLite's write-ahead log is carried over to the file at once.
const CHECKPOINT_BYTES: usize = 32 << 20;

/// A connection that threads take turns with.
type Shared = Arc<Mutex<Connection>>;

pub(super) struct LedgerFile {
    /// `None`: it is in memory.
    path: Option<PathBuf>,
    connection: Shared,
    /// Whether what was found in the write-ahead log is on the disk: a process that was killed may have written it
    /// and not yet synced.
    is_synced: bool,
    /// Written since the write-ahead log was carried over.
    uncarried_bytes: usize,
    _lock: Option<File>,
}

fn shown(path: Option<&Path>) -> &Path {
    path.unwrap_or(Path::new("the ledger in memory"))
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LedgerFile {
    /// Opens the file, and makes it if there is none.
    pub fn open(path: Option<&Path>) -> Result<Self, LedgerError> {
        let of = |path, connection, lock| {
            let connection = Arc::new(Mutex::new(connection));
            Self { path, connection, is_synced: false, uncarried_bytes: 0, _lock: lock }
        };
        let Some(path) = path else {
            let connection = open::in_memory().map_err(|error| failure(shown(None), &error))?;
            return Ok(Self { is_synced: true, ..of(None, connection, None) });
        };
        let opened = open::open(path)?;
        let mut file = of(Some(opened.path), opened.connection, Some(opened.lock));
        match file.commit(|_| Ok(())) {
            // Reports can be made of it while the disk is full; the first commit that succeeds syncs.
            Ok(()) | Err(LedgerError::Unavailable(_)) => Ok(file),
            Err(error) => Err(error),
        }
    }

    pub fn reader(&self) -> Reader {
        match &self.path {
            Some(path) => Reader::OfFile(path.clone()),
            None => Reader::InMemory(Arc::clone(&self.connection)),
        }
    }

    /// Runs `write` in one transaction. When this returns, it is on the disk, and whatever it has found there.
    pub fn commit<T>(&mut self, write: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        let mut connection = lock(&self.connection);
        let run = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if !self.is_synced {
                // Only a commit that writes something syncs.
                transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}"))?;
            }
            let answer = write(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        };
        let committed = run().map_err(|error| failure(shown(self.path.as_deref()), &error));
        self.is_synced |= committed.is_ok();
        committed
    }

    /// Notes that about so much was written, and carries the write-ahead log over when it is long. Not a part of
    /// the commit, so that nobody waits for it who waits for that.
    pub fn carry_over(&mut self, written_bytes: usize) {
        self.uncarried_bytes += written_bytes;
        if self.path.is_some() && self.uncarried_bytes >= CHECKPOINT_BYTES {
            self.uncarried_bytes = 0;
            // What cannot be carried over now, for somebody reads it or the disk is full, is by the next one.
            let _ = lock(&self.connection).query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
    }

    /// Carries everything over to the file itself; the connection is closed with this.
    pub fn close(self) {
        if self.path.is_some() {
            let _ = lock(&self.connection).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }
}

/// How one reads.
pub(super) enum Reader {
    /// Over a connection of one's own.
    OfFile(PathBuf),
    /// In turn with who writes.
    InMemory(Shared),
}

impl Reader {
    /// `own` keeps the connection of a thread.
    pub fn with_snapshot(&self, own: &mut Option<Connection>, read: Read) {
        match self {
            Self::InMemory(shared) => {
                let connection = lock(shared);
                read(Ok(Snapshot { connection: &connection, path: shown(None) }));
            }
            Self::OfFile(path) => {
                let connected = own.take().map_or_else(|| open::connect(path), Ok);
                match connected {
                    Ok(connection) => {
                        let connection = own.insert(connection);
                        read(Ok(Snapshot { connection, path }));
                    }
                    Err(error) => read(Err(failure(path, &error))),
                }
            }
        }
    }
}

/// Reads that see the same.
pub(super) struct Snapshot<'a> {
    connection: &'a Connection,
    path: &'a Path,
}

impl Snapshot<'_> {
    pub fn run<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        let run = || {
            let transaction = self.connection.unchecked_transaction()?;
            read(&transaction)
        };
        run().map_err(|error| failure(self.path, &error))
    }
}
