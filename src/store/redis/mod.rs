//! Budgets on Redis or Valkey: standalone, behind Sentinel, or as a Cluster.
//!
//! [`keys`] names the keys, [`script`] holds the Lua, [`encode`] and [`decode`] turn batches into
//! script calls and replies into receipts, [`link`] carries calls to whichever server holds the keys,
//! and [`store`] joins them. [`expiry_index`] and [`events`] are what processes tell each other.

pub mod breakers;
pub mod config;
pub mod credentials;
pub mod decode;
pub mod encode;
mod estimate;
pub mod events;
pub mod expiry_index;
pub mod keys;
pub mod link;
pub mod msgpack;
mod named;
pub mod news;
mod overrides;
pub mod rate_limit;
mod runs;
pub mod script;
mod server_clock;
pub mod server_error;
pub mod store;
pub mod timers;
pub mod transport;
pub mod windows;
