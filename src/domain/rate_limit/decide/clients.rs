//! Who holds what, and who is alive.

use std::collections::HashMap;
use std::sync::Arc;

use super::state::LimiterState;

/// Clients that hold a permit, a place or a share.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    by_name: HashMap<Arc<str>, Client>,
    /// Not later than the first lease ends.
    next_lease_ms: u64,
}

impl Default for Clients {
    fn default() -> Self {
        Self { by_name: HashMap::new(), next_lease_ms: u64::MAX }
    }
}

#[derive(Debug, Clone, Default)]
struct Client {
    lease_until_ms: u64,
    permits: u64,
    places: u64,
    shares: u64,
}

/// What a client can hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holding {
    Permit,
    Place,
    Share,
}

impl Client {
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
    pub fn renew(&mut self, client: &str, until_ms: u64) {
        if let Some(entry) = self.by_name.get_mut(client) {
            entry.lease_until_ms = until_ms;
            self.next_lease_ms = self.next_lease_ms.min(until_ms);
        }
    }

    /// `client` holds one more; answers its name to be kept.
    pub fn hold(&mut self, client: &str, holding: Holding, lease_until_ms: u64) -> Arc<str> {
        let name = match self.by_name.get_key_value(client) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(client),
        };
        let entry = self.by_name.entry(Arc::clone(&name)).or_default();
        entry.lease_until_ms = entry.lease_until_ms.max(lease_until_ms);
        *entry.count(holding) += 1;
        self.next_lease_ms = self.next_lease_ms.min(entry.lease_until_ms);
        name
    }

    /// `client` holds one less.
    pub fn let_go(&mut self, client: &str, holding: Holding) {
        let Some(entry) = self.by_name.get_mut(client) else { return };
        let count = entry.count(holding);
        *count = count.saturating_sub(1);
        if entry.permits + entry.places + entry.shares == 0 {
            self.by_name.remove(client);
        }
    }

    /// How many places the client has in the line, and until when it counts as alive; `None`: it holds nothing.
    pub fn standing(&self, client: &str) -> Option<(u64, u64)> {
        self.by_name.get(client).map(|entry| (entry.places, entry.lease_until_ms))
    }

    /// Those whose lease is over.
    fn take_dead(&mut self, now_ms: u64) -> Vec<Arc<str>> {
        if now_ms < self.next_lease_ms {
            return Vec::new();
        }
        let is_over = |entry: &Client| entry.lease_until_ms <= now_ms;
        let dead = self.by_name.iter().filter(|(_, entry)| is_over(entry)).map(|(name, _)| Arc::clone(name)).collect();
        self.by_name.retain(|_, entry| !is_over(entry));
        self.next_lease_ms = self.by_name.values().map(|entry| entry.lease_until_ms).min().unwrap_or(u64::MAX);
        dead
    }
}

impl LimiterState {
    /// Of clients that are dead, places vanish, permits expire, and the shares they gave end.
    pub(super) fn end_dead_clients(&mut self, now_ms: u64) {
        for client in self.clients.take_dead(now_ms) {
            let is_its = |name: &Arc<str>| *name == client;
            let places: Vec<_> = self.agents.places().filter(|(_, place)| is_its(&place.client)).collect();
            let places: Vec<_> = places.into_iter().map(|(_, place)| Arc::clone(&place.id)).collect();
            places.iter().for_each(|id| drop(self.leave_line(id)));
            let open = self.ends.iter().filter_map(|(_, id)| self.permits.get(id).map(|permit| (id, permit)));
            let permits: Vec<_> = open.filter(|(_, permit)| !permit.is_late && is_its(&permit.client)).collect();
            let permits: Vec<_> = permits.into_iter().map(|(id, _)| Arc::clone(id)).collect();
            permits.iter().for_each(|id| self.expire(id, now_ms));
            for number in self.agents.given_by(&client) {
                self.end_share(number);
            }
        }
    }
}
