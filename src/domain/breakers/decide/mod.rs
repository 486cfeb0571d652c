//! What is decided about one circuit breaker, as a pure function of its state, an instant and a request.
//!
//! Closed it counts failures; at its threshold it opens, for a time. When that is over one call at a time may find
//! out whether the service is back: the probe. Enough successful probes close it, a failed one opens it anew.
//!
//! `src/store/redis/lua/breaker_batch.lua` repeats this. Decisions depend on the instant and on data, never on
//! whether something has been forgotten yet: what has outlived its life counts as absent.

mod batch;
mod force;
mod life;
mod open;
mod probe;
mod record;
mod view;
mod window;

use serde::{Deserialize, Serialize};

use self::window::Part;
use super::operation::{FOREVER_MS, Holder, State, Transition};

pub use self::window::COUNT_MAX;

/// What is not closed and clean is kept for so long after it last mattered.
pub const UNUSED_TTL_MS: u64 = 7 * 86_400_000;

/// A closed breaker without failures in a row is kept for so long, or for its window where that is longer: so its
/// version goes on.
pub const CLEAN_TTL_MS: u64 = 3_600_000;

/// Everything known of one breaker. Can be written down and read again; nothing in it depends on chance or a clock.
///
/// ```
/// use token_budget::domain::breakers::decide::BreakerState;
/// use token_budget::domain::breakers::operation::{Operation, Policy, Request, State};
///
/// let policy = Policy::default();
/// let request = |operation| [Request { operation, deadline_ms: None }];
/// let failed = request(Operation::Record { successes: 0, failures: 5, reset_in_ms: None });
/// let mut breaker = BreakerState::default();
/// let opened = breaker.apply(1_000, &policy, &failed).outcomes.remove(0).unwrap();
/// assert_eq!((opened.view.state, opened.view.open_until_ms), (State::Open, 301_000));
///
/// let probe = |holder: &str| request(Operation::Probe { holder: holder.into() });
/// let mut is_granted = |at_ms, holder| {
///     breaker.apply(at_ms, &policy, &probe(holder)).outcomes.remove(0).unwrap().is_granted
/// };
/// assert!(!is_granted(300_999, "a"));
/// assert!(is_granted(301_000, "a"));
/// assert!(!is_granted(301_001, "b"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakerState {
    /// When it last changed.
    last_now_ms: u64,
    state: State,
    /// Closed: failures in a row. Else: failures when it opened.
    failures: u64,
    /// Closed: calls by the time when they ended, earliest first.
    parts: Vec<Part>,
    /// Closed: the latest instant at which a provider said that it will be back; 0: none did.
    reset_at_ms: u64,
    /// Successful probes in a row.
    successes: u64,
    opened_at_ms: u64,
    open_until_ms: u64,
    openings: u64,
    /// Who probes, or did last and has not told yet; empty: nobody.
    holder: Holder,
    probe_until_ms: u64,
    version: u64,
    /// As good as never heard of from then on.
    ends_at_ms: u64,
}

/// What one operation did.
#[derive(Debug, Default)]
struct Step {
    is_granted: bool,
    transition: Option<Transition>,
    /// Whether anything changed, and whether others need to hear of it.
    is_changed: bool,
    is_news: bool,
}

impl Step {
    fn nothing() -> Self {
        Self::default()
    }

    /// Something that only whoever decides next needs to know.
    fn quiet() -> Self {
        Self { is_changed: true, ..Self::default() }
    }

    fn news(from: State, to: State) -> Self {
        let transition = (from != to).then_some(Transition { from, to });
        Self { transition, is_changed: true, is_news: true, is_granted: false }
    }

    fn granted(self) -> Self {
        Self { is_granted: true, ..self }
    }
}

/// An instant or a duration that scripts can hold.
fn held(number: u64) -> u64 {
    number.min(FOREVER_MS)
}

#[cfg(test)]
mod tests;
