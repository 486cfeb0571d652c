//! Taking what is due, giving it back and keeping it longer.

use std::collections::BTreeMap;

use super::ShardState;
use super::claim::{CLOCK_SLACK_MS, Claim};
use crate::domain::timers::operation::{CLAIM_MAX, Delivery, DeliveryId, Holder, Operation, Outcome, Timer, TimerId};

impl ShardState {
    pub(super) fn claim(&mut self, now_ms: u64, holder: &str, lease_ms: u64, timers: u64, deliveries: u64) -> Outcome {
        self.follow_clock(now_ms);
        let timers = self.claim_timers(now_ms, holder, lease_ms, timers.min(CLAIM_MAX));
        let deliveries = self.claim_deliveries(now_ms, holder, lease_ms, deliveries.min(CLAIM_MAX));
        if !timers.is_empty() || !deliveries.is_empty() {
            self.mark_claim(now_ms);
        }
        Outcome::Claimed { timers, deliveries }
    }

    fn claim_timers(&mut self, now_ms: u64, holder: &str, lease_ms: u64, count: u64) -> Vec<Timer> {
        if count == 0 {
            return Vec::new();
        }
        let table = &mut self.timers.table;
        table.return_lapsed(now_ms);
        let ids = table.due(now_ms, count as usize);
        let taken = ids.iter().filter_map(|id| {
            table.change(id, |timer| {
                timer.claim = Claim::new(holder, now_ms, lease_ms);
                timer.is_moved = false;
                timer.view(id)
            })
        });
        taken.collect()
    }

    /// Of what is due, that to disabled endpoints dies instead.
    fn claim_deliveries(&mut self, now_ms: u64, holder: &str, lease_ms: u64, count: u64) -> Vec<Delivery> {
        if count == 0 {
            return Vec::new();
        }
        self.deliveries.return_lapsed(now_ms);
        let mut taken = Vec::new();
        for id in self.deliveries.due(now_ms, CLAIM_MAX as usize) {
            if taken.len() as u64 == count {
                break;
            }
            let disabled = &self.disabled;
            let claimed = self.deliveries.change(&id, |delivery| {
                if disabled.contains(&delivery.endpoint) {
                    delivery.die_unsent(now_ms);
                    return None;
                }
                delivery.claim = Claim::new(holder, now_ms, lease_ms);
                Some(delivery.view(&id, false))
            });
            taken.extend(claimed.flatten());
        }
        self.forget_surplus();
        taken
    }

    pub(super) fn release(&mut self, holder: &str, timers: &[TimerId], deliveries: &[DeliveryId]) -> bool {
        let mut any = false;
        for id in timers {
            any |= self.timers.table.release(id, holder);
        }
        for id in deliveries {
            any |= self.deliveries.release(id, holder);
        }
        any
    }

    /// What would end every claim there is, one for each holder.
    pub fn releases(&self) -> Vec<Operation> {
        let mut held = BTreeMap::<Holder, (Vec<TimerId>, Vec<DeliveryId>)>::new();
        for (id, holder) in self.timers.table.holders() {
            held.entry(holder).or_default().0.push((*id).into());
        }
        for (id, holder) in self.deliveries.holders() {
            held.entry(holder).or_default().1.push((*id).into());
        }
        let release = |(holder, (timers, deliveries))| Operation::Release { holder, timers, deliveries };
        held.into_iter().map(release).collect()
    }

    pub(super) fn renew(
        &mut self,
        now_ms: u64,
        holder: &str,
        lease_ms: u64,
        timers: &[TimerId],
        deliveries: &[DeliveryId],
    ) -> u64 {
        let mut renewed = 0;
        for id in timers {
            renewed += u64::from(self.timers.table.renew(id, holder, now_ms, lease_ms));
        }
        for id in deliveries {
            renewed += u64::from(self.deliveries.renew(id, holder, now_ms, lease_ms));
        }
        if renewed > 0 {
            self.mark_claim(now_ms);
        }
        renewed
    }

    pub(super) fn mark_claim(&mut self, now_ms: u64) {
        self.claimed_at_ms = self.claimed_at_ms.max(now_ms);
    }

    /// A clock that was set back would make claims last as much longer, also those of processes that are gone.
    fn follow_clock(&mut self, now_ms: u64) {
        if now_ms.saturating_add(CLOCK_SLACK_MS) < self.claimed_at_ms {
            self.timers.table.shorten_claims(now_ms);
            self.deliveries.shorten_claims(now_ms);
            self.claimed_at_ms = now_ms;
        }
    }
}
