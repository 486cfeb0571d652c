//! What an error of the server means for the batch that met it.

use super::link::classify::is_from_inside;
use crate::domain::error::{Applied, StoreError};

/// Codes of errors that a script meets before it begins, see [`classify`](super::link::classify::classify).
const NOT_NOW: &[&str] = &["LOADING", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "TRYAGAIN", "BUSY", "NOSCRIPT"];

/// Those that a command of a script can meet as well.
const NOT_NOW_AT_FIRST: &[&str] = &["NOREPLICAS", "MISCONF", "OOM"];

/// `message` as the server wrote it, its code first. A server that cannot run scripts just now
/// did not run this one; any other error would be met again.
pub fn to_store_error(message: &str) -> StoreError {
    let code = message.split_once(' ').map_or(message, |(code, _)| code);
    let is_not_now = NOT_NOW.contains(&code) || (NOT_NOW_AT_FIRST.contains(&code) && !is_from_inside(message));
    let message = message.to_owned();
    if is_not_now { StoreError::Unavailable { message, applied: Applied::No } } else { StoreError::Refused { message } }
}

/// The message of a final error for whoever reads it. Servers before Redis 7.0 stumble over the first line of
/// every script, `#!lua`; nothing else keeps ours from compiling.
pub fn explained(message: String) -> String {
    match message.starts_with("ERR Error compiling script") {
        true => format!("the server is too old, Redis 7.0 or Valkey 7.2 is needed: {message}"),
        false => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_not_now_from_never() {
        let unavailable =
            |message: &str| matches!(to_store_error(message), StoreError::Unavailable { applied: Applied::No, .. });
        assert!(unavailable("LOADING Redis is loading the dataset in memory"));
        assert!(unavailable("READONLY You can't write against a read only replica."));
        assert!(unavailable("MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk."));
        assert!(!unavailable("MISCONF Errors writing to the AOF file script: 5b1f, on @user_script:9."));
        assert!(!unavailable("WRONGTYPE Operation against a key holding the wrong kind of value"));
        assert!(!unavailable("NOPERM this user has no permissions"));
        assert!(!unavailable("ERR user_script:7: attempt to index a nil value"));
    }
}
