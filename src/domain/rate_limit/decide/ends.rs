//! Permits whose time is over.

use std::sync::Arc;

use super::clients::Holding;
use super::state::{LimiterState, Permit};
use super::{LATE_MAX, LATE_SETTLE_MS};

impl Permit {
    /// Where it stands among the ends.
    pub fn end(&self) -> (u64, u64) {
        (if self.is_late { self.expires_at_ms + LATE_SETTLE_MS } else { self.expires_at_ms }, self.number)
    }
}

impl LimiterState {
    /// Permits expire, and expired ones are forgotten, each at its instant; those of one instant in the order of
    /// their ids.
    #[inline]
    pub(super) fn expire_until(&mut self, now_ms: u64) {
        if self.ends.first_key_value().is_none_or(|((at_ms, _), _)| *at_ms > now_ms) {
            return;
        }
        let later = self.ends.split_off(&(now_ms + 1, 0));
        let due = std::mem::replace(&mut self.ends, later);
        let mut due: Vec<_> = due.into_iter().map(|((at_ms, _), id)| (at_ms, id)).collect();
        due.sort_unstable();
        for (_, id) in due {
            match self.permits.get(&id).is_some_and(|permit| permit.is_late) {
                true => self.forget_late(&id),
                false => self.expire(&id, now_ms),
            }
        }
    }

    /// The permit is over. Its call may have been made, so what it took stays counted; what it held is free.
    pub(super) fn expire(&mut self, id: &Arc<str>, now_ms: u64) {
        let Some(mut permit) = self.permits.remove(id) else { return };
        self.let_go(id, &permit);
        self.ends.remove(&permit.end());
        permit.is_late = true;
        let (forget_at_ms, _) = permit.end();
        if now_ms >= forget_at_ms || self.late >= LATE_MAX {
            return;
        }
        self.late += 1;
        self.ends.insert(permit.end(), Arc::clone(id));
        self.permits.insert(Arc::clone(id), permit);
    }

    /// What an open permit holds while its call is under way.
    #[inline]
    pub(super) fn let_go(&mut self, id: &str, permit: &Permit) {
        self.under_way = self.under_way.minus(permit.amounts);
        self.agents.permit_ended(permit.agent);
        self.clients.let_go(&permit.client, Holding::Permit);
        if self.probe.as_deref() == Some(id) {
            self.probe = None;
        }
    }

    fn forget_late(&mut self, id: &Arc<str>) {
        self.permits.remove(id);
        self.late -= 1;
    }
}
