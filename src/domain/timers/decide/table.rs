//! Records by id, each in one place of a schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// An id as the indexes share it.
pub(super) type Key = Arc<str>;

/// Where a record stands, and since or until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// To be claimed from this instant on.
    Waiting(u64),
    /// Claimed until then.
    Claimed(u64),
    /// Over since then.
    Over(u64),
}

pub(super) trait Placed {
    fn place(&self) -> Place;
}

type Schedule = BTreeSet<(u64, Key)>;

/// Every record is in exactly one of the three schedules, ordered by (instant, id).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table<R> {
    records: BTreeMap<Key, R>,
    waiting: Schedule,
    claimed: Schedule,
    over: Schedule,
    over_ids: BTreeSet<Key>,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self {
            records: BTreeMap::new(),
            waiting: BTreeSet::new(),
            claimed: BTreeSet::new(),
            over: BTreeSet::new(),
            over_ids: BTreeSet::new(),
        }
    }
}

impl<R: Placed> Table<R> {
    pub fn get(&self, id: &str) -> Option<&R> {
        self.records.get(id)
    }

    /// In place of whatever had the id.
    pub fn insert(&mut self, key: Key, record: R) {
        self.remove(&key);
        self.enter(&key, record.place());
        self.records.insert(key, record);
    }

    pub fn remove(&mut self, id: &str) -> Option<R> {
        let (key, record) = self.records.remove_entry(id)?;
        self.leave(&key, record.place());
        Some(record)
    }

    /// Changes a record and moves it to where it then belongs.
    pub fn change<T>(&mut self, id: &str, change: impl FnOnce(&mut R) -> T) -> Option<T> {
        let (key, before) = self.records.get_key_value(id).map(|(key, record)| (Arc::clone(key), record.place()))?;
        let record = self.records.get_mut(id)?;
        let answer = change(record);
        let after = record.place();
        if before != after {
            self.leave(&key, before);
            self.enter(&key, after);
        }
        Some(answer)
    }

    /// Ids that may be claimed, longest waiting first.
    pub fn due(&self, now_ms: u64, count: usize) -> Vec<Key> {
        first(&self.waiting, now_ms, count)
    }

    /// Ids whose claims are over, first over first.
    pub fn lapsed(&self, now_ms: u64, count: usize) -> Vec<Key> {
        first(&self.claimed, now_ms, count)
    }

    pub fn claimed(&self) -> Vec<Key> {
        self.claimed.iter().map(|(_, key)| Arc::clone(key)).collect()
    }

    /// The ids that have been over since `until_ms` or longer, longest first.
    pub fn long_over(&self, until_ms: u64, count: usize) -> Vec<Key> {
        first(&self.over, until_ms, count)
    }

    pub fn first_over(&self) -> Option<Key> {
        self.over.first().map(|(_, key)| Arc::clone(key))
    }

    pub fn over_count(&self) -> usize {
        self.over.len()
    }

    /// When anything can be claimed next.
    pub fn next_due_ms(&self) -> Option<u64> {
        let waiting_ms = self.waiting.first().map(|(at_ms, _)| *at_ms);
        let claimed_ms = self.claimed.first().map(|(at_ms, _)| *at_ms);
        waiting_ms.into_iter().chain(claimed_ms).min()
    }

    /// Records by id.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &R)> {
        self.records.iter()
    }

    /// Records with an id after `id`, by id.
    pub fn after(&self, id: &str) -> impl Iterator<Item = (&Key, &R)> {
        self.records.range::<str, _>((Bound::Excluded(id), Bound::Unbounded))
    }

    /// Those of them that are over.
    pub fn over_after(&self, id: &str) -> impl Iterator<Item = (&Key, &R)> {
        let keys = self.over_ids.range::<str, _>((Bound::Excluded(id), Bound::Unbounded));
        keys.filter_map(|key| self.records.get_key_value(key))
    }

    pub fn entry(&self, id: &str) -> Option<(&Key, &R)> {
        self.records.get_key_value(id)
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    fn enter(&mut self, key: &Key, place: Place) {
        let (schedule, at_ms) = self.schedule(place);
        schedule.insert((at_ms, Arc::clone(key)));
        if matches!(place, Place::Over(_)) {
            self.over_ids.insert(Arc::clone(key));
        }
    }

    fn leave(&mut self, key: &Key, place: Place) {
        let (schedule, at_ms) = self.schedule(place);
        schedule.remove(&(at_ms, Arc::clone(key)));
        if matches!(place, Place::Over(_)) {
            self.over_ids.remove(key);
        }
    }

    fn schedule(&mut self, place: Place) -> (&mut Schedule, u64) {
        match place {
            Place::Waiting(from_ms) => (&mut self.waiting, from_ms),
            Place::Claimed(until_ms) => (&mut self.claimed, until_ms),
            Place::Over(since_ms) => (&mut self.over, since_ms),
        }
    }
}

fn first(schedule: &Schedule, until_ms: u64, count: usize) -> Vec<Key> {
    let entries = schedule.iter().take_while(|(at_ms, _)| *at_ms <= until_ms);
    entries.take(count).map(|(_, key)| Arc::clone(key)).collect()
}
