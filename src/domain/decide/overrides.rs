//! Extra tokens until an instant.

use serde::{Deserialize, Serialize};

use crate::domain::operation::{OVERRIDE_LIMIT, Override};
use crate::domain::period::{PERIOD_COUNT, Period};
use crate::domain::tokens;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Overrides {
    all: Vec<Override>,
    /// The sums per period as long as nothing expires.
    extra: [u64; PERIOD_COUNT],
    /// When the first and the last of them expire.
    soonest_ms: u64,
    latest_ms: u64,
    /// The sums of money.
    #[serde(default)]
    extra_cost: [u64; PERIOD_COUNT],
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            extra: [0; PERIOD_COUNT],
            soonest_ms: u64::MAX,
            latest_ms: 0,
            extra_cost: [0; PERIOD_COUNT],
        }
    }
}

impl Overrides {
    /// What the live overrides add to the limit of `period`.
    pub fn extra(&self, now_ms: u64, period: Period) -> u64 {
        if now_ms < self.soonest_ms {
            return self.extra[period.index()];
        }
        sum(self.live(now_ms), period, tokens_of)
    }

    /// The same in micro-units of money.
    pub fn extra_cost(&self, now_ms: u64, period: Period) -> u64 {
        if now_ms < self.soonest_ms {
            return self.extra_cost[period.index()];
        }
        sum(self.live(now_ms), period, cost_of)
    }

    pub fn live(&self, now_ms: u64) -> impl Iterator<Item = &Override> {
        self.all.iter().filter(move |entry| entry.expires_at_ms > now_ms)
    }

    /// Live overrides, soonest expiry first, then by id.
    pub fn list(&self, now_ms: u64, period: Option<Period>) -> Vec<Override> {
        let wanted = |entry: &&Override| period.is_none_or(|period| entry.period == period);
        let mut list: Vec<_> = self.live(now_ms).filter(wanted).cloned().collect();
        list.sort_by(|a, b| (a.expires_at_ms, &a.id).cmp(&(b.expires_at_ms, &b.id)));
        list
    }

    /// Replaces the override with the same id. `false` when there are too many. Call
    /// [`Self::forget_expired`] first.
    pub fn set(&mut self, entry: &Override, now_ms: u64) -> bool {
        let known = self.all.iter().position(|known| known.id == entry.id);
        match known {
            _ if entry.expires_at_ms <= now_ms => {
                known.map(|index| self.all.swap_remove(index));
            }
            Some(index) => self.all[index] = entry.clone(),
            None if self.all.len() >= OVERRIDE_LIMIT => return false,
            None => self.all.push(entry.clone()),
        }
        self.count_anew();
        true
    }

    /// Whether there was a live one with this id.
    pub fn remove(&mut self, id: &str) -> bool {
        let known = self.all.iter().position(|entry| entry.id == id);
        known.map(|index| self.all.swap_remove(index));
        self.count_anew();
        known.is_some()
    }

    pub fn forget_expired(&mut self, now_ms: u64) {
        if self.soonest_ms <= now_ms {
            self.all.retain(|entry| entry.expires_at_ms > now_ms);
            self.count_anew();
        }
    }

    pub fn last_expiry_ms(&self) -> Option<u64> {
        (!self.all.is_empty()).then_some(self.latest_ms)
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    fn count_anew(&mut self) {
        self.extra = Period::ALL.map(|period| sum(self.all.iter(), period, tokens_of));
        self.extra_cost = Period::ALL.map(|period| sum(self.all.iter(), period, cost_of));
        let expiries_ms = || self.all.iter().map(|entry| entry.expires_at_ms);
        self.soonest_ms = expiries_ms().min().unwrap_or(u64::MAX);
        self.latest_ms = expiries_ms().max().unwrap_or(0);
    }
}

fn tokens_of(entry: &Override) -> u64 {
    entry.additional_tokens
}

fn cost_of(entry: &Override) -> u64 {
    entry.additional_cost
}

fn sum<'a>(entries: impl Iterator<Item = &'a Override>, period: Period, amount: fn(&Override) -> u64) -> u64 {
    entries.filter(|entry| entry.period == period).map(amount).fold(0, tokens::add)
}
