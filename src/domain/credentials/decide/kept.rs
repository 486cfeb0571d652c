//! Tokens that somebody encrypted and keeps with the pool, so that another process finds them.

use super::PoolState;
use crate::domain::credentials::operation::{Account, Fingerprint};

/// Tokens kept per pool. They stay until they are dropped.
pub const KEPT_MAX: usize = 10_000;

impl PoolState {
    /// `false` when there is no room. One that is there already is replaced.
    pub(super) fn keep(&mut self, fingerprint: &Fingerprint, account: &Account, sealed: &str, now_ms: u64) -> bool {
        if self.kept.len() >= KEPT_MAX && !self.kept.contains_key(fingerprint) {
            return false;
        }
        self.last_now_ms = now_ms;
        self.kept.insert(fingerprint.clone(), (account.clone(), sealed.into()));
        true
    }

    /// Whether it was there.
    pub(super) fn drop_kept(&mut self, fingerprint: &str, now_ms: u64) -> bool {
        let was_kept = self.kept.remove(fingerprint).is_some();
        if was_kept {
            self.last_now_ms = now_ms;
        }
        was_kept
    }

    pub(super) fn kept(&self) -> Vec<(Fingerprint, Account, Box<str>)> {
        let entries = self.kept.iter();
        entries.map(|(fingerprint, (account, sealed))| (fingerprint.clone(), account.clone(), sealed.clone())).collect()
    }
}
