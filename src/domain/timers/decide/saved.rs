//! A shard as it is written down: its records, of which the indexes follow.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ShardState;
use super::claim::Claim;
use super::delivery::Sending;
use super::timer::Kept;
use crate::domain::timers::operation::{Delivery, Timer};

#[derive(Serialize, Deserialize)]
struct SavedTimer {
    timer: Timer,
    lease_ms: u64,
    is_moved: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedDelivery {
    delivery: Delivery,
    lease_ms: u64,
}

/// Each sequence is walked while it is written, so that a million timers are not held twice.
impl Serialize for ShardState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shard = serializer.serialize_struct("ShardState", 4)?;
        shard.serialize_field("claimed_at_ms", &self.claimed_at_ms)?;
        shard.serialize_field("disabled", &Sequence(|| self.disabled.iter()))?;
        shard.serialize_field("timers", &Sequence(|| self.timers.table.iter().map(|(id, timer)| timer.saved(id))))?;
        let deliveries = || self.deliveries.iter().map(|(id, delivery)| delivery.saved(id));
        shard.serialize_field("deliveries", &Sequence(deliveries))?;
        shard.end()
    }
}

struct Sequence<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Sequence<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The length is known before the items for formats that write it first.
        let mut items = serializer.serialize_seq(Some((self.0)().count()))?;
        for item in (self.0)() {
            serde::ser::SerializeSeq::serialize_element(&mut items, &item)?;
        }
        serde::ser::SerializeSeq::end(items)
    }
}

#[derive(Deserialize)]
#[serde(rename = "ShardState")]
struct Saved {
    claimed_at_ms: u64,
    disabled: Vec<(Box<str>, u64)>,
    timers: Vec<SavedTimer>,
    deliveries: Vec<SavedDelivery>,
}

impl<'de> Deserialize<'de> for ShardState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        let mut shard = ShardState { claimed_at_ms: saved.claimed_at_ms, ..ShardState::default() };
        for (endpoint, since_ms) in saved.disabled {
            shard.disabled.insert(&endpoint, since_ms);
        }
        for saved in saved.timers {
            shard.timers.insert((&*saved.timer.id).into(), Kept::from(saved));
        }
        for saved in saved.deliveries {
            shard.deliveries.insert((&*saved.delivery.id).into(), Sending::from(saved));
        }
        Ok(shard)
    }
}

impl Kept {
    fn saved(&self, id: &str) -> SavedTimer {
        SavedTimer { timer: self.view(id), lease_ms: self.claim.lease_ms, is_moved: self.is_moved }
    }
}

impl From<SavedTimer> for Kept {
    fn from(SavedTimer { timer, lease_ms, is_moved }: SavedTimer) -> Self {
        Self {
            name: (&*timer.name).into(),
            owner: (&*timer.owner).into(),
            document_json: timer.document_json,
            recurrence_json: timer.recurrence_json,
            nonce: timer.nonce,
            fingerprint: timer.fingerprint,
            status: timer.status,
            created_at_ms: timer.created_at_ms,
            started_at_ms: timer.started_at_ms,
            fire_at_ms: timer.fire_at_ms,
            occurrence: timer.occurrence,
            ended_at_ms: timer.ended_at_ms,
            claim: Claim { holder: timer.holder, until_ms: timer.claimed_until_ms, lease_ms },
            is_moved,
        }
    }
}

impl Sending {
    fn saved(&self, id: &str) -> SavedDelivery {
        SavedDelivery { delivery: self.view(id, false), lease_ms: self.claim.lease_ms }
    }
}

impl From<SavedDelivery> for Sending {
    fn from(SavedDelivery { delivery, lease_ms }: SavedDelivery) -> Self {
        Self {
            timer_id: delivery.timer_id,
            endpoint: delivery.endpoint,
            document_json: delivery.document_json,
            created_at_ms: delivery.created_at_ms,
            attempts: delivery.attempts,
            next_attempt_at_ms: delivery.next_attempt_at_ms,
            is_dead: delivery.is_dead,
            error: delivery.error,
            claim: Claim { holder: delivery.holder, until_ms: delivery.claimed_until_ms, lease_ms },
        }
    }
}
