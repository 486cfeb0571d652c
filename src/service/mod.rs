//! Joins clock, store and domain.
//!
//! [`embedded`] answers in the calling thread; [`remote`] hands calls to the one I/O thread of the
//! process, where the operations of one orchestrator that wait together travel as one batch.

pub mod answer;
pub mod embedded;
pub mod io_thread;
pub mod remote;
pub mod settings;
