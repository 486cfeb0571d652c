//! The names of the keys of limiters, as `docs/semantics.md` lists them.

use crate::domain::identifier::OrchestratorId;
use crate::store::redis::keys::Keys;

/// The keys of one limiter.
#[derive(Debug, Clone)]
pub struct LimiterKeys {
    base: String,
}

impl LimiterKeys {
    pub fn of(keys: &Keys, limiter: &OrchestratorId) -> Self {
        Self { base: keys.base("rate", limiter) }
    }

    /// Those of a batch of `client`, in the order in which the script takes them.
    pub fn of_batch(&self, client: &str) -> Vec<Vec<u8>> {
        let names = ["state", "permits", "ends", "line", "agents", "learned"];
        let fixed = names.iter().map(|name| format!("{}{name}", self.base).into_bytes());
        fixed.chain([format!("{}calls:{client}", self.base).into_bytes()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_limiter_share_a_slot_in_a_cluster() {
        let limiter = OrchestratorId::new("org:{a}").unwrap();
        let names = |is_cluster| LimiterKeys::of(&Keys::new("p", is_cluster), &limiter).of_batch("c");
        assert_eq!(names(true)[0], b"p:rate:{org%3A%7Ba%7D}:state");
        assert_eq!(names(false)[6], b"p:rate:org%3A%7Ba%7D:calls:c");
    }
}
