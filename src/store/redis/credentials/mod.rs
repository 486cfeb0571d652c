//! placeholder
use super::keys::Keys;
use crate::domain::credentials::operation::Receipt;
use crate::domain::error::StoreError;
use crate::store::CredentialBatch;
use std::time::Instant;
pub struct CredentialStore<T> {
    _t: T,
}
impl<T> CredentialStore<T> {
    pub fn new(t: T, _k: Keys) -> Self {
        Self { _t: t }
    }
    pub async fn apply_until(&self, _b: &CredentialBatch, _d: Instant) -> Result<Receipt, StoreError> {
        todo!()
    }
    pub fn now_ms(&self) -> u64 {
        0
    }
}
