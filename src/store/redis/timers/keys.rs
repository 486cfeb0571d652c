//! The names of the keys of timers, as `docs/semantics.md` lists them.

use crate::domain::identifier::OrchestratorId;
use crate::store::redis::keys::Keys;

/// What stands behind the shard in the names of its keys, in the order in which `lua/timer_batch.lua` counts them.
/// The second is that of the client.
const NAMES: [&str; 19] = [
    "state",
    "calls:",
    "timers",
    "texts",
    "due",
    "claims",
    "ended",
    "ids",
    "ended:ids",
    "names",
    "owners",
    "deliveries",
    "deliveries:texts",
    "deliveries:due",
    "deliveries:claims",
    "deliveries:dead",
    "deliveries:ids",
    "deliveries:dead:ids",
    "endpoints",
];

/// The keys of one shard.
#[derive(Debug, Clone)]
pub struct ShardKeys {
    base: String,
}

impl ShardKeys {
    pub fn of(keys: &Keys, shard: &OrchestratorId) -> Self {
        Self { base: keys.base("timers", shard) }
    }

    /// All of them, for a batch of `client`.
    pub fn all(&self, client: &str) -> Vec<Vec<u8>> {
        let name = |name: &str| match name {
            "calls:" => format!("{}calls:{client}", self.base).into_bytes(),
            name => format!("{}{name}", self.base).into_bytes(),
        };
        NAMES.into_iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_shard_share_a_slot_in_a_cluster() {
        let shard = OrchestratorId::new("3").unwrap();
        let names = |clustered| {
            let keys = ShardKeys::of(&Keys::new("p", clustered), &shard).all("c1").into_iter();
            keys.map(|key| String::from_utf8(key).unwrap()).collect::<Vec<_>>()
        };
        assert!(names(true).iter().all(|name| name.starts_with("p:timers:{3}:")));
        assert_eq!(names(false)[..3], ["p:timers:3:state", "p:timers:3:calls:c1", "p:timers:3:timers"]);
    }
}
