//! Tokens held by reservations, found by id and by expiry.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::identifier::{OrchestratorId, ReservationKey};
use crate::domain::period::Periods;
use crate::domain::reservation::OpenReservation;
use crate::domain::tokens;
use crate::domain::usage::Usage;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hold {
    pub tokens: u64,
    pub periods: Periods,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
    #[serde(default)]
    pub cost_micros: u64,
}

impl Hold {
    /// `usage` with what it cost, if nobody said it.
    pub fn charge<'a>(&self, usage: &'a Usage) -> Cow<'a, Usage> {
        // Without money there is nothing to tell, and nothing is copied.
        if !usage.costs_as_held || self.cost_micros == 0 {
            return Cow::Borrowed(usage);
        }
        let cost_micros = tokens::micros_as_held(self.tokens, self.cost_micros, usage.total);
        Cow::Owned(Usage { cost_micros, costs_as_held: false, ..usage.clone() })
    }

    pub fn to_reservation(self, key: ReservationKey, orchestrator: &OrchestratorId) -> OpenReservation {
        OpenReservation {
            id: key.to_id(orchestrator),
            tokens: self.tokens,
            cost_micros: self.cost_micros,
            periods: self.periods,
            created_at_ms: self.created_at_ms,
            expires_at_ms: self.expires_at_ms,
        }
    }
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Holds {
    by_key: HashMap<ReservationKey, Hold>,
    /// The same, soonest expiry first, then by id.
    by_expiry: BTreeSet<(u64, ReservationKey)>,
}

/// Written as a list, soonest expiry first.
impl Serialize for Holds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.by_expiry.iter().filter_map(|(_, key)| Some((key, self.by_key.get(key)?))))
    }
}

impl<'de> Deserialize<'de> for Holds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<(ReservationKey, Hold)>::deserialize(deserializer)?;
        let by_expiry = list.iter().map(|(key, hold)| (hold.expires_at_ms, *key)).collect();
        Ok(Self { by_key: list.into_iter().collect(), by_expiry })
    }
}

impl Holds {
    pub fn get(&self, key: &ReservationKey) -> Option<&Hold> {
        self.by_key.get(key)
    }

    /// Replaces the hold with this key if there is one.
    pub fn insert(&mut self, key: ReservationKey, hold: Hold) {
        if let Some(replaced) = self.by_key.insert(key, hold) {
            self.by_expiry.remove(&(replaced.expires_at_ms, key));
        }
        self.by_expiry.insert((hold.expires_at_ms, key));
    }

    pub fn remove(&mut self, key: &ReservationKey) -> Option<Hold> {
        let hold = self.by_key.remove(key)?;
        self.by_expiry.remove(&(hold.expires_at_ms, *key));
        if self.by_key.is_empty() {
            // A burst of reservations must not keep its memory.
            self.by_key.shrink_to(16);
        }
        Some(hold)
    }

    /// Takes out the hold that expires first, if it expires at `now_ms` or before.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<(ReservationKey, Hold)> {
        let (expires_at_ms, key) = *self.by_expiry.first()?;
        if expires_at_ms > now_ms {
            return None;
        }
        self.remove(&key).map(|hold| (key, hold))
    }

    pub fn has_due(&self, now_ms: u64) -> bool {
        self.first_expiry_ms().is_some_and(|expires_at_ms| expires_at_ms <= now_ms)
    }

    /// Those that expire at `now_ms` or before.
    pub fn due(&self, now_ms: u64) -> impl Iterator<Item = &Hold> {
        self.by_expiry
            .iter()
            .take_while(move |(expires_at_ms, _)| *expires_at_ms <= now_ms)
            .filter_map(|(_, key)| self.by_key.get(key))
    }

    /// Those that expire after `now_ms`, soonest first, then by id.
    pub fn live(&self, now_ms: u64) -> impl Iterator<Item = (ReservationKey, &Hold)> {
        self.by_expiry
            .iter()
            .skip_while(move |(expires_at_ms, _)| *expires_at_ms <= now_ms)
            .filter_map(|(_, key)| Some((*key, self.by_key.get(key)?)))
    }

    pub fn first_expiry_ms(&self) -> Option<u64> {
        self.by_expiry.first().map(|(expires_at_ms, _)| *expires_at_ms)
    }

    pub fn last_expiry_ms(&self) -> Option<u64> {
        self.by_expiry.last().map(|(expires_at_ms, _)| *expires_at_ms)
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }
}
