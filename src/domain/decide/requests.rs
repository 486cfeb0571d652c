//! Request ids that were seen, so that each counts once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::usage::{Parts, Usage};

/// The numbers a request id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Numbers {
    total: u64,
    parts: Parts,
}

impl From<&Usage> for Numbers {
    fn from(usage: &Usage) -> Self {
        Self { total: usage.total, parts: usage.parts }
    }
}

/// What is known about a usage by its request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sighting {
    /// It has no request id, or one that was not seen within the TTL.
    New,
    /// Recorded already.
    Duplicate,
    /// The id was recorded with other numbers.
    Conflict,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub(super) struct RequestLog {
    seen: HashMap<Arc<str>, (u64, Numbers)>,
    /// First sights in their order; one that was seen anew after its TTL stands here twice.
    order: VecDeque<(u64, Arc<str>)>,
}

/// As it is read: names that stand in both are not the same piece of memory any more.
#[derive(Deserialize)]
struct Written {
    seen: HashMap<Arc<str>, (u64, Numbers)>,
    order: VecDeque<(u64, Arc<str>)>,
}

impl From<Written> for RequestLog {
    fn from(Written { seen, mut order }: Written) -> Self {
        for (_, id) in &mut order {
            if let Some((shared, _)) = seen.get_key_value(id) {
                *id = Arc::clone(shared);
            }
        }
        Self { seen, order }
    }
}

impl RequestLog {
    pub fn look(&self, usage: &Usage, now_ms: u64, ttl_ms: u64) -> Sighting {
        let known = usage.request_id.as_deref().and_then(|id| self.seen.get(id));
        match known {
            Some((seen_at_ms, numbers)) if seen_at_ms.saturating_add(ttl_ms) > now_ms => {
                if *numbers == Numbers::from(usage) { Sighting::Duplicate } else { Sighting::Conflict }
            }
            _ => Sighting::New,
        }
    }

    pub fn remember(&mut self, usage: &Usage, now_ms: u64) {
        if let Some(id) = usage.request_id.as_deref() {
            self.insert(id, Numbers::from(usage), now_ms);
        }
    }

    /// Whether a mark was put within the TTL. Marks stand among the ids of requests and live as they do.
    pub fn is_marked(&self, mark: &str, now_ms: u64, ttl_ms: u64) -> bool {
        self.seen.get(mark).is_some_and(|(seen_at_ms, _)| seen_at_ms.saturating_add(ttl_ms) > now_ms)
    }

    pub fn mark(&mut self, mark: &str, now_ms: u64) {
        self.insert(mark, Numbers { total: 0, parts: Parts::default() }, now_ms);
    }

    fn insert(&mut self, id: &str, numbers: Numbers, now_ms: u64) {
        let id: Arc<str> = id.into();
        self.order.push_back((now_ms, Arc::clone(&id)));
        self.seen.insert(id, (now_ms, numbers));
    }

    /// Forgets up to `count` ids whose TTL is over, oldest first. Returns whether more are left.
    pub fn forget(&mut self, now_ms: u64, ttl_ms: u64, count: usize) -> bool {
        let is_over = |seen_at_ms: u64| seen_at_ms.saturating_add(ttl_ms) <= now_ms;
        for _ in 0..count {
            if !self.order.front().is_some_and(|(seen_at_ms, _)| is_over(*seen_at_ms)) {
                return false;
            }
            let Some((seen_at_ms, id)) = self.order.pop_front() else { return false };
            if self.seen.get(&id).is_some_and(|(last_ms, _)| *last_ms == seen_at_ms) {
                self.seen.remove(&id);
            }
            if self.order.is_empty() {
                // A burst of requests must not keep its memory.
                *self = Self::default();
            }
        }
        self.order.front().is_some_and(|(seen_at_ms, _)| is_over(*seen_at_ms))
    }

    pub fn last_seen_ms(&self) -> Option<u64> {
        self.order.back().map(|(seen_at_ms, _)| *seen_at_ms)
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }
}
