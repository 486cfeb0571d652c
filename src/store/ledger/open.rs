//! Opens the file, and looks whether what stands there can be gone on with.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::{LedgerError, failure};
use super::schema::{APPLICATION_ID, FROM_VERSION_1, SCHEMA, VERSION};
use crate::store::sqlite::log::keep_log;
use crate::store::sqlite::place::{beside, canonical, open_lock, private, refusal_of_main, sync_folder};
use crate::store::sqlite::wal::damage_within;

/// How long a transaction waits for another process that writes, before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Files that are checked as a whole when they are opened.
const CHECKED_BYTES_MAX: u64 = 32 << 20;

/// Pages of several indices are written to and read again.
const CACHE_KIB: u32 = 64 << 10;

/// Statements that stay prepared.
const STATEMENTS: usize = 64;

/// One at a time in this process: who makes a file closes it before SQLite opens it, and the system then drops the
/// locks that the process has on it.
static OPENING: Mutex<()> = Mutex::new(());

pub(super) struct Opened {
    /// Where the path that was given leads.
    pub path: PathBuf,
    pub connection: Connection,
    /// Shared by all that have the file open: who opens it alone may look for damage.
    pub lock: File,
}

/// Opens the file, and makes it if there is none.
pub(super) fn open(given: &Path) -> Result<Opened, LedgerError> {
    let refused = |message: String| LedgerError::Refused(format!("path: {message}"));
    let shown = given.display();
    if given.is_dir() {
        return Err(refused(format!("{shown} is a folder")));
    }
    let path = canonical(given).map_err(|message| refused(format!("{shown}: {message}")))?;
    let fail = |error| failure(&path, &error);
    let opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    let lock = lock_beside(&path)?;
    if let Some(message) = refusal_of_main(&path) {
        return Err(refused(message));
    }
    if !path.exists() {
        // When it cannot be made, SQLite says why. What it makes beside the file gets the mode of the file.
        let _ = private().create_new(true).open(&path);
    }
    let mut connection = Connection::open(&path).map_err(fail)?;
    drop(opening);
    // Before SQLite makes anything beside it: files that only can be read, too, would stay there.
    if connection.is_readonly("main").map_err(fail)? {
        return Err(refused(format!("{} cannot be opened for writing: it is read-only", path.display())));
    }
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    check_integrity(&path, &connection)?;
    keep_log(&connection, CACHE_KIB).map_err(fail)?;
    create_or_check(&path, &mut connection)?;
    // Whoever made the file may have been killed before that.
    sync_folder(&path);
    Ok(Opened { path, connection, lock })
}

/// A connection of somebody who reads. The file is there; were it gone, an empty one in its place would be wrong.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(&format!(
        "PRAGMA query_only = 1; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -{CACHE_KIB};"
    ))?;
    Ok(connection)
}

pub(super) fn in_memory() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

/// Takes the lock of those who have the file open. Who has it alone looks whether the write-ahead log is whole up to
/// where it ends: what is damaged within it would be taken for its end, and what follows be lost without a word.
fn lock_beside(path: &Path) -> Result<File, LedgerError> {
    let lock_path = beside(path, "-lock");
    let file = open_lock(path, &lock_path).map_err(|error| {
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
        if (found.0, found.1) == (APPLICATION_ID, 1) {
            transaction.execute_batch(FROM_VERSION_1)?;
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
