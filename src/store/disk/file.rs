//! The SQLite file: what stands in it, and how its errors read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::checksum::crc32;
use super::rows::{LogRow, Parts, PolicyRow, StateRow, head};
use super::transaction::Written;
use crate::domain::error::{Applied, StoreError};
use crate::store::sqlite::damage::{is_damage, reason_of};
use crate::store::sqlite::log::keep_log;
use crate::store::sqlite::place::{beside, private, refusal_of_main, sync_folder};
use crate::store::sqlite::wal::damage_within;

/// Says that a file is one of ours: "wtkb".
const APPLICATION_ID: i32 = 0x7774_6B62;

/// Grows when an older version of this package could not read the file.
const VERSION: i32 = 1;

/// Files that are checked as a whole when they are opened.
const CHECKED_BYTES_MAX: u64 = 32 << 20;

/// As much of SQLite's write-ahead log is carried over to the file at once.
const CHECKPOINT_BYTES: usize = 16 << 20;

/// What is read again are the pages that the next commit writes to.
const CACHE_KIB: u32 = 8 << 10;

const SCHEMA: &str = "
    CREATE TABLE state (
        kind INTEGER NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, part INTEGER NOT NULL, parts INTEGER NOT NULL,
        crc INTEGER NOT NULL, state BLOB NOT NULL,
        UNIQUE (kind, key, seq, part)
    );
    CREATE TABLE log (
        first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, crc INTEGER NOT NULL, entries BLOB NOT NULL
    );
    CREATE TABLE policy (
        id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, crc INTEGER NOT NULL, policy BLOB NOT NULL
    );";

/// Who writes to the file: whoever opened it last. A lock that somebody deleted would let two processes write, each
/// over what the other has acknowledged.
const OWNER_SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS owner (id INTEGER PRIMARY KEY CHECK (id = 1), owner INTEGER NOT NULL);";

/// An open file.
pub(super) struct StoreFile {
    path: PathBuf,
    connection: Connection,
    /// What stands in the file as long as nobody else has opened it.
    owner: i64,
    /// Written since the write-ahead log was carried over.
    uncarried_bytes: usize,
}

impl StoreFile {
    /// Opens the file, and makes it if there is none. What is read of it afterwards is on the disk, and nobody who had
    /// it open before writes to it any more.
    pub fn open(path: &Path, busy_timeout: Duration) -> Result<Self, StoreError> {
        let fail = |error| failure(path, &error);
        if let Some(message) = refusal_of_main(path) {
            return Err(refused(format!("storage.path: {message}")));
        }
        check_log(path)?;
        if !path.exists() {
            // When it cannot be made, SQLite says why. What it makes beside the file gets the mode of the file.
            let _ = private().create_new(true).open(path);
        }
        let connection = Connection::open(path).map_err(fail)?;
        let owner = uuid::Uuid::new_v4().as_u64_pair().0 as i64;
        let mut file = Self { path: path.to_owned(), connection, owner, uncarried_bytes: 0 };
        file.check_writable()?;
        file.connection.busy_timeout(busy_timeout).map_err(fail)?;
        let is_empty = file.check_version()?;
        file.check_integrity()?;
        file.prepare(is_empty).map_err(fail)?;
        file.own()?;
        sync_folder(path);
        Ok(file)
    }

    /// Before SQLite makes anything beside it: files that only can be read, too, would stay there.
    fn check_writable(&self) -> Result<(), StoreError> {
        match self.connection.is_readonly("main") {
            Ok(false) => Ok(()),
            Ok(true) => Err(refused(format!(
                "storage.path: {} cannot be opened for writing: it is read-only",
                self.path.display()
            ))),
            Err(error) => Err(failure(&self.path, &error)),
        }
    }

