//! Durable timers and the deliveries they lead to.

pub mod check;
pub mod decide;
pub mod operation;
