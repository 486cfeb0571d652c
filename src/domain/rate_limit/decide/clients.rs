//! Who holds what, and who is alive.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::state::LimiterState;

/// Clients that hold a permit, a place or a share, or did a moment ago: who calls again and again is entered once.
/// They are few. Who called last is looked at first, for it is who calls next as a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Clients {
    list: Vec<Client>,
    last: usize,
    /// Not later than the first lease ends.
    next_lease_ms: u64,
}

impl Default for Clients {
    fn default() -> Self {
        Self { list: Vec::new(), last: 0, next_lease_ms: u64::MAX }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Client {
    name: Arc<str>,
    lease_until_ms: u64,
    permits: u64,
    places: u64,
    shares: u64,
    /// Whether it gave a share since it was heard of first: then what it gives now is all there is to it.
    #[serde(default)]
    has_given: bool,
}

/// What a client can hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holding {
    Permit,
    Place,
    Share,
}

impl Client {
    fn new(name: &str) -> Self {
        Self { name: Arc::from(name), lease_until_ms: 0, permits: 0, places: 0, shares: 0, has_given: false }
    }

    fn holds_nothing(&self) -> bool {
        self.permits + self.places + self.shares == 0
    }

    fn count(&mut self, holding: Holding) -> &mut u64 {
        match holding {
            Holding::Permit => &mut self.permits,
            Holding::Place => &mut self.places,
            Holding::Share => &mut self.shares,
        }
    }
}

impl Clients {
    /// A client that holds something lives on.
    #[inline]
    pub fn renew(&mut self, client: &str, until_ms: u64) {
        if let Some(index) = self.find(client) {
            self.last = index;
            let entry = &mut self.list[index];
            entry.lease_until_ms = until_ms;
            self.next_lease_ms = self.next_lease_ms.min(until_ms);
        }
    }

    /// `client` holds one more; answers its name to be kept.
    #[inline]
    pub fn hold(&mut self, client: &str, holding: Holding, lease_until_ms: u64) -> Arc<str> {
        let index = self.find(client).unwrap_or_else(|| {
            self.list.push(Client::new(client));
            self.list.len() - 1
        });
        let entry = &mut self.list[index];
        entry.lease_until_ms = entry.lease_until_ms.max(lease_until_ms);
        *entry.count(holding) += 1;
        entry.has_given |= matches!(holding, Holding::Share);
        self.next_lease_ms = self.next_lease_ms.min(entry.lease_until_ms);
        Arc::clone(&entry.name)
    }

    /// `client` holds one less.
    #[inline]
    pub fn let_go(&mut self, client: &str, holding: Holding) {
        let Some(index) = self.find(client) else { return };
        let count = self.list[index].count(holding);
        *count = count.saturating_sub(1);
    }

    /// Whether the client gave a share, and was not taken for dead since.
    pub fn has_given(&self, client: &str) -> bool {
        self.find(client).is_some_and(|index| self.list[index].has_given)
    }

    /// Those that gave shares, with nothing else, alive until then.
    pub fn only_givers(self, lease_until_ms: u64) -> Self {
        let givers = self.list.into_iter().filter(|entry| entry.has_given);
        let list: Vec<_> = givers.map(|entry| Client { lease_until_ms, permits: 0, places: 0, ..entry }).collect();
        let next_lease_ms = if list.is_empty() { u64::MAX } else { lease_until_ms };
        Self { list, last: 0, next_lease_ms }
    }

    /// Its name as it is kept here: who calls by that is recognised without comparing letters.
    pub fn name_of(&self, client: &str) -> Option<Arc<str>> {
        self.find(client).map(|index| Arc::clone(&self.list[index].name))
    }

    /// Whether a lease may be over.
    pub fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.next_lease_ms
    }

    /// How many places the client has in the line, and until when it counts as alive; `None`: it holds nothing.
    #[inline]
    pub fn standing(&self, client: &str) -> Option<(u64, u64)> {
        let entry = self.find(client).map(|index| &self.list[index]).filter(|entry| !entry.holds_nothing())?;
        Some((entry.places, entry.lease_until_ms))
    }

    #[inline]
    fn find(&self, client: &str) -> Option<usize> {
        let is_it = |entry: &Client| std::ptr::eq(&*entry.name, client) || *entry.name == *client;
        if self.list.get(self.last).is_some_and(is_it) {
            return Some(self.last);
        }
        self.list.iter().position(is_it)
    }

    /// Those that hold something, or gave shares, and whose lease is over; and whether they gave any.
    #[inline]
    fn take_dead(&mut self, now_ms: u64) -> Vec<(Arc<str>, bool)> {
        if now_ms < self.next_lease_ms {
            return Vec::new();
        }
        let is_over = |entry: &Client| entry.lease_until_ms <= now_ms;
        let is_dead = |entry: &&Client| is_over(entry) && (entry.has_given || !entry.holds_nothing());
        let dead = self.list.iter().filter(is_dead).map(|entry| (Arc::clone(&entry.name), entry.has_given)).collect();
        self.list.retain(|entry| !is_over(entry));
        self.next_lease_ms = self.list.iter().map(|entry| entry.lease_until_ms).min().unwrap_or(u64::MAX);
        dead
    }
}

impl LimiterState {
    /// Of clients that are dead, places vanish, permits expire, and the shares they gave end.
    pub(super) fn end_dead_clients(&mut self, now_ms: u64) {
        for (client, has_given) in self.clients.take_dead(now_ms) {
            let is_its = |name: &Arc<str>| *name == client;
            let places: Vec<_> = self.agents.places().filter(|(_, place)| is_its(&place.client)).collect();
            let places: Vec<_> = places.into_iter().map(|(_, place)| Arc::clone(&place.id)).collect();
            places.iter().for_each(|id| drop(self.leave_line(id)));
            let open = self.permits.iter().filter(|(_, permit)| !permit.is_late && is_its(&permit.client));
            let mut permits: Vec<_> = open.map(|(id, permit)| (permit.expires_at_ms, Arc::clone(id))).collect();
            permits.sort_unstable();
            permits.iter().for_each(|(_, id)| self.expire(id, now_ms));
            let given = self.agents.given_by(&client);
            if has_given {
                let agents = given.iter().map(|number| self.agents.get(*number).name.clone()).collect();
                self.note_lapsed(&client, agents, now_ms);
            }
            for number in given {
                self.end_share(number);
            }
        }
    }
}
