//! Token budgets for fleets of LLM agents.
//!
//! The way of a call, from JavaScript to the store and back:
//!
//! ```text
//! facade (TypeScript)   checks types, builds objects, emits events
//!   -> binding          the only place that names napi: checked conversions, batches
//!     -> service        joins clock, store and domain; owns the I/O thread
//!       -> store        applies one batch of one orchestrator atomically (memory, disk, Redis)
//!         -> domain     decides: pure functions of (state, now, request)
//! ```
//!
//! Dependencies point downwards only. A feature has the same name on every floor.

pub mod clock;
pub mod domain;
pub mod store;

mod binding;
pub mod service;
