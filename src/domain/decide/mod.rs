//! The decisions: pure functions of (state, now, request).
//!
//! [`OrchestratorState`] is everything a store knows of one orchestrator, [`apply`] decides a batch
//! as `docs/semantics.md` says. Memory runs this code; Redis repeats it in Lua.
//!
//! Beside batches there is an entry for each single operation ([`OrchestratorState::check`],
//! [`reserve`](OrchestratorState::reserve), [`settle`](OrchestratorState::settle),
//! [`track`](OrchestratorState::track)), for callers that ask one thing at a time and would rather
//! not build lists for it. The batch is made of the same steps.

mod batch;
mod cost;
mod expiry;
mod history;
mod holds;
mod life;
mod limits;
mod models;
mod overrides;
mod pause;
mod requests;
mod reserve;
mod settle;
mod state;
mod stats;
mod track;

pub use batch::apply;
pub use life::Footprint;
pub use reserve::{Amount, Grant, Reserving};
pub use state::OrchestratorState;
pub use track::Tracked;

use super::calendar::Windows;
use super::identifier::OrchestratorId;
use super::policy::{Limits, Policy};
use super::reservation::ExpiredReservation;

/// What a decision depends on beside the state: whose it is, by which rules, and when.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub orchestrator: &'a OrchestratorId,
    pub policy: &'a Policy,
    /// Limits set at run time come before them.
    pub configured: Limits,
    pub now_ms: u64,
    /// The calendar windows of `now_ms`.
    windows: Windows,
}

impl<'a> Context<'a> {
    pub fn new(orchestrator: &'a OrchestratorId, policy: &'a Policy, configured: Limits, now_ms: u64) -> Self {
        let windows = policy.calendar.windows(now_ms);
        Self { orchestrator, policy, configured, now_ms, windows }
    }
}

/// The answer to one writing operation, with what came to light on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<T> {
    pub answer: T,
    /// Reservations found expired and given back; each is told once.
    pub expired: Vec<ExpiredReservation>,
    /// When the next open reservation of the orchestrator expires.
    pub next_expiry_ms: Option<u64>,
}

#[cfg(test)]
mod tests;
