//! The names of all keys, as `docs/semantics.md` lists them.

use crate::domain::identifier::{OrchestratorId, ReservationId};
use crate::domain::period::Period;

/// Names keys under one prefix.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
    clustered: bool,
}

impl Keys {
    /// `prefix` without the colon that follows it. In a cluster (`clustered`) the orchestrator is
    /// written `{<id>}`, so that all its keys share a slot.
    pub fn new(prefix: impl Into<String>, clustered: bool) -> Self {
        Self { prefix: prefix.into(), clustered }
    }

    /// The keys of one orchestrator.
    pub fn of(&self, orchestrator: &OrchestratorId) -> OrchestratorKeys {
        OrchestratorKeys { base: self.base("budget", orchestrator).into_bytes() }
    }

    /// What the names of all keys of `kind` that tell of `id` begin with.
    pub(super) fn base(&self, kind: &str, id: &OrchestratorId) -> String {
        let (open, close) = if self.clustered { ("{", "}") } else { ("", "") };
        format!("{}:{kind}:{open}{}{close}:", self.prefix, id.encoded())
    }

    /// Orchestrators by the next expiry of a reservation.
    pub fn expiring(&self) -> Vec<u8> {
        format!("{}:budget:expiring", self.prefix).into_bytes()
    }

    /// The channel on which clients of limiters are told that it is their turn.
    pub fn turns_channel(&self) -> String {
        format!("{}:rate:turns", self.prefix)
    }

    /// The channel on which it is told that something of a shard of timers is due earlier than was known.
    pub fn timers_news_channel(&self) -> String {
        format!("{}:timers:news", self.prefix)
    }

    /// The channel on which it is told that timers have fired.
    pub fn timers_events_channel(&self) -> String {
        format!("{}:timers:events", self.prefix)
    }

    /// The channel on which it is told how circuit breakers stand.
    pub fn breakers_events_channel(&self) -> String {
        format!("{}:breakers:events", self.prefix)
    }

    /// The channel threshold crossings are published on.
    pub fn events_channel(&self) -> String {
        format!("{}:budget:events", self.prefix)
    }
}

/// The keys of one orchestrator.
#[derive(Debug, Clone)]
pub struct OrchestratorKeys {
    base: Vec<u8>,
}

impl OrchestratorKeys {
    pub fn usage(&self, period: Period) -> Vec<u8> {
        self.join(&[period.name(), ":usage"])
    }

    /// What was spent, for whoever looks, and should the state be lost.
    pub fn cost_usage(&self, period: Period) -> Vec<u8> {
        self.join(&[period.name(), ":cost:usage"])
    }

    pub fn reserved_total(&self, period: Period) -> Vec<u8> {
        self.join(&[period.name(), ":reservations:total"])
    }

    pub fn reservation(&self, period: Period, id: &ReservationId) -> Vec<u8> {
        self.join(&[period.name(), ":reservations:", id.as_str()])
    }

    pub fn override_document(&self, period: Period, encoded_id: &str) -> Vec<u8> {
        self.join(&[period.name(), ":overrides:", encoded_id])
    }

    pub fn history(&self, period: Period) -> Vec<u8> {
        self.join(&[period.name(), ":metadata:history"])
    }

    pub fn limits(&self) -> Vec<u8> {
        self.join(&["limits"])
    }

    pub fn overrides(&self) -> Vec<u8> {
        self.join(&["overrides"])
    }

    pub fn state(&self) -> Vec<u8> {
        self.join(&["state"])
    }

    pub fn pending(&self) -> Vec<u8> {
        self.join(&["pending"])
    }

    /// The two buckets of request ids.
    pub fn requests(&self) -> [Vec<u8>; 2] {
        [self.join(&["requests:a"]), self.join(&["requests:b"])]
    }

    pub fn calls(&self, client: &str) -> Vec<u8> {
        self.join(&["calls:", client])
    }

    fn join(&self, parts: &[&str]) -> Vec<u8> {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut key = Vec::with_capacity(self.base.len() + length);
        key.extend_from_slice(&self.base);
        parts.iter().for_each(|part| key.extend_from_slice(part.as_bytes()));
        key
    }
}
