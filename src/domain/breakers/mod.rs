//! Circuit breakers that many processes share.

pub mod decide;
pub mod operation;
