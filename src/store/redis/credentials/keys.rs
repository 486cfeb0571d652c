//! The names of the keys of pools, as `docs/semantics.md` lists them.

use crate::domain::identifier::OrchestratorId;
use crate::store::redis::keys::Keys;

/// The keys of one pool.
#[derive(Debug, Clone)]
pub struct PoolKeys {
    base: String,
}

impl PoolKeys {
    pub fn of(keys: &Keys, pool: &OrchestratorId) -> Self {
        Self { base: keys.base("credentials", pool) }
    }

    /// What is known of accounts and tokens.
    pub fn state(&self) -> Vec<u8> {
        format!("{}state", self.base).into_bytes()
    }

    /// The last answer to a client.
    pub fn calls(&self, client: &str) -> Vec<u8> {
        format!("{}calls:{client}", self.base).into_bytes()
    }

    /// Tokens as somebody encrypted them.
    pub fn kept(&self) -> Vec<u8> {
        format!("{}kept", self.base).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_pool_share_a_slot_in_a_cluster() {
        let pool = OrchestratorId::new("team:{a}").unwrap();
        let text = |key: Vec<u8>| String::from_utf8(key).unwrap();
        let keys = PoolKeys::of(&Keys::new("p", true), &pool);
        assert_eq!(text(keys.state()), "p:credentials:{team%3A%7Ba%7D}:state");
        assert_eq!(text(keys.kept()), "p:credentials:{team%3A%7Ba%7D}:kept");
        let keys = PoolKeys::of(&Keys::new("p", false), &pool);
        assert_eq!(text(keys.calls("c1")), "p:credentials:team%3A%7Ba%7D:calls:c1");
    }
}
