//! One delivery as it is kept.

use super::claim::{Claim, Claimable};
use super::table::{Place, Placed};
use crate::domain::timers::check::kept_error;
use crate::domain::timers::operation::{Delivery, NewDelivery, TimerId};
use crate::domain::tokens::add;

/// Why a delivery to a disabled endpoint is dead.
pub const DISABLED_ERROR: &str = "the endpoint is disabled";

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sending {
    pub timer_id: TimerId,
    pub endpoint: Box<str>,
    pub document_json: Box<str>,
    pub created_at_ms: u64,
    pub attempts: u64,
    pub next_attempt_at_ms: u64,
    pub is_dead: bool,
    pub error: Box<str>,
    pub claim: Claim,
}

impl Sending {
    pub fn new(timer_id: &str, delivery: &NewDelivery, now_ms: u64) -> Self {
        Self {
            timer_id: timer_id.into(),
            endpoint: delivery.endpoint.clone(),
            document_json: delivery.document_json.clone(),
            created_at_ms: now_ms,
            attempts: 0,
            next_attempt_at_ms: now_ms,
            is_dead: false,
            error: Box::default(),
            claim: Claim::default(),
        }
    }

    /// Whether it is still there for who keeps the dead for so long.
    pub fn is_present(&self, now_ms: u64, keep_dead_ms: u64) -> bool {
        !self.is_dead || add(self.next_attempt_at_ms, keep_dead_ms) > now_ms
    }

    /// Whether what the holder says of an attempt counts: it has the claim, over or not, or nobody has one and
    /// nobody has decided since when to try next.
    pub fn is_reported_by(&self, holder: &str, now_ms: u64) -> bool {
        self.claim.is_of(holder) || (self.claim.is_free(now_ms) && self.next_attempt_at_ms <= now_ms)
    }

    pub fn fail(&mut self, error: &str, retry_in_ms: Option<u64>, now_ms: u64) {
        self.attempts = add(self.attempts, 1);
        self.error = kept_error(error).into();
        self.claim = Claim::default();
        match retry_in_ms {
            Some(in_ms) => self.next_attempt_at_ms = add(now_ms, in_ms),
            None => self.die(now_ms),
        }
    }

    /// Nothing is sent to where it goes.
    pub fn die_unsent(&mut self, now_ms: u64) {
        self.error = DISABLED_ERROR.into();
        self.die(now_ms);
    }

    fn die(&mut self, now_ms: u64) {
        self.is_dead = true;
        self.next_attempt_at_ms = now_ms;
        self.claim = Claim::default();
    }

    pub fn revive(&mut self, now_ms: u64) {
        self.is_dead = false;
        self.attempts = 0;
        self.next_attempt_at_ms = now_ms;
    }

    pub fn view(&self, id: &str, is_disabled: bool) -> Delivery {
        Delivery {
            id: id.into(),
            timer_id: self.timer_id.clone(),
            endpoint: self.endpoint.clone(),
            document_json: self.document_json.clone(),
            created_at_ms: self.created_at_ms,
            attempts: self.attempts,
            next_attempt_at_ms: self.next_attempt_at_ms,
            is_dead: self.is_dead,
            error: self.error.clone(),
            is_disabled,
            holder: self.claim.holder.clone(),
            claimed_until_ms: self.claim.until_ms,
        }
    }
}

impl Placed for Sending {
    fn place(&self) -> Place {
        match (self.is_dead, self.claim.is_none()) {
            (true, _) => Place::Over(self.next_attempt_at_ms),
            (false, true) => Place::Waiting(self.next_attempt_at_ms),
            (false, false) => Place::Claimed(self.claim.until_ms),
        }
    }
}

impl Claimable for Sending {
    fn claim(&self) -> &Claim {
        &self.claim
    }

    fn claim_mut(&mut self) -> &mut Claim {
        &mut self.claim
    }
}
