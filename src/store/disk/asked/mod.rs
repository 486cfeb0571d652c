//! What is written down of what was asked, and how it is decided once more.
//!
//! A file outlives the version that wrote it: fields are only added, at the end and with `#[serde(default)]`, and
//! variants keep their names.

pub(crate) mod breakers;
pub(crate) mod budgets;
pub(crate) mod limiters;
pub(crate) mod pools;
pub(crate) mod timers;
