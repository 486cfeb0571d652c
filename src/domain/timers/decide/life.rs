//! Creating, changing and ending timers, and forgetting what has ended.

use super::ShardState;
use super::timer::Kept;
use crate::domain::timers::operation::{Change, DEAD_MAX, ENDED_MAX, NewTimer, Outcome, Policy, Status, Timer};

/// Of each kind, what one writing request forgets at most: more than it can end.
const FORGOTTEN_PER_REQUEST: usize = 2;

impl ShardState {
    pub(super) fn present(&self, id: &str, now_ms: u64, policy: &Policy) -> Option<&Kept> {
        self.timers.table.get(id).filter(|timer| timer.is_present(now_ms, policy.keep_ended_ms))
    }

    pub(super) fn get(&self, id: &str, now_ms: u64, policy: &Policy) -> Option<Timer> {
        self.present(id, now_ms, policy).map(|timer| timer.view(id))
    }

    pub(super) fn create(&mut self, new: &NewTimer, now_ms: u64, policy: &Policy) -> Outcome {
        match self.present(&new.id, now_ms, policy) {
            Some(timer) if timer.fingerprint == new.fingerprint => {
                Outcome::Created { timer: timer.view(&new.id), is_new: false }
            }
            Some(_) => Outcome::Conflict,
            None => {
                let kept = Kept::new(new, now_ms);
                let timer = kept.view(&new.id);
                self.timers.insert((&*new.id).into(), kept);
                Outcome::Created { timer, is_new: true }
            }
        }
    }

    /// Its claim stays: who does what is due may say so.
    pub(super) fn cancel(&mut self, id: &str, now_ms: u64) -> Option<Timer> {
        self.timers.table.get(id).filter(|timer| timer.is_scheduled())?;
        self.timers.table.change(id, |timer| timer.end(Status::Cancelled, now_ms));
        let view = self.timers.table.get(id).map(|timer| timer.view(id));
        self.forget_surplus();
        view
    }

    pub(super) fn update(&mut self, id: &str, change: &Change, now_ms: u64) -> Option<Timer> {
        self.timers.table.get(id).filter(|timer| timer.is_scheduled())?;
        self.timers.update(id, change, now_ms);
        self.timers.table.get(id).map(|timer| timer.view(id))
    }

    /// Keeps what has ended within its bounds.
    pub(super) fn forget_surplus(&mut self) {
        while self.timers.table.over_count() > ENDED_MAX {
            let Some(id) = self.timers.table.first_over() else { break };
            self.timers.remove(&id);
        }
        while self.deliveries.over_count() > DEAD_MAX {
            let Some(id) = self.deliveries.first_over() else { break };
            self.deliveries.remove(&id);
        }
    }

    /// Forgets some of what has outlived its life. No decision depends on when this happens.
    pub(super) fn forget(&mut self, now_ms: u64, policy: &Policy, writes: usize) {
        let count = writes * FORGOTTEN_PER_REQUEST;
        if count == 0 {
            return;
        }
        if let Some(until_ms) = now_ms.checked_sub(policy.keep_ended_ms) {
            for id in self.timers.table.long_over(until_ms, count) {
                self.timers.remove(&id);
            }
        }
        if let Some(until_ms) = now_ms.checked_sub(policy.keep_dead_ms) {
            for id in self.deliveries.long_over(until_ms, count) {
                self.deliveries.remove(&id);
            }
        }
    }
}
