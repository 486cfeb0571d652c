//! How files are written.

use rusqlite::Connection;

/// Commits are appended to a write-ahead log and synced. It is carried over to the file when its owner says so, for nobody
/// shall wait for that who waits for a commit.
///
/// # Errors
///
/// Those of SQLite, and that there is no place for such a log.
pub(in crate::store) fn keep_log(connection: &Connection, cache_kib: u32) -> rusqlite::Result<()> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let message = format!("a write-ahead log cannot be kept beside it (journal mode {mode})");
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(1), Some(message)));
    }
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1;
         PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -{cache_kib}; PRAGMA journal_size_limit = 67108864;"
    ))
}
