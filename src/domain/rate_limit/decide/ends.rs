//! Permits whose time is over.

use std::sync::Arc;

use super::clients::Holding;
use super::state::{LimiterState, Permit};
use super::{LATE_MAX, LATE_SETTLE_MS};

impl LimiterState {
    /// Permits expire, and expired ones are forgotten, each at its instant.
    pub(super) fn expire_until(&mut self, now_ms: u64) {
        while self.ends.first().is_some_and(|(at_ms, _)| *at_ms <= now_ms) {
            let Some((_, id)) = self.ends.pop_first() else { return };
            match self.permits.get(&id).is_some_and(|permit| permit.is_late) {
                true => self.forget_late(&id),
                false => self.expire(&id, now_ms),
            }
        }
    }

    /// The permit is over. Its call may have been made, so what it took stays counted; what it held is free.
    pub(super) fn expire(&mut self, id: &Arc<str>, now_ms: u64) {
        let Some(permit) = self.permits.get(id).cloned() else { return };
        self.let_go(id, &permit);
        self.ends.remove(&(permit.expires_at_ms, Arc::clone(id)));
        let forget_at_ms = permit.expires_at_ms + LATE_SETTLE_MS;
        if now_ms >= forget_at_ms || self.late >= LATE_MAX {
            self.permits.remove(id);
            return;
        }
        self.permits.insert(Arc::clone(id), Permit { is_late: true, ..permit });
        self.late += 1;
        self.ends.insert((forget_at_ms, Arc::clone(id)));
    }

    /// What an open permit holds while its call is under way.
    pub(super) fn let_go(&mut self, id: &Arc<str>, permit: &Permit) {
        self.under_way = self.under_way.minus(permit.amounts);
        self.agents.permit_ended(permit.agent);
        self.clients.let_go(&permit.client, Holding::Permit);
        if self.probe.as_ref() == Some(id) {
            self.probe = None;
        }
    }

    fn forget_late(&mut self, id: &Arc<str>) {
        self.permits.remove(id);
        self.late -= 1;
    }
}
