//! Whether tokens are accepted, and forgetting what nobody names any more.

use super::{DAY_MS, PoolState, UNUSED_TTL_MS};
use crate::domain::credentials::operation::{Fingerprint, Policy};
use crate::domain::tokens::add;

/// Marks of invalid tokens are renewed once a day.
const RENEWAL_MS: u64 = DAY_MS;

/// Whether a mark that was last renewed then has outlived its time.
pub(super) fn is_over(seen_at_ms: u64, now_ms: u64) -> bool {
    add(seen_at_ms, UNUSED_TTL_MS) <= now_ms
}

pub(super) fn is_due_for_renewal(seen_at_ms: u64, now_ms: u64) -> bool {
    add(seen_at_ms, RENEWAL_MS) <= now_ms
}

impl PoolState {
    /// Whether a token is accepted, from now on. `false` when that was known, or the policy does not name it.
    pub fn set_valid(&mut self, clock_ms: u64, policy: &Policy, fingerprint: &str, valid: bool) -> bool {
        let now_ms = self.begin(clock_ms, policy);
        let named = policy.credentials.iter().find(|credential| &*credential.fingerprint == fingerprint);
        let Some(credential) = named.filter(|_| self.is_valid(fingerprint, now_ms) != valid) else { return false };
        self.last_now_ms = now_ms;
        match valid {
            true => drop(self.invalid.remove(fingerprint)),
            false => self.mark_invalid(&credential.fingerprint, now_ms),
        }
        true
    }

    pub(super) fn mark_invalid(&mut self, fingerprint: &Fingerprint, now_ms: u64) {
        self.invalid.insert(fingerprint.clone(), now_ms);
    }

    /// Renews the marks of the tokens that the policy names.
    pub(super) fn renew_marks(&mut self, policy: &Policy, now_ms: u64) {
        for credential in &policy.credentials {
            let mark = self.invalid.get_mut(&credential.fingerprint);
            let due =
                mark.filter(|seen_at_ms| is_due_for_renewal(**seen_at_ms, now_ms) && !is_over(**seen_at_ms, now_ms));
            if let Some(seen_at_ms) = due {
                *seen_at_ms = now_ms;
                self.last_now_ms = now_ms;
            }
        }
    }

    /// Forgets what has outlived its time. No decision depends on when this happens.
    pub fn review(&mut self, clock_ms: u64) {
        let now_ms = clock_ms.max(self.last_now_ms);
        self.invalid.retain(|_, seen_at_ms| !is_over(*seen_at_ms, now_ms));
        self.current.retain(|_, current| current.ends_at_ms > now_ms);
        self.accounts.retain(|_, account| account.ends_at_ms > now_ms);
        self.accounts.values_mut().for_each(|account| account.forget(now_ms));
    }

    /// Whether it could as well not exist.
    pub fn is_blank(&self) -> bool {
        self.accounts.is_empty() && self.invalid.is_empty() && self.current.is_empty() && self.kept.is_empty()
    }
}
