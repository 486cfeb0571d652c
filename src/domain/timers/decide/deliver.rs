//! What became of deliveries.

use super::ShardState;
use super::delivery::Sending;
use crate::domain::timers::operation::Policy;

impl ShardState {
    pub(super) fn present_delivery(&self, id: &str, now_ms: u64, policy: &Policy) -> Option<&Sending> {
        self.deliveries.get(id).filter(|delivery| delivery.is_present(now_ms, policy.keep_dead_ms))
    }

    /// What has arrived need not be sent again, whoever says so.
    pub(super) fn delivered(&mut self, id: &str, now_ms: u64, policy: &Policy) -> bool {
        let is_present = self.present_delivery(id, now_ms, policy).is_some();
        is_present && self.deliveries.remove(id).is_some()
    }

    #[expect(clippy::too_many_arguments, reason = "what is said of an attempt")]
    pub(super) fn undelivered(
        &mut self,
        id: &str,
        holder: &str,
        error: &str,
        retry_in_ms: Option<u64>,
        disable: bool,
        now_ms: u64,
        policy: &Policy,
    ) -> bool {
        let Some(delivery) = self.present_delivery(id, now_ms, policy) else { return false };
        let counts = !delivery.is_dead && delivery.is_reported_by(holder, now_ms);
        // What an endpoint says of itself holds, whoever was told.
        let newly_disabled = disable && self.disabled.insert(&delivery.endpoint.clone(), now_ms);
        if counts {
            let retry_in_ms = retry_in_ms.filter(|_| !disable);
            self.deliveries.change(id, |delivery| delivery.fail(error, retry_in_ms, now_ms));
            self.forget_surplus();
        }
        counts || newly_disabled
    }

    pub(super) fn redeliver(&mut self, id: &str, now_ms: u64, policy: &Policy) -> bool {
        let dead = self.present_delivery(id, now_ms, policy).filter(|delivery| delivery.is_dead);
        let can_go = dead.is_some_and(|delivery| !self.disabled.contains(&delivery.endpoint));
        if can_go {
            self.deliveries.change(id, |delivery| delivery.revive(now_ms));
        }
        can_go
    }

    pub(super) fn discard(&mut self, id: &str, now_ms: u64, policy: &Policy) -> bool {
        let is_dead = self.present_delivery(id, now_ms, policy).is_some_and(|delivery| delivery.is_dead);
        is_dead && self.deliveries.remove(id).is_some()
    }
}
