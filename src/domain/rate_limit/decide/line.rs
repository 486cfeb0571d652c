//! Calls that wait: one line per agent.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clients::Holding;
use super::state::{LimiterState, Moment};
use crate::domain::rate_limit::amounts::Amounts;
use crate::domain::rate_limit::operation::{LOW_PENALTY_MS, Priority};

/// Who comes first: critical calls (class 0), then by arrival in milliseconds, then by the number of arrival.
pub(super) type OrderKey = (u64, u64, u64);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    pub id: Arc<str>,
    pub amounts: Amounts,
    pub priority: Priority,
    pub client: Arc<str>,
}

/// The key of a call that arrives now, as the `number`th.
pub(super) fn order_key(priority: Priority, now_ms: u64, number: u64) -> OrderKey {
    match priority {
        Priority::Critical => (0, now_ms, number),
        Priority::Normal => (1, now_ms, number),
        Priority::Low => (1, now_ms + LOW_PENALTY_MS, number),
    }
}

impl LimiterState {
    /// The first of each agent's line, in the order in which they come.
    pub(super) fn heads(&self) -> Vec<(OrderKey, u64)> {
        if self.places.is_empty() {
            return Vec::new();
        }
        let first = |agent: &super::agents::Agent| agent.line.keys().next().map(|key| (*key, agent.number));
        let mut heads: Vec<_> = self.agents.all().iter().filter_map(first).collect();
        heads.sort_unstable();
        heads
    }

    /// Whether others come before a call of `agent` with this key. Only who has used up the share of its own
    /// agent is passed by the calls of others.
    pub(super) fn is_behind_others(&self, moment: &Moment<'_>, agent: u64, key: OrderKey) -> bool {
        for (head_key, number) in self.heads() {
            if head_key >= key {
                return false;
            }
            if number == agent {
                return true;
            }
            let Some(place) = self.agents.get(number).line.get(&head_key) else { continue };
            if self.never(moment, place.amounts, place.priority).is_some() {
                continue;
            }
            if !self.obstacles(moment, number, place.amounts, place.priority).is_share_only {
                return true;
            }
        }
        false
    }

    /// Gives the call a place; answers how many of its agent's are in front of it.
    pub(super) fn join_line(&mut self, moment: &Moment<'_>, number: u64, place: NewPlace<'_>) -> u64 {
        self.arrivals += 1;
        let key = order_key(place.priority, moment.now_ms, self.arrivals);
        let lease_until_ms = moment.now_ms + moment.policy.client_lease_ms;
        let client = self.clients.hold(moment.client, Holding::Place, lease_until_ms);
        let id: Arc<str> = Arc::from(place.id);
        self.places.insert(Arc::clone(&id), (number, key));
        let place = Place { id, amounts: place.amounts, priority: place.priority, client };
        self.agents.get_mut(number).line.insert(key, place);
        self.ahead(number, key)
    }

    /// Places in front of one, or of a call that would come now, in the line of its agent.
    pub(super) fn ahead(&self, number: u64, key: OrderKey) -> u64 {
        let line = &self.agents.get(number).line;
        match line.keys().next_back() {
            Some(last) if *last == key => line.len() as u64 - 1,
            Some(last) if *last < key => line.len() as u64,
            _ => line.range(..key).count() as u64,
        }
    }

    /// The place ends, whatever for. `None`: there is none.
    pub(super) fn leave_line(&mut self, id: &str) -> Option<Place> {
        let (number, key) = self.places.remove(id)?;
        let place = self.agents.get_mut(number).line.remove(&key)?;
        self.clients.let_go(&place.client, Holding::Place);
        Some(place)
    }
}

/// A call that shall wait.
pub(super) struct NewPlace<'a> {
    pub id: &'a str,
    pub amounts: Amounts,
    pub priority: Priority,
}
