//! How requests went.

use super::account::{AccountState, ResourceState};
use super::assumed::Assumed;
use super::pause::{Pause, SECONDARY_MIN_MS};
use super::{DAY_MS, PoolState, find};
use crate::domain::credentials::operation::{Account, AnswerKind, Answered, Policy};
use crate::domain::quota::{QuotaState, Reading};
use crate::domain::tokens::add;

/// A reset is believed to be no further away: no quota lasts longer than a month.
pub(super) const RESET_MAX_MS: u64 = 31 * DAY_MS;

impl PoolState {
    /// Takes in how the request went that was picked at `picked_at_ms` (0: none was picked for it). `false` and
    /// nothing changed when the policy does not name the token.
    pub fn report(
        &mut self,
        clock_ms: u64,
        policy: &Policy,
        fingerprint: &str,
        resource: &str,
        picked_at_ms: u64,
        answered: &Answered,
    ) -> bool {
        let now_ms = self.begin(clock_ms, policy);
        let Some((_, credential)) = find(policy, fingerprint, self.hint(resource)) else { return false };
        self.last_now_ms = now_ms;
        if answered.kind == AnswerKind::Unauthorized {
            self.mark_invalid(&credential.fingerprint, now_ms);
        }
        self.change(&credential.account, resource, now_ms, |account_pause, state| {
            let was_known = state.under_way.end(picked_at_ms, policy.request_ttl_ms, now_ms);
            let reading = state.learn(answered.reading, was_known, picked_at_ms, now_ms);
            let picked_at_ms = known_at_ms(picked_at_ms, now_ms);
            match answered.kind {
                AnswerKind::Served => {
                    state.pause.served(picked_at_ms);
                    account_pause.served(picked_at_ms);
                }
                AnswerKind::Spent => state.spent(reading, answered, picked_at_ms, policy, now_ms),
                AnswerKind::Secondary => rest_account(account_pause, answered, picked_at_ms, policy, now_ms),
                AnswerKind::Unauthorized => {}
            }
        });
        true
    }

    /// The request that was picked at `picked_at_ms` was never sent. `false` when none is known any more: what
    /// it took is given back once.
    pub fn give_back(
        &mut self,
        clock_ms: u64,
        policy: &Policy,
        fingerprint: &str,
        resource: &str,
        picked_at_ms: u64,
    ) -> bool {
        let now_ms = self.begin(clock_ms, policy);
        let Some((_, credential)) = find(policy, fingerprint, self.hint(resource)) else { return false };
        let account = self.accounts.get_mut(&credential.account);
        let state = account.and_then(|account| account.resources.get_mut(resource));
        let was_known = state.is_some_and(|state| state.under_way.end(picked_at_ms, policy.request_ttl_ms, now_ms));
        if was_known {
            self.last_now_ms = now_ms;
            self.change(&credential.account, resource, now_ms, |_, state| {
                state.quota.give_back(1);
            });
        }
        was_known
    }

    /// Changes what is known of a resource of an account.
    pub(super) fn change<T>(
        &mut self,
        account: &Account,
        resource: &str,
        now_ms: u64,
        change: impl FnOnce(&mut Pause, &mut ResourceState) -> T,
    ) -> T {
        match self.accounts.get_mut(account) {
            Some(state) => {
                if state.ends_at_ms <= now_ms {
                    *state = AccountState::default();
                }
                state.change(resource, now_ms, change)
            }
            None => self.accounts.entry(account.clone()).or_default().change(resource, now_ms, change),
        }
    }
}

