//! Orchestrators that get nothing for a while.

use super::OrchestratorState;
use crate::domain::operation::Pause;
use crate::domain::tokens::MAX_TOKENS;

impl OrchestratorState {
    /// One that is over already only ends an earlier one.
    pub(super) fn set_pause(&mut self, now_ms: u64, until_ms: Option<u64>, document_json: &str) -> Option<Pause> {
        let pause = Pause { until_ms, since_ms: now_ms, document_json: document_json.to_owned() };
        self.pause = Some(pause).filter(|pause| !pause.is_over(now_ms));
        self.pause.clone()
    }

    /// Whether there was a pause in force.
    pub(super) fn resume(&mut self, now_ms: u64) -> bool {
        self.pause.take().is_some_and(|pause| !pause.is_over(now_ms))
    }

    pub(super) fn pause_in_force(&self, now_ms: u64) -> Option<&Pause> {
        self.pause.as_ref().filter(|pause| !pause.is_over(now_ms))
    }

    pub(super) fn paused_until_ms(&self, now_ms: u64) -> Option<u64> {
        self.pause_in_force(now_ms).map(|pause| pause.until_ms.unwrap_or(MAX_TOKENS))
    }
}
