//! A clock that was wrong for a moment.

use super::account::{AccountState, ResourceState};
use super::pause::Pause;
use super::report::RESET_MAX_MS;
use super::{DAY_MS, PoolState, UNUSED_TTL_MS, life};
use crate::domain::credentials::operation::Policy;
use crate::domain::tokens::add;

/// A clock that showed `wrong_ms` when the pool changed last, and shows less now.
#[derive(Debug, Clone, Copy)]
struct StepBack<'a> {
    wrong_ms: u64,
    now_ms: u64,
    policy: &'a Policy,
}

impl PoolState {
    /// The instant to decide by. A clock that is a little behind is taken to stand still. One that is far behind was
    /// wrong before: to wait until it comes there again would stall the pool for as long as it had jumped.
    pub(super) fn instant(&mut self, clock_ms: u64, policy: &Policy) -> u64 {
        if self.is_from_wrong_clock(clock_ms) {
            self.step_back(&StepBack { wrong_ms: self.last_now_ms, now_ms: clock_ms, policy });
        }
        clock_ms.max(self.last_now_ms)
    }

    /// What was known stays known, and each instant comes to lie where this clock can reach it. What was over by the
    /// clock that was wrong is over, for it may have been forgotten already.
    fn step_back(&mut self, back: &StepBack<'_>) {
        let (wrong_ms, now_ms) = (back.wrong_ms, back.now_ms);
        self.invalid.retain(|_, seen_at_ms| !life::is_over(*seen_at_ms, wrong_ms));
        self.invalid.values_mut().for_each(|seen_at_ms| *seen_at_ms = now_ms.min(*seen_at_ms));
        self.current.retain(|_, current| current.ends_at_ms > wrong_ms);
        for current in self.current.values_mut() {
            current.ends_at_ms = current.ends_at_ms.min(add(now_ms, UNUSED_TTL_MS));
        }
        self.accounts.retain(|_, account| account.ends_at_ms > wrong_ms);
        self.accounts.values_mut().for_each(|account| account.step_back(back));
        self.last_now_ms = now_ms;
    }
}

impl AccountState {
    fn step_back(&mut self, back: &StepBack<'_>) {
        self.forget(back.wrong_ms);
        self.pause.step_back(back);
        self.ends_at_ms = add(back.now_ms.max(self.pause.until_ms), UNUSED_TTL_MS);
        for state in self.resources.values_mut() {
            state.step_back(back);
            self.ends_at_ms = self.ends_at_ms.max(state.ends_at_ms);
        }
    }
}

impl ResourceState {
    fn step_back(&mut self, back: &StepBack<'_>) {
        let now_ms = back.now_ms;
        self.pause.step_back(back);
        self.quota.resets_at_ms = back.moved_ms(self.quota.resets_at_ms, self.reset_told_at_ms(), RESET_MAX_MS);
        self.reset_set_at_ms = self.reset_set_at_ms.min(now_ms);
        self.quota.seen_at_ms = self.quota.seen_at_ms.min(now_ms);
        self.under_way.step_back(back.policy.request_ttl_ms, now_ms);
        self.assumed.since_ms = self.assumed.since_ms.min(now_ms);
        self.reported_at_ms = self.reported_at_ms.min(now_ms);
        self.ends_at_ms = 0;
        self.prolong(now_ms);
    }
}

impl Pause {
    fn step_back(&mut self, back: &StepBack<'_>) {
        let longest_ms = add(DAY_MS, back.policy.cooldown_max_ms);
        let until_ms = back.moved_ms(self.until_ms, self.told_at_ms(), longest_ms);
        self.move_back(until_ms, back.now_ms);
    }
}

impl StepBack<'_> {
    /// Where an end comes to lie that was told at `told_at_ms`. What the clock told while it was right stays. Of what
    /// it told while it was wrong, or may not have told at all, there is left what was left at the last change.
    fn moved_ms(&self, until_ms: u64, told_at_ms: u64, longest_ms: u64) -> u64 {
        let left_ms = until_ms.saturating_sub(self.now_ms);
        if left_ms == 0 || (told_at_ms <= self.now_ms && left_ms <= longest_ms) {
            return until_ms;
        }
        add(self.now_ms, until_ms.saturating_sub(self.wrong_ms).min(longest_ms))
    }
}
