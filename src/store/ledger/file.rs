//! The SQLite file of a ledger, who writes to it and who reads.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::error::{LedgerError, failure};
use super::schema::{APPLICATION_ID, SCHEMA, VERSION};
use super::tasks::Read;
use crate::store::disk::file::{beside, private, sync_folder};
use crate::store::disk::wal::damage_within;

/// How long a transaction waits for another process that writes, before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// As much of SQLite's write-ahead log is carried over to the file at once.
const CHECKPOINT_BYTES: usize = 32 << 20;

/// Files that are checked as a whole when they are opened.
const CHECKED_BYTES_MAX: u64 = 32 << 20;

/// Statements that stay prepared.
const STATEMENTS: usize = 64;

/// A connection that threads take turns with.
type Shared = Arc<Mutex<Connection>>;

pub(super) struct LedgerFile {
    /// `None`: it is in memory.
    path: Option<PathBuf>,
    connection: Shared,
    /// Written since the write-ahead log was carried over.
    uncarried_bytes: usize,
    /// Shared by all that have the file open: who opens it alone may look for damage.
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
        let Some(path) = path else {
            let connection = Connection::open_in_memory().map_err(|error| failure(shown(None), &error))?;
            let create = |connection: &Connection| connection.execute_batch(SCHEMA);
            create(&connection).map_err(|error| failure(shown(None), &error))?;
            return Ok(Self::of(None, connection, None));
        };
        if path.is_dir() {
            return Err(LedgerError::Refused(format!("path: {} is a folder", path.display())));
        }
        let process_lock = lock_beside(path)?;
        let is_new = !path.exists();
        if is_new {
            // When it cannot be made, SQLite says why. What it makes beside the file gets the mode of the file.
            let _ = private().create_new(true).open(path);
        }
        let fail = |error| failure(path, &error);
        let mut connection = Connection::open(path).map_err(fail)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
        check_integrity(path, &connection)?;
        prepare(&connection).map_err(fail)?;
        create_or_check(path, &mut connection)?;
        if is_new {
            sync_folder(path);
        }
        Ok(Self::of(Some(path.to_owned()), connection, Some(process_lock)))
    }

    fn of(path: Option<PathBuf>, connection: Connection, lock: Option<File>) -> Self {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Self { path, connection: Arc::new(Mutex::new(connection)), uncarried_bytes: 0, _lock: lock }
    }

    pub fn reader(&self) -> Reader {
        match &self.path {
            Some(path) => Reader::OfFile(path.clone()),
            None => Reader::InMemory(Arc::clone(&self.connection)),
        }
    }

    /// Runs `write` in one transaction, which is on the disk when this returns.
    pub fn commit<T>(&mut self, write: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        let mut connection = lock(&self.connection);
        let run = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = write(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        };
        run().map_err(|error| failure(shown(self.path.as_deref()), &error))
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

/// Takes the lock of those who have the file open. Who has it alone looks whether the write-ahead log is whole up to
/// where it ends: what is damaged within it would be taken for its end, and what follows be lost without a word.
fn lock_beside(path: &Path) -> Result<File, LedgerError> {
    let lock_path = beside(path, "-lock");
    let file = private().create(true).open(&lock_path).map_err(|error| {
        LedgerError::Refused(format!("path: {} cannot be opened for writing: {error}", lock_path.display()))
    })?;
    if file.try_lock().is_ok() {
        let log = beside(path, "-wal");
        match damage_within(&log) {
            Ok(None) => {}
            Ok(Some(at)) => {
                let (path, log) = (path.display(), log.display());
                return Err(LedgerError::Refused(format!(
                    "path: {path} is damaged: {log} does not match its checksums at byte {at}, and commits follow"
                )));
            }
            Err(error) => {
                return Err(LedgerError::Unavailable(format!("{} cannot be read: {error}", log.display())));
            }
        }
        let _ = file.unlock();
    }
    // Nobody holds it alone for longer than it takes to look.
    let locked = file.lock_shared();
    locked.map_err(|error| LedgerError::Unavailable(format!("{} cannot be locked: {error}", lock_path.display())))?;
    Ok(file)
}

/// Whether everything that stands in the file is found. Of a large file that would take long.
fn check_integrity(path: &Path, connection: &Connection) -> Result<(), LedgerError> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > CHECKED_BYTES_MAX) {
        return Ok(());
    }
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match check.map_err(|error| failure(path, &error))? {
        found if found == "ok" => Ok(()),
        found => Err(LedgerError::Refused(format!("path: {} is damaged: {found}", path.display()))),
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let message = format!("a write-ahead log cannot be kept beside it (journal mode {mode})");
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(1), Some(message)));
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1;
         PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864;",
    )
}

/// Two that open a new file at once must not both make its tables.
fn create_or_check(path: &Path, connection: &mut Connection) -> Result<(), LedgerError> {
    let mut run = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = |sql: &str| transaction.query_row(sql, [], |row| row.get::<_, i32>(0));
        let tables = number("SELECT count(*) FROM sqlite_master")?;
        let found = (number("PRAGMA application_id")?, number("PRAGMA user_version")?, tables);
        if found == (0, 0, 0) {
            transaction.execute_batch(&format!(
                "{SCHEMA} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
            ))?;
        }
        transaction.commit()?;
        Ok(found)
    };
    let shown = path.display();
    match run().map_err(|error| failure(path, &error))? {
        (0, 0, 0) | (APPLICATION_ID, 1..=VERSION, _) => Ok(()),
        (APPLICATION_ID, version, _) => Err(LedgerError::Refused(format!(
            "path: {shown} was written by a newer version of this package (format {version}, this one reads {VERSION})"
        ))),
        _ => Err(LedgerError::Refused(format!("path: {shown} is the database of another program"))),
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
                let connected = own.take().map_or_else(|| connect(path), Ok);
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

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch("PRAGMA query_only = 1; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536;")?;
    Ok(connection)
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
