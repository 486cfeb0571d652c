//! Which orchestrators have a reservation that expires next, across all processes.
//!
//! It is the only way to a sweep that nobody's call brings about. One process claims an entry, sweeps the
//! orchestrator and ends the claim:
//!
//! ```text
//! note_expiries ... claim_due -> sweep -> end_claims: nothing open, or the next expiry
//! ```

use std::time::Instant;

use redis::Value;

use super::decode::unexpected;
use super::script::{self, Script};
use super::store::RedisStore;
use super::transport::{Call, Transport};
use crate::domain::error::StoreError;
use crate::domain::identifier::OrchestratorId;

/// A claim whose orchestrator was swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedClaim {
    pub orchestrator: OrchestratorId,
    /// As [`RedisStore::claim_due`] told it.
    pub claimed_score: u64,
    /// `None` when nothing is held any more.
    pub next_expiry_ms: Option<u64>,
}

impl<T: Transport> RedisStore<T> {
    /// Notes when reservations expire next. The soonest instant stays; a claim that is under way
    /// can no longer retire the entry. `None`, nothing is held any more, has the entry swept soon.
    pub async fn note_expiries(
        &self,
        expiries: &[(OrchestratorId, Option<u64>)],
        deadline: Instant,
    ) -> Result<(), StoreError> {
        if expiries.is_empty() {
            return Ok(());
        }
        let mut args = vec![number(self.clock_ms())];
        for (orchestrator, expiry_ms) in expiries {
            args.push(orchestrator.encoded().as_bytes().to_vec());
            args.push(number(expiry_ms.map_or(0, |expiry_ms| expiry_ms.max(1))));
        }
        self.index_count(&script::EXPIRING_NOTE, args, deadline).await.map(|_| ())
    }

    /// Orchestrators to sweep now, at most `limit`, each with the score that ends its claim. A
    /// claim that is not ended within two seconds is handed out again.
    pub async fn claim_due(&self, limit: usize, deadline: Instant) -> Result<Vec<(OrchestratorId, u64)>, StoreError> {
        let args = vec![number(limit as u64), number(self.clock_ms())];
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

    /// Ends claims: forgets orchestrators without open reservations and moves others to their next
    /// expiry. Answers how many: where something was noted, or somebody else claimed it, meanwhile, the
    /// entry stays as it is.
    pub async fn end_claims(&self, claims: &[EndedClaim], deadline: Instant) -> Result<u64, StoreError> {
        let mut args = Vec::with_capacity(claims.len() * 3);
        for claim in claims {
            args.push(claim.orchestrator.encoded().as_bytes().to_vec());
            args.push(number(claim.claimed_score));
            args.push(number(claim.next_expiry_ms.map_or(0, |expiry_ms| expiry_ms.max(1))));
        }
        self.index_count(&script::EXPIRING_RETIRE, args, deadline).await
    }

    /// A call that answers a count.
    async fn index_count(
        &self,
        script: &'static Script,
        args: Vec<Vec<u8>>,
        deadline: Instant,
    ) -> Result<u64, StoreError> {
        match self.index_call(script, args, deadline).await? {
            Value::Int(count) => Ok(count.unsigned_abs()),
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

fn number(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}
