//! The only place that names napi.
//!
//! Transfer objects only: numbers and text in, numbers and text out, as `docs/boundary.md` lays
//! down. What they mean is decided below, what they look like to users above.

mod answers;
mod calls;
mod config;
mod convert;
mod costs;
mod direct;
mod embedded;
mod embedded_coordination;
mod embedded_limiter;
mod embedded_pools;
mod event_loop;
mod events;
mod exports;
mod frequent;
mod query;
mod record;
mod remote;
mod schedule;
mod storage;
mod text;
mod token_count;
