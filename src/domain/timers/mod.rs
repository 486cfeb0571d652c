//! Durable timers and the deliveries they lead to.

pub mod operation;
