//! What SQLite says when a file is damaged.

use rusqlite::ErrorCode;

pub(in crate::store) fn reason_of(error: &rusqlite::Error) -> Option<&str> {
    let rusqlite::Error::SqliteFailure(_, reason) = error else { return None };
    reason.as_deref()
}

/// Some damage SQLite calls by other names: the end of the file is missing, or its head speaks of a format that there
/// is not.
pub(in crate::store) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::DatabaseCorrupt || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ
    }) || reason_of(error) == Some("unsupported file format")
}
