//! Which orchestrators have a reservation that expires next, across all processes.
//!
//! Every process sweeps what it reserved itself; the index is for those that are gone. One process
//! claims an entry, sweeps the orchestrator and ends the claim:
//!
//! ```text
//! note_expiry ... claim_due -> sweep -> retire (nothing open) | postpone (next expiry)
//! ```

use std::time::Instant;

use redis::Value;

use super::decode::unexpected;
use super::script::{self, Script};
use super::store::RedisStore;
use super::transport::{Call, Transport};
use crate::domain::error::StoreError;
use crate::domain::identifier::OrchestratorId;

impl<T: Transport> RedisStore<T> {
    /// Notes when reservations expire next. The soonest instant stays; a claim that is under way
    /// can no longer retire the entry.
    pub async fn note_expiry(&self, expiries: &[(OrchestratorId, u64)], deadline: Instant) -> Result<(), StoreError> {
        if expiries.is_empty() {
            return Ok(());
        }
        let args =
            expiries.iter().flat_map(|(id, at_ms)| [id.encoded().as_bytes().to_vec(), at_ms.to_string().into_bytes()]);
        match self.index_call(&script::EXPIRING_NOTE, args.collect(), deadline).await? {
            Value::Int(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Orchestrators to sweep now, at most `limit`, each with the score that ends its claim. A
    /// claim that is not ended within two seconds is handed out again.
    pub async fn claim_due(&self, limit: usize, deadline: Instant) -> Result<Vec<(OrchestratorId, u64)>, StoreError> {
        let args = vec![limit.to_string().into_bytes(), self.clock_ms().to_string().into_bytes()];
        let reply = match self.index_call(&script::EXPIRING_CLAIM, args, deadline).await? {
            Value::Array(reply) => reply,
            other => return Err(unexpected(&other)),
        };
        let mut reply = reply.into_iter().skip(1);
        let Some(Value::Int(score)) = reply.next() else { return Err(unexpected(&Value::Nil)) };
        let score = u64::try_from(score).map_err(|_| unexpected(&Value::Nil))?;
        // A member that is no id was not written by us: leave it alone.
        let ids = reply.filter_map(|member| match member {
            Value::BulkString(bytes) => OrchestratorId::from_encoded(std::str::from_utf8(&bytes).ok()?),
            _ => None,
        });
        Ok(ids.map(|id| (id, score)).collect())
    }

    /// Forgets a claimed orchestrator that has no open reservation left. `false` when something
    /// was noted, or somebody else claimed it, meanwhile.
    pub async fn retire(
        &self,
        orchestrator: &OrchestratorId,
        claimed_score: u64,
        deadline: Instant,
    ) -> Result<bool, StoreError> {
        self.end_claim(orchestrator, claimed_score, 0, deadline).await
    }

    /// Moves a claimed orchestrator to its next expiry. `false` as for [`Self::retire`].
    pub async fn postpone(
        &self,
        orchestrator: &OrchestratorId,
        claimed_score: u64,
        next_expiry_ms: u64,
        deadline: Instant,
    ) -> Result<bool, StoreError> {
        self.end_claim(orchestrator, claimed_score, next_expiry_ms.max(1), deadline).await
    }

    async fn end_claim(
        &self,
        orchestrator: &OrchestratorId,
        claimed_score: u64,
        next_expiry_ms: u64,
        deadline: Instant,
    ) -> Result<bool, StoreError> {
        let numbers = [claimed_score, next_expiry_ms].map(|number| number.to_string().into_bytes());
        let mut args = vec![orchestrator.encoded().as_bytes().to_vec()];
        args.extend(numbers);
        match self.index_call(&script::EXPIRING_RETIRE, args, deadline).await? {
            Value::Int(ended) => Ok(ended == 1),
            other => Err(unexpected(&other)),
        }
    }

    async fn index_call(
        &self,
        script: &'static Script,
        args: Vec<Vec<u8>>,
        deadline: Instant,
    ) -> Result<Value, StoreError> {
        let call = Call { script, keys: vec![self.keys.expiring()], args };
        self.transport.call(&call, deadline).await
    }
}
