//! Processes that fire timers, die and come back, over the store in memory under a clock that the test moves.

pub mod crew;
pub mod ledger;
pub mod lists;
