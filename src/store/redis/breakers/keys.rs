//! The names of the keys of circuit breakers, as `docs/semantics.md` lists them.

use crate::domain::identifier::OrchestratorId;
use crate::store::redis::keys::Keys;

/// The keys of one breaker.
#[derive(Debug, Clone)]
pub struct BreakerKeys {
    base: String,
}

impl BreakerKeys {
    pub fn of(keys: &Keys, breaker: &OrchestratorId) -> Self {
        Self { base: keys.base("breakers", breaker) }
    }

    /// Everything known of it.
    pub fn state(&self) -> Vec<u8> {
        format!("{}state", self.base).into_bytes()
    }

    /// The last answer to a client.
    pub fn calls(&self, client: &str) -> Vec<u8> {
        format!("{}calls:{client}", self.base).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_breaker_share_a_slot_in_a_cluster() {
        let breaker = OrchestratorId::new("api:{a}").unwrap();
        let text = |key: Vec<u8>| String::from_utf8(key).unwrap();
        let keys = BreakerKeys::of(&Keys::new("p", true), &breaker);
        assert_eq!(text(keys.state()), "p:breakers:{api%3A%7Ba%7D}:state");
        let keys = BreakerKeys::of(&Keys::new("p", false), &breaker);
        assert_eq!(text(keys.calls("c1")), "p:breakers:api%3A%7Ba%7D:calls:c1");
    }
}
