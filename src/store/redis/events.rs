//! Threshold crossings that other processes caused.
//!
//! With `broadcast` the script publishes each transition on `<prefix>:budget:events` as one line:
//!
//! ```text
//! 1 <client> <orchestrator> <period> <level before> <level after> <used> <reserved> <limit> <at ms>
//! ```
//!
//! `1` is the version of the payload, `<orchestrator>` its encoded form, `<period>` 0, 1 or 2.

use crate::domain::identifier::OrchestratorId;
use crate::domain::period::Period;
use crate::domain::threshold::Transition;

/// A transition and who caused it.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// The [`crate::store::Ticket::client`] of the tracker that recorded the usage.
    pub client: String,
    pub orchestrator: OrchestratorId,
    pub transition: Transition,
}

/// `None` when the payload is not one of ours.
///
/// ```
/// use token_budget::store::redis::events::decode;
/// let heard = decode(b"1 c team-a 0 0.4 0.5 50 0 100 1700000000000").unwrap();
/// assert_eq!(heard.transition.used, 50);
/// assert!(decode(b"hello").is_none());
/// ```
pub fn decode(payload: &[u8]) -> Option<Announcement> {
    let mut words = std::str::from_utf8(payload).ok()?.split(' ');
    if words.next()? != "1" {
        return None;
    }
    let client = words.next()?.to_owned();
    let orchestrator = OrchestratorId::from_encoded(words.next()?)?;
    let period = Period::from_index(words.next()?.parse().ok()?)?;
    let level_before = words.next()?.parse().ok()?;
    let level_after = words.next()?.parse().ok()?;
    let mut number = || words.next()?.parse().ok();
    let transition = Transition {
        period,
        level_before,
        level_after,
        used: number()?,
        reserved: number()?,
        limit: number()?,
        at_ms: number()?,
    };
    words.next().is_none().then_some(Announcement { client, orchestrator, transition })
}
