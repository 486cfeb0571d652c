//! What the store needs of a connection.

use std::future::Future;
use std::time::Instant;

pub use super::link::Call;
use super::link::Link;
use crate::domain::error::StoreError;

/// Runs scripts on the server that holds their keys.
pub trait Transport {
    /// See [`Link::call`].
    fn call(&self, call: &Call, deadline: Instant) -> impl Future<Output = Result<redis::Value, StoreError>>;

    /// `server clock - system clock` in milliseconds, as estimated when connecting.
    fn clock_offset_ms(&self) -> i64;
}

impl Transport for Link {
    fn call(&self, call: &Call, deadline: Instant) -> impl Future<Output = Result<redis::Value, StoreError>> {
        Link::call(self, call, deadline)
    }

    fn clock_offset_ms(&self) -> i64 {
        Link::clock_offset_ms(self)
    }
}