    /// Commits of whoever had it before fail from here on. This commit also syncs what a process that was killed had
    /// written and not yet synced.
    fn own(&mut self) -> Result<(), StoreError> {
        let mut write = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(OWNER_SCHEMA)?;
            transaction.execute("INSERT OR REPLACE INTO owner (id, owner) VALUES (1, ?)", [self.owner])?;
            transaction.commit()
        };
        write().map_err(|error| failure(&self.path, &error))
    }

    /// How long it waits for another program that has a lock on the file.
    pub fn set_busy_timeout(&self, timeout: Duration) -> Result<(), StoreError> {
        self.connection.busy_timeout(timeout).map_err(|error| failure(&self.path, &error))
    }

    /// Whether there is nothing in it yet.
    fn check_version(&self) -> Result<bool, StoreError> {
        let number = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, i32>(0));
        let read = || -> rusqlite::Result<_> {
            let tables = number("SELECT count(*) FROM sqlite_master")?;
            Ok((number("PRAGMA application_id")?, number("PRAGMA user_version")?, tables))
        };
        let path = self.path.display();
        match read().map_err(|error| failure(&self.path, &error))? {
            (0, 0, 0) => Ok(true),
            (APPLICATION_ID, 1..=VERSION, _) => Ok(false),
            (APPLICATION_ID, version, _) => Err(refused(format!(
                "storage.path: {path} was written by a newer version of this package (format {version}, this one \
                 reads {VERSION})"
            ))),
            _ => Err(refused(format!("storage.path: {path} is the database of another program"))),
        }
    }

    /// Whether everything that stands in the file is found: a page that was damaged could hide rows. Of a large file
    /// that would take long, and is left to the checksums.
    fn check_integrity(&self) -> Result<(), StoreError> {
        let is_large = std::fs::metadata(&self.path).is_ok_and(|file| file.len() > CHECKED_BYTES_MAX);
        if is_large {
            return Ok(());
        }
        let check = self.connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
        match check {
            Ok(found) if found == "ok" => Ok(()),
            Ok(found) => Err(failure(&self.path, &unreadable(found))),
            Err(error) => Err(failure(&self.path, &error)),
        }
    }

    fn prepare(&self, is_empty: bool) -> rusqlite::Result<()> {
        let connection = &self.connection;
        keep_log(connection, CACHE_KIB)?;
        if is_empty {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {SCHEMA}
                 PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        }
        Ok(())
    }

    /// Runs `write` in one transaction, which is on the disk when this returns.
    pub fn commit(&mut self, write: impl FnOnce(&Written<'_>) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        let (path, ours) = (&self.path, self.owner);
        let run = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "SELECT owner FROM owner WHERE id = 1";
            let owner: i64 = transaction.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            if owner != ours {
                return Err(disowned());
            }
            write(&Written(&transaction))?;
            transaction.commit()
        };
        run().map_err(|error| failure(path, &error))
    }

    /// Notes that about so much was written, and carries the write-ahead log over when it is long. Not a part of
    /// the commit, so that nobody waits for it who waits for that.
    pub fn carry_over(&mut self, written_bytes: usize) {
        self.uncarried_bytes += written_bytes;
        if self.uncarried_bytes >= CHECKPOINT_BYTES {
            self.uncarried_bytes = 0;
            // What cannot be carried over now, for somebody reads it or the disk is full, is by the next one.
            let _ = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
    }

    /// Of each state the last that stands there as a whole.
    pub fn states(&self, mut each: impl FnMut(StateRow) -> Result<(), String>) -> Result<(), StoreError> {
        let sql = "SELECT crc, state, kind, key, seq, part, parts FROM state ORDER BY kind, key, seq DESC, part";
        let mut whole = Parts::default();
        self.read(sql, |row, bytes| {
            let (part, parts) = (row.get(5)?, row.get(6)?);
            let (kind, key, seq) = (row.get(2)?, row.get(3)?, row.get::<_, i64>(4)? as u64);
            let state = StateRow { kind, key, seq, state: bytes };
            check(row, &head::state(kind, &state.key, seq, part, parts), &state.state)?;
            whole.add(state, part, parts).map_or(Ok(()), &mut each).map_err(unreadable)
        })
    }

    /// Deletes what [`Self::states`] did not tell: parts of states that were never written as a whole, and of those
    /// that later ones have replaced.
    pub fn delete_remains(&mut self) -> Result<(), StoreError> {
        let whole = "SELECT kind, key, max(seq) AS seq FROM (SELECT kind, key, seq FROM state GROUP BY kind, key, seq \
                     HAVING count(*) = max(parts)) GROUP BY kind, key";
        let remains = format!("SELECT rowid FROM state WHERE (kind, key, seq) NOT IN ({whole})");
        let count = format!("SELECT count(*) FROM ({remains})");
        let count = self.connection.query_row(&count, [], |row| row.get::<_, i64>(0));
        match count.map_err(|error| failure(&self.path, &error))? {
            0 => Ok(()),
            _ => self.commit(|file| file.execute(&format!("DELETE FROM state WHERE rowid IN ({remains})"))),
        }
    }

    /// Oldest first.
    pub fn log(&self, mut each: impl FnMut(LogRow) -> Result<(), String>) -> Result<(), StoreError> {
        self.read("SELECT crc, entries, first_seq, last_seq FROM log ORDER BY first_seq", |row, entries| {
            let (first_seq, last_seq) = (row.get::<_, i64>(2)? as u64, row.get::<_, i64>(3)? as u64);
            check(row, &head::log(first_seq, last_seq), &entries)?;
            each(LogRow { first_seq, last_seq, entries }).map_err(unreadable)
        })
    }

    pub fn policies(&self, mut each: impl FnMut(PolicyRow) -> Result<(), String>) -> Result<(), StoreError> {
        self.read("SELECT crc, policy, kind, id FROM policy", |row, policy| {
            let (id, kind) = (row.get(3)?, row.get(2)?);
            check(row, &head::policy(id, kind), &policy)?;
            each(PolicyRow { id, kind, policy }).map_err(unreadable)
        })
    }

    /// The first column is the checksum, the second what it is of.
    fn read(
        &self,
        sql: &str,
        mut each: impl FnMut(&rusqlite::Row<'_>, Vec<u8>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let mut read = || {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                each(row, row.get(1)?)?;
            }
            Ok(())
        };
        read().map_err(|error| failure(&self.path, &error))
    }

    /// Carries everything over to the file itself and closes it.
    pub fn close(self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        drop(self.connection.close());
    }
}

