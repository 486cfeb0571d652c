//! placeholder
use super::keys::Keys;
use crate::domain::error::StoreError;
use crate::domain::rate_limit::operation::Receipt;
use crate::store::RateLimitBatch;
use std::time::Instant;
pub struct RateLimitStore<T> {
    _t: T,
}
impl<T> RateLimitStore<T> {
    pub fn new(t: T, _k: Keys) -> Self {
        Self { _t: t }
    }
    pub async fn apply_until(&self, _b: &RateLimitBatch, _d: Instant) -> Result<Receipt, StoreError> {
        todo!()
    }
    pub fn now_ms(&self) -> u64 {
        0
    }
}
