//! Threshold crossings and pauses that other processes caused.
//!
//! With `broadcast` the script publishes each transition on `<prefix>:budget:events` as one line:
//!
//! ```text
//! 1 <client> <orchestrator> <period> <level before> <level after> <used> <reserved> <limit> <at ms>
//! ```
//!
//! `<orchestrator>` is its encoded form, `<period>` 0, 1 or 2, of money 3, 4 or 5. Pauses and their ends are published as
//!
//! ```text
//! 2 <client> <orchestrator> <until ms, 0: until resumed> <since ms> <document>
//! 3 <client> <orchestrator> <at ms>
//! ```

use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::Pause;
use crate::domain::threshold::Transition;

/// What happened and who caused it.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// The [`crate::store::Ticket::client`] of the tracker that did it.
    pub client: String,
    pub orchestrator: OrchestratorId,
    pub news: News,
}

#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Crossed(Transition),
    Paused(Pause),
    Resumed,
}

/// `None` when the payload is not one of ours.
///
/// ```
/// use token_budget::store::redis::events::{News, decode};
/// let heard = decode(b"1 c team-a 0 0.4 0.5 50 0 100 1700000000000").unwrap();
/// assert!(matches!(heard.news, News::Crossed(transition) if transition.used == 50));
/// assert!(decode(b"hello").is_none());
/// ```
pub fn decode(payload: &[u8]) -> Option<Announcement> {
    let mut words = std::str::from_utf8(payload).ok()?.splitn(4, ' ');
    let version = words.next()?;
    let client = words.next()?.to_owned();
    let orchestrator = OrchestratorId::from_encoded(words.next()?)?;
    let news = match version {
        "1" => News::Crossed(transition(words.next()?)?),
        "2" => News::Paused(pause(words.next()?)?),
        "3" => News::Resumed,
        _ => return None,
    };
    Some(Announcement { client, orchestrator, news })
}

fn transition(text: &str) -> Option<Transition> {
    let mut words = text.split(' ');
    let (period, unit) = Transition::of_number(words.next()?.parse().ok()?)?;
    let level_before = words.next()?.parse().ok()?;
    let level_after = words.next()?.parse().ok()?;
    let mut number = || words.next()?.parse().ok();
    let transition = Transition {
        period,
        unit,
        level_before,
        level_after,
        used: number()?,
        reserved: number()?,
        limit: number()?,
        at_ms: number()?,
    };
    words.next().is_none().then_some(transition)
}

fn pause(text: &str) -> Option<Pause> {
    let mut words = text.splitn(3, ' ');
    let mut number = || words.next()?.parse().ok();
    let until_ms = Some(number()?).filter(|until_ms| *until_ms > 0);
    let since_ms = number()?;
    Some(Pause { until_ms, since_ms, document_json: words.next()?.to_owned() })
}
