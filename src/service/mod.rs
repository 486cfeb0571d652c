//! Joins clock, store and domain.
//!
//! [`embedded`] answers in the calling thread. [`remote`] asks servers, where the operations of one
//! orchestrator that wait together travel as one batch: in the thread of the caller, [`turns`] by turns, or
//! in the [`io_thread`] of the process.

pub mod answer;
pub mod embedded;
pub mod io_thread;
pub mod remote;
pub mod settings;
pub mod shares;
pub mod turns;
