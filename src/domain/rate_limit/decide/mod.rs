//! The decisions about rate limits: one limiter as a state machine, pure and synchronous.
//!
//! [`LimiterState`] is everything a store knows of one limiter; [`LimiterState::apply`] decides a batch as
//! `docs/semantics.md` says. Memory runs this code; Redis repeats it in Lua.
//!
//! Beside batches there is an entry for each frequent operation ([`acquire`](LimiterState::acquire),
//! [`settle`](LimiterState::settle), [`cancel`](LimiterState::cancel), [`check`](LimiterState::check)), for
//! callers that ask one thing at a time. The batch is made of the same steps.

mod admission;
mod agents;
mod anew;
mod batch;
mod clients;
mod direct;
mod ends;
mod line;
mod parts;
mod settle;
mod signals;
mod state;
mod turns;
mod view;

pub use direct::{Admission, Answered, Ask, Settlement};
pub use state::LimiterState;
pub use turns::Turns;

/// Parts that each window of an agent is kept in: shares are coarser than limits.
pub const AGENT_PARTS: u64 = 20;

/// Agents that can have a share.
pub const AGENTS_MAX: usize = 64;

/// How long it is remembered which shares ended with the lease of a client, and of how many clients.
pub const LAPSED_KEPT_MS: u64 = 86_400_000;
pub const LAPSED_MAX: usize = 64;

/// The whole of a limit, in millionths.
pub const WHOLE_PPM: u64 = 1_000_000;

/// A clock that goes back by no more is taken to stand still.
pub const CLOCK_BACK_MAX_MS: u64 = 10_000;

/// How long a permit that expired can still be settled.
pub const LATE_SETTLE_MS: u64 = 3_600_000;

/// Expired permits that are remembered for it; further ones are forgotten at once.
pub const LATE_MAX: usize = 4_096;

/// How long hits are remembered after a pause, when nothing else happens.
pub const HITS_REMEMBERED_MS: u64 = 3_600_000;

/// How long named counters are kept that nobody adds to.
pub const LEARNED_KEPT_MS: u64 = 30 * 86_400_000;

/// Windows that are kept: those in force, and those that other clients named not long ago.
pub const WINDOWS_KEPT: usize = 8;

/// How long one probe is waited for at least, also where there is no cooldown.
pub const PROBE_MIN_MS: u64 = 1_000;

/// The longest pause, so that no product of it and a jitter is inexact in Lua.
pub const PAUSE_MAX_MS: u64 = 1 << 43;

#[cfg(test)]
mod tests;
