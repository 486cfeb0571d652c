//! What was due is done.

use super::ShardState;
use super::claim::Claim;
use super::delivery::Sending;
use crate::domain::timers::operation::{Delivery, NewDelivery, Policy, Status};
use crate::domain::tokens::add;

impl ShardState {
    /// Whether somebody who did what was due as number `occurrence` may say so.
    ///
    /// Also when nobody has a claim: a claim that a failover lost, or that was over before the work was, would make
    /// it be done twice for nothing.
    pub(super) fn is_held(
        &self,
        id: &str,
        nonce: &str,
        holder: &str,
        occurrence: u64,
        now_ms: u64,
        policy: &Policy,
    ) -> bool {
        let Some(timer) = self.present(id, now_ms, policy) else { return false };
        if &*timer.nonce != nonce || timer.occurrence != occurrence {
            return false;
        }
        match timer.status {
            Status::Scheduled => timer.claim.is_of(holder) || (timer.claim.is_free(now_ms) && !timer.is_moved),
            Status::Cancelled => timer.claim.is_of(holder),
            Status::Fired => false,
        }
    }

    pub(super) fn fire(&mut self, id: &str, next_fire_at_ms: Option<u64>, now_ms: u64) {
        self.timers.table.change(id, |timer| {
            timer.occurrence = add(timer.occurrence, 1);
            timer.claim = Claim::default();
            timer.is_moved = false;
            match next_fire_at_ms {
                _ if !timer.is_scheduled() => (),
                Some(next_ms) => {
                    timer.started_at_ms = timer.fire_at_ms;
                    timer.fire_at_ms = next_ms;
                }
                None => timer.end(Status::Fired, now_ms),
            }
        });
        self.forget_surplus();
    }

    /// The delivery of one occurrence. It exists once, whatever is said again.
    #[expect(clippy::too_many_arguments, reason = "what names the delivery and what it consists of")]
    pub(super) fn deliver(
        &mut self,
        timer_id: &str,
        nonce: &str,
        occurrence: u64,
        holder: &str,
        new: &NewDelivery,
        now_ms: u64,
        policy: &Policy,
    ) -> Delivery {
        let id = format!("{nonce}.{occurrence}");
        let is_disabled = self.disabled.contains(&new.endpoint);
        if let Some(known) = self.present_delivery(&id, now_ms, policy) {
            return known.view(&id, self.disabled.contains(&known.endpoint));
        }
        let mut sending = Sending::new(timer_id, new, now_ms);
        if is_disabled {
            sending.die_unsent(now_ms);
        } else if new.lease_ms > 0 {
            sending.claim = Claim::new(holder, now_ms, new.lease_ms);
            self.mark_claim(now_ms);
        }
        let view = sending.view(&id, is_disabled);
        self.deliveries.insert(id.into(), sending);
        self.forget_surplus();
        view
    }
}
