//! Which token a request shall use.

use std::cmp::Reverse;

use super::{PoolState, RESOURCES_MAX, UNUSED_TTL_MS, find};
use crate::domain::credentials::operation::{Credential, Fingerprint, Policy};
use crate::domain::tokens::add;

/// The token a resource is used with.
#[derive(Debug, Clone)]
pub(super) struct Current {
    fingerprint: Fingerprint,
    pub ends_at_ms: u64,
    /// Where the policy named it last, to look there first.
    hint: usize,
}

/// What became of a pick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picking<'p> {
    /// `position`: where it stands in the policy. The rest as in [`Outcome::Picked`].
    ///
    /// [`Outcome::Picked`]: crate::domain::credentials::operation::Outcome::Picked
    Picked { position: usize, credential: &'p Credential, picked_at_ms: u64, left: Option<u64>, resets_at_ms: u64 },
    /// `limited`: tokens that are valid, none of which can be used or is left to try.
    Exhausted { resets_at_ms: u64, limited: u64, invalid: u64 },
}

impl PoolState {
    /// Takes a token for one request of `resource`. Those in `except` were tried already.
    pub fn pick<'p>(
        &mut self,
        clock_ms: u64,
        policy: &'p Policy,
        resource: &str,
        except: &[Fingerprint],
    ) -> Picking<'p> {
        let now_ms = self.begin(clock_ms, policy);
        self.pick_at(now_ms, policy, resource, except)
    }

    pub(super) fn pick_at<'p>(
        &mut self,
        now_ms: u64,
        policy: &'p Policy,
        resource: &str,
        except: &[Fingerprint],
    ) -> Picking<'p> {
        let current = self.current_of(policy, resource, now_ms).filter(|(_, credential)| {
            !except.contains(&credential.fingerprint) && self.is_usable(credential, policy, resource, now_ms)
        });
        let best = current.or_else(|| self.best_of(policy, resource, except, now_ms));
        match best {
            Some((position, credential)) => self.take(position, credential, policy, resource, now_ms),
            None => self.exhausted(policy, resource, now_ms),
        }
    }

    /// Tokens that could be picked now.
    pub fn count(&mut self, clock_ms: u64, policy: &Policy, resource: &str) -> u64 {
        let now_ms = self.instant(clock_ms, policy);
        let usable = policy.credentials.iter().filter(|token| self.is_usable(token, policy, resource, now_ms));
        usable.count() as u64
    }

    fn current_of<'p>(&self, policy: &'p Policy, resource: &str, now_ms: u64) -> Option<(usize, &'p Credential)> {
        let current = self.current.get(resource).filter(|current| current.ends_at_ms > now_ms)?;
        find(policy, &current.fingerprint, current.hint)
    }

    fn is_usable(&self, credential: &Credential, policy: &Policy, resource: &str, now_ms: u64) -> bool {
        self.free_at_ms(credential, policy, resource, now_ms) == now_ms
            && self.is_valid(&credential.fingerprint, now_ms)
    }

    /// When the account of a token lets a request through.
    fn free_at_ms(&self, credential: &Credential, policy: &Policy, resource: &str, now_ms: u64) -> u64 {
        let account = self.accounts.get(&credential.account);
        account.map_or(now_ms, |account| account.free_at_ms(resource, policy.reserve, now_ms))
    }

    /// What lapses first comes first, known quotas before unknown ones; then the heavier token, then the order
    /// of the policy.
    fn best_of<'p>(
        &self,
        policy: &'p Policy,
        resource: &str,
        except: &[Fingerprint],
        now_ms: u64,
    ) -> Option<(usize, &'p Credential)> {
        let tokens = policy.credentials.iter().enumerate();
        let usable = tokens.filter(|(_, credential)| {
            self.is_usable(credential, policy, resource, now_ms) && !except.contains(&credential.fingerprint)
        });
        usable.min_by_key(|(_, credential)| {
            let account = self.accounts.get(&credential.account);
            let state = account.and_then(|account| account.resources.get(resource));
            let quota = state.map(|state| state.quota).filter(|quota| quota.left(now_ms).is_some());
            (quota.map_or(u64::MAX, |quota| quota.resets_at_ms), Reverse(credential.weight))
        })
    }

    fn take<'p>(
        &mut self,
        position: usize,
        credential: &'p Credential,
        policy: &'p Policy,
        resource: &str,
        now_ms: u64,
    ) -> Picking<'p> {
        self.last_now_ms = now_ms;
        self.stay_with(position, credential, resource, now_ms);
        let (left, resets_at_ms) = self.change(&credential.account, resource, now_ms, |_, state| {
            state.begin_window(now_ms);
            state.quota.take(1);
            state.under_way.begin(policy.request_ttl_ms, now_ms);
            state.left(policy, now_ms)
        });
        Picking::Picked { position, credential, picked_at_ms: now_ms, left, resets_at_ms }
    }

    fn stay_with(&mut self, position: usize, credential: &Credential, resource: &str, now_ms: u64) {
        let ends_at_ms = add(now_ms, UNUSED_TTL_MS);
        if let Some(current) = self.current.get_mut(resource) {
            if current.fingerprint != credential.fingerprint {
                current.fingerprint = credential.fingerprint.clone();
            }
            (current.ends_at_ms, current.hint) = (ends_at_ms, position);
            return;
        }
        if self.current.len() >= RESOURCES_MAX {
            self.current.retain(|_, current| current.ends_at_ms > now_ms);
        }
        if self.current.len() < RESOURCES_MAX {
            let current = Current { fingerprint: credential.fingerprint.clone(), ends_at_ms, hint: position };
            self.current.insert(resource.into(), current);
        }
    }

    /// The hint of the token in use: who reports mostly speaks of that one.
    pub(super) fn hint(&self, resource: &str) -> usize {
        self.current.get(resource).map_or(0, |current| current.hint)
    }

    fn exhausted<'p>(&self, policy: &Policy, resource: &str, now_ms: u64) -> Picking<'p> {
        let valid = policy.credentials.iter().filter(|credential| self.is_valid(&credential.fingerprint, now_ms));
        let (mut limited, mut resets_at_ms) = (0, u64::MAX);
        for credential in valid {
            limited += 1;
            resets_at_ms = resets_at_ms.min(self.free_at_ms(credential, policy, resource, now_ms));
        }
        let invalid = policy.credentials.len() as u64 - limited;
        Picking::Exhausted { resets_at_ms: if limited == 0 { 0 } else { resets_at_ms }, limited, invalid }
    }
}
