//! What a budget is and what may be done with it: pure and synchronous.
//!
//! Nothing here waits, reads a clock or knows a store. `decide` is the reference for every store:
//! memory runs it, Redis repeats it in Lua, and the conformance and model tests hold the two equal.

pub mod breakers;
pub mod calendar;
pub mod costs;
pub mod credentials;
pub mod decide;
pub mod error;
pub mod identifier;
pub mod operation;
pub mod period;
pub mod policy;
pub mod quota;
pub mod rate_limit;
pub mod reservation;
pub mod threshold;
pub mod timers;
pub mod token_count;
pub mod tokens;
pub mod usage;
