//! What every store of limiters promises, as one suite.

// Each test program uses its own part of the suite.
#![allow(dead_code)]

pub mod desk;
pub mod harness;
pub mod plays;
