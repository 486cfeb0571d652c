//! What is decided about one pool of credentials, as a pure function of its state, an instant and a request.
//!
//! A pool stays with the token it uses while that token can be used, so that not every window is opened at
//! once; then it goes on with what would lapse first. What is known belongs to accounts, for tokens of one
//! account share its quotas; only whether a token is accepted belongs to the token.
//!
//! `src/store/redis/lua/credential_batch.lua` repeats this file by file. Decisions depend on the instant and on
//! data, never on whether something has been forgotten yet: what has outlived its life counts as absent.

mod account;
mod anew;
mod assumed;
mod batch;
mod kept;
mod life;
mod pause;
mod pick;
mod report;
mod under_way;
mod view;

use std::collections::{BTreeMap, HashMap};

use self::account::AccountState;
use self::pick::Current;
use super::operation::{Account, Fingerprint, Policy, Resource};

pub use self::kept::KEPT_MAX;
pub use self::pick::Picking;

/// Resources that are remembered per account, and tokens in use that are remembered per pool. A further resource
/// is served as one of which nothing is known, until another has been forgotten.
pub const RESOURCES_MAX: usize = 64;

/// What is known of an account, a token or a resource is kept for so long after it last mattered.
pub const UNUSED_TTL_MS: u64 = 7 * DAY_MS;

/// A clock that goes back by no more is taken to stand still.
pub const CLOCK_BACK_MAX_MS: u64 = 10_000;

const DAY_MS: u64 = 86_400_000;

/// Everything known of one pool.
///
/// ```
/// use token_budget::domain::credentials::decide::{Picking, PoolState};
/// use token_budget::domain::credentials::operation::*;
/// use token_budget::domain::quota::Reading;
///
/// let token = |name: &str| Credential { fingerprint: name.into(), account: name.into(), weight: 1 };
/// let policy = Policy {
///     credentials: vec![token("a"), token("b")],
///     reserve: Reserve::Requests(0),
///     cooldown_ms: 60_000,
///     cooldown_max_ms: 3_600_000,
///     request_ttl_ms: 300_000,
/// };
/// let mut pool = PoolState::default();
/// let picked = |picking| match picking {
///     Picking::Picked { credential, .. } => credential.fingerprint.to_string(),
///     Picking::Exhausted { .. } => "none".to_owned(),
/// };
/// assert_eq!(picked(pool.pick(1_000, &policy, "core", &[])), "a");
/// assert_eq!(picked(pool.pick(1_001, &policy, "core", &[])), "a");
///
/// let reading = Reading { limit: Some(5_000), remaining: 0, resets_at_ms: 9_000, sent_at_ms: 0 };
/// let spent = Answered { kind: AnswerKind::Spent, reading: Some(reading), retry_after_ms: None, jitter: 0 };
/// pool.report(1_100, &policy, "a", "core", 1_000, &spent);
/// assert_eq!(picked(pool.pick(1_101, &policy, "core", &[])), "b");
/// ```
#[derive(Debug, Clone, Default)]
pub struct PoolState {
    /// When it last changed; time hardly ever goes back behind it, see `anew.rs`.
    last_now_ms: u64,
    accounts: HashMap<Account, AccountState>,
    /// Tokens that are not accepted, and when a policy was last seen to name them.
    invalid: HashMap<Fingerprint, u64>,
    /// The token in use of each resource.
    current: HashMap<Resource, Current>,
    /// Tokens as somebody encrypted them.
    kept: BTreeMap<Fingerprint, (Account, Box<str>)>,
}

impl PoolState {
    /// The instant a writing request is decided at. Renews the marks of those invalid tokens that the policy
    /// still names: they last until somebody says otherwise.
    fn begin(&mut self, clock_ms: u64, policy: &Policy) -> u64 {
        let now_ms = self.instant(clock_ms, policy);
        if self.invalid.values().any(|seen_at_ms| life::is_due_for_renewal(*seen_at_ms, now_ms)) {
            self.renew_marks(policy, now_ms);
        }
        now_ms
    }

    fn is_valid(&self, fingerprint: &str, now_ms: u64) -> bool {
        if self.invalid.is_empty() {
            return true;
        }
        self.invalid.get(fingerprint).is_none_or(|seen_at_ms| life::is_over(*seen_at_ms, now_ms))
    }
}

/// The policy's token with this fingerprint, and where it stands. `hint`: where to look first.
fn find<'p>(policy: &'p Policy, fingerprint: &str, hint: usize) -> Option<(usize, &'p super::operation::Credential)> {
    let credentials = &policy.credentials;
    if let Some(credential) = credentials.get(hint).filter(|credential| &*credential.fingerprint == fingerprint) {
        return Some((hint, credential));
    }
    credentials.iter().enumerate().find(|(_, credential)| &*credential.fingerprint == fingerprint)
}

#[cfg(test)]
mod tests;
