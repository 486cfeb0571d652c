//! Durable timers and the deliveries they lead to, and when they are due.

pub mod check;
pub mod cron;
pub mod decide;
pub mod duration;
pub mod midnight;
pub mod opening;
pub mod operation;
pub mod recurrence;
