//! What can go wrong with one operation, and with a store as a whole.

use thiserror::Error;

/// An operation that was decided and refused. Nothing was written for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OperationError {
    #[error("Reservation not found: {}", shortened(id))]
    ReservationNotFound { id: String },
    /// The request id is known with other numbers.
    #[error("requestId {} was already recorded with other numbers", shortened(request_id))]
    RequestConflict { request_id: String },
    /// The store saw the request at or after its deadline.
    #[error("the deadline had passed when the store saw the request")]
    DeadlinePassed,
    /// [`super::operation::OVERRIDE_LIMIT`] is reached.
    #[error("too many live overrides")]
    TooManyOverrides,
    /// The store would not tell what was asked for.
    #[error("the store refused: {message}")]
    Refused { message: String },
}

/// As much of an identifier as a message repeats.
const QUOTED_MAX_CHARS: usize = 100;

fn shortened(id: &str) -> String {
    match id.char_indices().nth(QUOTED_MAX_CHARS) {
        Some((end, _)) => format!("{}...", &id[..end]),
        None => id.to_owned(),
    }
}

/// A batch that got no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The store cannot be reached, or went away. `applied` tells what is known about the batch.
    #[error("store unavailable: {message}")]
    Unavailable { message: String, applied: Applied },
    /// The server answered with an error (wrong type, no permission, out of memory ...). Nothing
    /// was written, and sending the batch again would meet the same answer.
    #[error("store refused: {message}")]
    Refused { message: String },
}

/// Whether a batch without an answer may have been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It surely was not: it never left, or the server said so.
    No,
    /// It was sent and no answer came. Sending it again with the same ticket is safe.
    Unknown,
}