impl ResourceState {
    /// Takes a reading in. Returns it where it speaks of a window that is not over.
    ///
    /// A reading is newer than all that is known only when its request was picked after the last report, whether
    /// that had numbers or not: what was reported meanwhile is under way no more, and may have been served after
    /// this one. Of a request that nothing was picked for (0) the reading itself may tell when it left; that
    /// counts while nothing is under way.
    fn learn(&mut self, reading: Option<Reading>, was_known: bool, picked_at_ms: u64, now_ms: u64) -> Option<Reading> {
        let under_way = self.under_way.total(now_ms);
        let left_at_ms = match reading {
            Some(reading) if picked_at_ms == 0 && under_way == 0 => reading.sent_at_ms.min(now_ms),
            _ => known_at_ms(picked_at_ms, now_ms),
        };
        let is_last = left_at_ms > self.reported_at_ms;
        let is_first = self.assumed.is_told_by(left_at_ms);
        // What was reported in the assumed window may have been served later than this one.
        let meanwhile = if is_first && !is_last { self.assumed.reports } else { 0 };
        if picked_at_ms > 0 {
            self.reported_at_ms = now_ms;
            self.assumed.reports += u64::from(self.assumed.since_ms > 0);
        }
        let told = reading.map(|reading| Reading {
            resets_at_ms: reading.resets_at_ms.min(add(now_ms, RESET_MAX_MS)),
            sent_at_ms: if is_last || is_first { sent_at_ms(left_at_ms) } else { 0 },
            ..reading
        });
        let told = told.filter(|told| told.resets_at_ms > now_ms)?;
        self.take_in(told, under_way + meanwhile, u64::from(was_known), now_ms);
        Some(told)
    }

    fn take_in(&mut self, told: Reading, under_way: u64, own: u64, now_ms: u64) {
        let QuotaState { seen_at_ms, resets_at_ms, .. } = self.quota;
        if self.quota.learn(told, under_way, own, now_ms) {
            self.assumed = Assumed::default();
            return;
        }
        // An assumption that was only lowered still waits for the first numbers of its window.
        if self.assumed.since_ms > 0 {
            self.quota.seen_at_ms = seen_at_ms;
        }
        if told.remaining <= under_way {
            self.quota.resets_at_ms = self.quota.resets_at_ms.max(told.resets_at_ms);
        }
        if self.quota.resets_at_ms > resets_at_ms {
            self.reset_set_at_ms = now_ms;
        }
    }

    /// The quota is spent. Where the numbers say so until when, they are enough: that is no hit, but the end of
    /// a window. A wait that is asked for is granted beside them.
    fn spent(
        &mut self,
        reading: Option<Reading>,
        answered: &Answered,
        picked_at_ms: u64,
        policy: &Policy,
        now_ms: u64,
    ) {
        let says_all = reading.is_some_and(|reading| reading.remaining == 0);
        if !says_all {
            self.pause.hit(picked_at_ms, now_ms);
        }
        match (answered.retry_after_ms, reading) {
            (Some(wait_ms), _) => self.pause.rest_as_told(add(now_ms, wait_ms), policy, now_ms),
            (None, Some(_)) if says_all => {}
            (None, Some(reading)) => self.pause.rest_as_told(reading.resets_at_ms, policy, now_ms),
            (None, None) => self.pause.rest(answered.jitter, 0, policy, now_ms),
        }
    }
}

/// A secondary limit: the account rests, at least for one cooldown and a minute when no time is told.
fn rest_account(pause: &mut Pause, answered: &Answered, picked_at_ms: u64, policy: &Policy, now_ms: u64) {
    pause.hit(picked_at_ms, now_ms);
    match answered.retry_after_ms {
        Some(wait_ms) => pause.rest_as_told(add(now_ms, wait_ms), policy, now_ms),
        None => pause.rest(answered.jitter, SECONDARY_MIN_MS, policy, now_ms),
    }
}

/// When a request surely had left. A millisecond has room for many: one that was picked in the very millisecond
/// of the last reading may have been answered before it, and is not taken for newer.
fn sent_at_ms(picked_at_ms: u64) -> u64 {
    picked_at_ms.saturating_sub(1)
}

/// 0 for a pick of a clock that was wrong: of an instant that is still to come nobody knows when it was.
fn known_at_ms(picked_at_ms: u64, now_ms: u64) -> u64 {
    if picked_at_ms <= now_ms { picked_at_ms } else { 0 }
}
