//! Why the ledger does not do what it is asked.

use std::path::Path;

use rusqlite::ErrorCode;
use thiserror::Error;

use crate::store::sqlite::damage::is_damage;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// The path leads to nothing that a ledger can be kept in. Asking again will not help.
    #[error("{0}")]
    Refused(String),
    /// The disk is full, somebody holds a lock: nothing was done, and asking again may help.
    #[error("{0}")]
    Unavailable(String),
    /// What was asked makes no sense; begins with the name of the field.
    #[error("{0}")]
    Invalid(String),
    #[error("the ledger is closed")]
    Closed,
}

/// What went wrong, in words of who gave the path.
pub(super) fn failure(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let shown = path.display();
    if let rusqlite::Error::ToSqlConversionFailure(_) = error {
        return LedgerError::Invalid("records: a sum is out of range".to_owned());
    }
    if is_damage(error) {
        return LedgerError::Refused(format!("path: {shown} is damaged: {error}"));
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => LedgerError::Refused(format!("path: {shown} is not a ledger")),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            LedgerError::Refused(format!("path: {shown} cannot be opened for writing: {error}"))
        }
        // Of the constraints, only those of sums can be met by records that were checked.
        Some(ErrorCode::ConstraintViolation) => {
            LedgerError::Invalid(format!("records: a sum is out of range: {error}"))
        }
        Some(ErrorCode::DiskFull) => LedgerError::Unavailable(format!("no space is left for {shown}")),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            LedgerError::Unavailable(format!("another program holds a lock on {shown}"))
        }
        _ => LedgerError::Unavailable(format!("{shown}: {error}")),
    }
}
