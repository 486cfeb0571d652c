//! Budgets on Redis or Valkey: standalone, behind Sentinel, or as a Cluster.
//!
//! [`keys`] names the keys, [`script`] holds the Lua, `encode`/`decode` turn batches into script
//! calls and replies into receipts, [`link`] carries calls to whichever server holds the keys.

pub mod config;
pub mod link;
pub mod script;
