//! Circuit breakers that many processes share.

pub mod operation;
