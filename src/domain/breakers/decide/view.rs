//! What is told of a breaker.

use super::{BreakerState, held};
use crate::domain::breakers::operation::{Mode, Policy, State, View};

impl BreakerState {
    pub(super) fn view(&self, now_ms: u64, policy: &Policy) -> View {
        let (successes, failures) = match (self.state, policy.mode) {
            (State::Closed, Mode::Sampling { window_ms, .. }) => self.counted(now_ms, held(window_ms)),
            _ => (self.successes, self.failures),
        };
        View {
            state: self.state,
            failures,
            successes,
            opened_at_ms: self.opened_at_ms,
            open_until_ms: self.open_until_ms,
            openings: self.openings,
            probe_until_ms: if self.is_probed(now_ms) { self.probe_until_ms } else { 0 },
            version: self.version,
        }
    }
}
