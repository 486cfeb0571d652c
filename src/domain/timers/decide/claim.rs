//! Claims: who does something, and until when.

use std::sync::Arc;

use super::table::{Key, Placed, Table};
use crate::domain::timers::operation::{CLAIM_MAX, Holder};
use crate::domain::tokens::add;

/// A clock may go back by so much before claims are shortened: several callers rarely read a clock in the order in
/// which they are served.
pub const CLOCK_SLACK_MS: u64 = 1_000;

/// Nobody's by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Claim {
    pub holder: Holder,
    pub until_ms: u64,
    /// How long it was given for, when it was given or last renewed.
    pub lease_ms: u64,
}

impl Claim {
    pub fn new(holder: &str, now_ms: u64, lease_ms: u64) -> Self {
        Self { holder: holder.into(), until_ms: add(now_ms, lease_ms), lease_ms }
    }

    pub fn is_none(&self) -> bool {
        self.holder.is_empty()
    }

    /// Whether it is the holder's, over or not.
    pub fn is_of(&self, holder: &str) -> bool {
        !self.is_none() && &*self.holder == holder
    }

    /// Whether nobody has a claim that lasts.
    pub fn is_free(&self, now_ms: u64) -> bool {
        self.is_none() || self.until_ms <= now_ms
    }

    fn shorten(&mut self, now_ms: u64) {
        self.until_ms = self.until_ms.min(add(now_ms, self.lease_ms));
    }
}

pub(super) trait Claimable: Placed {
    fn claim(&self) -> &Claim;
    fn claim_mut(&mut self) -> &mut Claim;
}

impl<R: Claimable> Table<R> {
    /// Returns what nobody holds any more to those that wait. As many as one call can take, so that no call waits long.
    pub fn return_lapsed(&mut self, now_ms: u64) {
        for key in self.lapsed(now_ms, CLAIM_MAX as usize) {
            self.change(&key, |record| *record.claim_mut() = Claim::default());
        }
    }

    /// What is claimed, over or not, and by whom.
    pub fn holders(&self) -> Vec<(Key, Holder)> {
        let holder = |key: Key| self.get(&key).map(|record| (Arc::clone(&key), record.claim().holder.clone()));
        self.claimed().into_iter().filter_map(holder).collect()
    }

    /// Lets no claim last longer than its lease from now on.
    pub fn shorten_claims(&mut self, now_ms: u64) {
        for key in self.claimed() {
            self.change(&key, |record| record.claim_mut().shorten(now_ms));
        }
    }

    /// Whether it was the holder's.
    pub fn release(&mut self, id: &str, holder: &str) -> bool {
        let is_held = self.get(id).is_some_and(|record| record.claim().is_of(holder));
        if is_held {
            self.change(id, |record| *record.claim_mut() = Claim::default());
        }
        is_held
    }

    /// Whether it still is the holder's.
    pub fn renew(&mut self, id: &str, holder: &str, now_ms: u64, lease_ms: u64) -> bool {
        let is_held = self.get(id).is_some_and(|record| record.claim().is_of(holder));
        if is_held {
            self.change(id, |record| *record.claim_mut() = Claim::new(holder, now_ms, lease_ms));
        }
        is_held
    }
}