fn check(row: &rusqlite::Row<'_>, head: &str, bytes: &[u8]) -> rusqlite::Result<()> {
    if row.get::<_, u32>(0)? == crc32(head, bytes) {
        return Ok(());
    }
    Err(unreadable(format!("the checksum of {head} does not match")))
}

/// What was read cannot be understood.
fn unreadable(reason: String) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(reason))
}

const DISOWNED: &str = "was opened by another process though this one had locked it";

fn disowned() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_PROTOCOL);
    rusqlite::Error::SqliteFailure(code, Some(DISOWNED.into()))
}

/// Whether the write-ahead log is whole up to where it ends, before SQLite takes for its end what is none.
fn check_log(path: &Path) -> Result<(), StoreError> {
    let log_path = beside(path, "-wal");
    let (shown, log) = (path.display(), log_path.display());
    match damage_within(&log_path) {
        Ok(None) => Ok(()),
        Ok(Some(at)) => Err(refused(format!(
            "storage.path: {shown} is damaged: {log} does not match its checksums at byte {at}, and commits follow"
        ))),
        Err(error) => Err(unavailable(format!("storage: {log} cannot be read: {error}"))),
    }
}

fn refused(message: String) -> StoreError {
    StoreError::Refused { message }
}

/// What went wrong, in words of who gave the path.
fn failure(path: &Path, error: &rusqlite::Error) -> StoreError {
    let shown = path.display();
    if is_damage(error) {
        return refused(format!("storage.path: {shown} is damaged: {error}"));
    }
    if reason_of(error) == Some(DISOWNED) {
        return unavailable(format!("storage.path: {shown} {DISOWNED}: was {shown}-lock deleted?"));
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => refused(format!("storage.path: {shown} is not a storage file")),
        Some(ErrorCode::DiskFull) => unavailable(format!("storage: no space is left for {shown}")),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            refused(format!("storage.path: {shown} cannot be opened for writing: {error}"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            unavailable(format!("storage: another program holds a lock on {shown}"))
        }
        _ => unavailable(format!("storage: {shown}: {error}")),
    }
}

pub(super) fn unavailable(message: String) -> StoreError {
    StoreError::Unavailable { message, applied: Applied::No }
}
