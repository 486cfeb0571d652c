//! Credentials: which of several tokens a request should use.

pub mod decide;
pub mod operation;
