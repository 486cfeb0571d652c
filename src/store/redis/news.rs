//! What scripts publish of timers and breakers.
//!
//! ```text
//! <prefix>:timers:news       <encoded shard> <next due ms>
//! <prefix>:timers:events     a message, as its author wrote it
//! <prefix>:breakers:events   <encoded name> <view as JSON>
//! ```

use crate::domain::identifier::OrchestratorId;

/// A shard, and when something of it is due. `None` when the payload is not one of ours.
///
/// ```
/// use token_budget::store::redis::news::due;
/// assert_eq!(due(b"0 1700000000000").unwrap().1, 1_700_000_000_000);
/// assert!(due(b"0").is_none());
/// ```
pub fn due(payload: &[u8]) -> Option<(OrchestratorId, u64)> {
    let (shard, due_ms) = std::str::from_utf8(payload).ok()?.split_once(' ')?;
    Some((OrchestratorId::from_encoded(shard)?, due_ms.parse().ok()?))
}

/// A breaker and its view, see [`crate::domain::breakers::operation::View`].
pub fn breaker(payload: &[u8]) -> Option<(OrchestratorId, String)> {
    let (name, view_json) = std::str::from_utf8(payload).ok()?.split_once(' ')?;
    Some((OrchestratorId::from_encoded(name)?, view_json.to_owned()))
}
