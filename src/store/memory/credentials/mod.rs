//! Pools of credentials in the memory of this process.
//!
//! Everything is synchronous and takes the instant from the caller. As for budgets, a lost reply cannot happen
//! here: receipts are not remembered and tickets are ignored.

mod shared;

use dashmap::{DashMap, Entry};

use super::schedule::Schedule;
use crate::domain::credentials::decide::{Picking, PoolState};
use crate::domain::credentials::operation::{Answered, Fingerprint, Policy, Receipt, TokenView};
use crate::domain::identifier::OrchestratorId;
use crate::store::CredentialBatch;

/// How often a pool is looked through for what nobody needs any more.
const REVIEW_EVERY_MS: u64 = 86_400_000;

/// Pools each writing call reviews: more than it can create.
const REVIEWS_PER_CALL: usize = 2;

/// Pools that live as long as the process.
///
/// ```
/// use token_budget::domain::credentials::decide::Picking;
/// use token_budget::domain::credentials::operation::{Credential, Policy, Reserve};
/// use token_budget::domain::identifier::OrchestratorId;
/// use token_budget::store::memory::credentials::MemoryPools;
///
/// let policy = Policy {
///     credentials: vec![Credential { fingerprint: "a1".into(), account: "ada".into(), weight: 1 }],
///     reserve: Reserve::Requests(0),
///     cooldown_ms: 60_000,
///     cooldown_max_ms: 3_600_000,
///     request_ttl_ms: 300_000,
/// };
/// let pools = MemoryPools::default();
/// let github = OrchestratorId::new("github").unwrap();
/// let picking = pools.pick(&github, 1_000, &policy, "core", &[]);
/// assert!(matches!(picking, Picking::Picked { position: 0, .. }));
/// assert_eq!(pools.count(&github, 1_000, &policy, "core"), 1);
/// ```
#[derive(Default)]
pub struct MemoryPools {
    pools: DashMap<OrchestratorId, PoolState>,
    /// When to look through a pool. Names each once.
    reviews: Schedule,
}

impl MemoryPools {
    /// See [`PoolState::pick`].
    pub fn pick<'p>(
        &self,
        pool: &OrchestratorId,
        now_ms: u64,
        policy: &'p Policy,
        resource: &str,
        except: &[Fingerprint],
    ) -> Picking<'p> {
        self.write(pool, now_ms, |state| state.pick(now_ms, policy, resource, except))
    }

    /// See [`PoolState::report`].
    #[expect(clippy::too_many_arguments, reason = "what a report consists of, without building an operation")]
    pub fn report(
        &self,
        pool: &OrchestratorId,
        now_ms: u64,
        policy: &Policy,
        fingerprint: &str,
        resource: &str,
        picked_at_ms: u64,
        answered: &Answered,
    ) -> bool {
        self.write(pool, now_ms, |state| state.report(now_ms, policy, fingerprint, resource, picked_at_ms, answered))
    }

    /// See [`PoolState::give_back`].
    pub fn give_back(
        &self,
        pool: &OrchestratorId,
        now_ms: u64,
        policy: &Policy,
        fingerprint: &str,
        resource: &str,
        picked_at_ms: u64,
    ) -> bool {
        self.write(pool, now_ms, |state| state.give_back(now_ms, policy, fingerprint, resource, picked_at_ms))
    }

    /// See [`PoolState::set_valid`].
    pub fn set_valid(
        &self,
        pool: &OrchestratorId,
        now_ms: u64,
        policy: &Policy,
        fingerprint: &str,
        valid: bool,
    ) -> bool {
        self.write(pool, now_ms, |state| state.set_valid(now_ms, policy, fingerprint, valid))
    }

    /// See [`PoolState::count`]. Takes nothing.
    pub fn count(&self, pool: &OrchestratorId, now_ms: u64, policy: &Policy, resource: &str) -> u64 {
        self.read(pool, |state| state.count(now_ms, policy, resource))
    }

    /// See [`PoolState::view`].
    pub fn view(&self, pool: &OrchestratorId, now_ms: u64, policy: &Policy) -> Vec<TokenView> {
        self.read(pool, |state| state.view(now_ms, policy))
    }

    /// Applies a batch at `now_ms`.
    pub fn apply_at(&self, batch: &CredentialBatch, now_ms: u64) -> Receipt {
        self.write(&batch.pool, now_ms, |state| state.apply(now_ms, &batch.policy, &batch.requests))
    }

    /// How many pools are kept.
    pub fn len(&self) -> usize {
        self.pools.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pools.is_empty()
    }

    fn read<T>(&self, pool: &OrchestratorId, read: impl FnOnce(&mut PoolState) -> T) -> T {
        match self.pools.get_mut(pool) {
            Some(mut state) => read(&mut state),
            None => read(&mut PoolState::default()),
        }
    }

    fn write<T>(&self, pool: &OrchestratorId, now_ms: u64, decide: impl FnOnce(&mut PoolState) -> T) -> T {
        let answer = match self.pools.get_mut(pool) {
            Some(mut state) => decide(&mut state),
            None => self.write_new(pool, now_ms, decide),
        };
        self.review_some(now_ms);
        answer
    }

    /// The same where there may be no state yet. One that stays blank is not kept.
    fn write_new<T>(&self, pool: &OrchestratorId, now_ms: u64, decide: impl FnOnce(&mut PoolState) -> T) -> T {
        match self.pools.entry(pool.clone()) {
            Entry::Occupied(mut entry) => decide(entry.get_mut()),
            Entry::Vacant(entry) => {
                let mut state = PoolState::default();
                let answer = decide(&mut state);
                if !state.is_blank() {
                    let _held = entry.insert(state);
                    self.reviews.relist(pool, u64::MAX, now_ms.saturating_add(REVIEW_EVERY_MS));
                }
                answer
            }
        }
    }

    /// Looks through a few pools whose turn has come, and removes those that are blank.
    fn review_some(&self, now_ms: u64) {
        for pool in self.reviews.take_due(now_ms, REVIEWS_PER_CALL) {
            self.pools.remove_if_mut(&pool, |_, state| {
                state.review(now_ms);
                let is_blank = state.is_blank();
                if !is_blank {
                    self.reviews.relist(&pool, u64::MAX, now_ms.saturating_add(REVIEW_EVERY_MS));
                }
                is_blank
            });
        }
    }
}

#[cfg(test)]
mod tests;
