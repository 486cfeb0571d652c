//! One timer as it is kept, and all of them.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::claim::{Claim, Claimable};
use super::table::{Key, Place, Placed, Table};
use crate::domain::timers::operation::{Change, Due, NewTimer, Status, Timer};
use crate::domain::tokens::{MAX_TOKENS, add};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    pub name: Key,
    pub owner: Key,
    pub document_json: Box<str>,
    pub recurrence_json: Box<str>,
    pub nonce: Box<str>,
    pub fingerprint: Box<str>,
    pub status: Status,
    pub created_at_ms: u64,
    pub started_at_ms: u64,
    pub fire_at_ms: u64,
    pub occurrence: u64,
    pub ended_at_ms: u64,
    pub claim: Claim,
    /// Its time was changed, and nobody has claimed it since: who claimed it before did something else.
    pub is_moved: bool,
}

impl Kept {
    pub fn new(timer: &NewTimer, now_ms: u64) -> Self {
        Self {
            name: (&*timer.name).into(),
            owner: (&*timer.owner).into(),
            document_json: timer.document_json.clone(),
            recurrence_json: timer.recurrence_json.clone(),
            nonce: timer.nonce.clone(),
            fingerprint: timer.fingerprint.clone(),
            status: Status::Scheduled,
            created_at_ms: now_ms,
            started_at_ms: now_ms,
            fire_at_ms: instant(timer.due, now_ms),
            occurrence: 0,
            ended_at_ms: 0,
            claim: Claim::default(),
            is_moved: false,
        }
    }

    pub fn is_scheduled(&self) -> bool {
        self.status == Status::Scheduled
    }

    /// Whether it is still there for who remembers what has ended for so long.
    pub fn is_present(&self, now_ms: u64, keep_ended_ms: u64) -> bool {
        self.is_scheduled() || add(self.ended_at_ms, keep_ended_ms) > now_ms
    }

    pub fn view(&self, id: &str) -> Timer {
        Timer {
            id: id.into(),
            name: (&*self.name).into(),
            owner: (&*self.owner).into(),
            document_json: self.document_json.clone(),
            recurrence_json: self.recurrence_json.clone(),
            nonce: self.nonce.clone(),
            fingerprint: self.fingerprint.clone(),
            status: self.status,
            created_at_ms: self.created_at_ms,
            started_at_ms: self.started_at_ms,
            fire_at_ms: self.fire_at_ms,
            occurrence: self.occurrence,
            ended_at_ms: self.ended_at_ms,
            holder: self.claim.holder.clone(),
            claimed_until_ms: self.claim.until_ms,
        }
    }

    pub fn end(&mut self, status: Status, now_ms: u64) {
        self.status = status;
        self.ended_at_ms = now_ms;
    }

    /// Everything but name and owner, which are indexed.
    fn update(&mut self, change: &Change, now_ms: u64) {
        self.document_json = change.document_json.clone().unwrap_or_else(|| std::mem::take(&mut self.document_json));
        self.recurrence_json =
            change.recurrence_json.clone().unwrap_or_else(|| std::mem::take(&mut self.recurrence_json));
        let Some(due) = change.due else { return };
        self.started_at_ms = now_ms;
        let fire_at_ms = instant(due, now_ms);
        if fire_at_ms != self.fire_at_ms {
            self.fire_at_ms = fire_at_ms;
            // Who holds it may be telling of it: what is told later is another occurrence.
            self.occurrence = add(self.occurrence, u64::from(!self.claim.is_none()));
            self.claim = Claim::default();
            self.is_moved = true;
        }
    }
}

fn instant(due: Due, now_ms: u64) -> u64 {
    match due {
        Due::In(in_ms) => add(now_ms, in_ms),
        Due::At(at_ms) => at_ms.min(MAX_TOKENS),
    }
}

impl Placed for Kept {
    fn place(&self) -> Place {
        match (self.is_scheduled(), self.claim.is_none()) {
            (false, _) => Place::Over(self.ended_at_ms),
            (true, true) => Place::Waiting(self.fire_at_ms),
            (true, false) => Place::Claimed(self.claim.until_ms),
        }
    }
}

impl Claimable for Kept {
    fn claim(&self) -> &Claim {
        &self.claim
    }

    fn claim_mut(&mut self) -> &mut Claim {
        &mut self.claim
    }
}

/// Timers by id, by owner and by name. Nobody's are in no list of an owner.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Timers {
    pub table: Table<Kept>,
    owners: BTreeSet<(Key, Key)>,
    names: BTreeSet<(Key, Key)>,
}

impl Timers {
    pub fn insert(&mut self, key: Key, timer: Kept) {
        self.remove(&key);
        self.enlist(&key, &timer.name, &timer.owner);
        self.table.insert(key, timer);
    }

    pub fn remove(&mut self, id: &str) {
        if let Some(timer) = self.table.remove(id) {
            self.delist(&id.into(), &timer.name, &timer.owner);
        }
    }

    pub fn update(&mut self, id: &str, change: &Change, now_ms: u64) {
        self.table.change(id, |timer| timer.update(change, now_ms));
        if change.name.is_none() && change.owner.is_none() {
            return;
        }
        let Some((key, timer)) = self.table.entry(id) else { return };
        let (key, name, owner) = (Arc::clone(key), Arc::clone(&timer.name), Arc::clone(&timer.owner));
        self.delist(&key, &name, &owner);
        let name = change.name.as_deref().map_or(name, Arc::from);
        let owner = change.owner.as_deref().map_or(owner, Arc::from);
        self.enlist(&key, &name, &owner);
        self.table.change(id, |timer| (timer.name, timer.owner) = (name, owner));
    }

    /// Timers of an owner with an id after `id`, by id.
    pub fn of_owner<'a>(&'a self, owner: &'a str, id: &str) -> impl Iterator<Item = (&'a Key, &'a Kept)> + 'a {
        self.listed(&self.owners, owner, id)
    }

    /// Timers with a name and an id after `id`, by id.
    pub fn with_name<'a>(&'a self, name: &'a str, id: &str) -> impl Iterator<Item = (&'a Key, &'a Kept)> + 'a {
        self.listed(&self.names, name, id)
    }

    fn listed<'a>(
        &'a self,
        list: &'a BTreeSet<(Key, Key)>,
        term: &'a str,
        id: &str,
    ) -> impl Iterator<Item = (&'a Key, &'a Kept)> + 'a {
        let after: (Key, Key) = (term.into(), id.into());
        let entries = list.range((Bound::Excluded(after), Bound::Unbounded));
        let ids = entries.take_while(move |(of, _)| &**of == term);
        ids.filter_map(|(_, key)| self.table.entry(key))
    }

    fn enlist(&mut self, key: &Key, name: &Key, owner: &Key) {
        self.names.insert((Arc::clone(name), Arc::clone(key)));
        if !owner.is_empty() {
            self.owners.insert((Arc::clone(owner), Arc::clone(key)));
        }
    }

    fn delist(&mut self, key: &Key, name: &Key, owner: &Key) {
        self.names.remove(&(Arc::clone(name), Arc::clone(key)));
        self.owners.remove(&(Arc::clone(owner), Arc::clone(key)));
    }
}
