//! Pools of credentials in this process, for JavaScript.

use std::collections::HashMap;
use std::sync::Arc;

use napi::Result;
use napi_derive::napi;

use super::config::Config;
use super::convert::{exact, invalid, orchestrator};
use super::text::Text;
use crate::domain::credentials::operation::{Operation, Policy, Request};
use crate::domain::identifier::OrchestratorId;
use crate::store::memory::credentials::MemoryPools;
use crate::store::{CredentialBatch, Ticket};

#[napi]
pub struct EmbeddedPools {
    pools: Arc<MemoryPools>,
    policies: HashMap<OrchestratorId, Arc<Policy>>,
    client: Arc<str>,
}

#[napi]
impl EmbeddedPools {
    #[napi(constructor, ts_args_type = "config: string")]
    pub fn new(config: Text) -> Result<Self> {
        let config = Config::parse(&config.to_text()).map_err(invalid)?;
        let pools = config.memory_name.as_deref().map_or_else(Default::default, MemoryPools::shared);
        let client = config.client_id.unwrap_or_default().into();
        Ok(Self { pools, policies: HashMap::new(), client })
    }

    #[napi(ts_args_type = "pool: string, policyJson: string")]
    pub fn configure(&mut self, pool: Text, policy_json: Text) -> Result<()> {
        let policy = serde_json::from_str(&policy_json.to_text()).map_err(|error| invalid(error.to_string()))?;
        self.policies.insert(orchestrator(&pool)?, Arc::new(policy));
        Ok(())
    }

    /// Operation and outcome as JSON.
    #[napi(catch_unwind, ts_args_type = "pool: string, operationJson: string, nowMs: number")]
    pub fn query(&self, pool: Text, operation_json: Text, now_ms: f64) -> Result<String> {
        let now_ms = exact("nowMs", now_ms)?;
        let mut operation: Operation =
            serde_json::from_str(&operation_json.to_text()).map_err(|error| invalid(error.to_string()))?;
        operation.date(now_ms);
        let pool = orchestrator(&pool)?;
        let batch = CredentialBatch {
            policy: self.policies.get(&pool).cloned().unwrap_or_default(),
            pool,
            requests: vec![Request { operation, deadline_ms: None }],
            ticket: Ticket { client: Arc::clone(&self.client), sequence: 0, retry: false },
        };
        match self.pools.apply_at(&batch, now_ms).outcomes.pop() {
            Some(Ok(outcome)) => serde_json::to_string(&outcome).map_err(|error| invalid(error.to_string())),
            Some(Err(error)) => Err(invalid(error.to_string())),
            None => Err(invalid("no outcome".into())),
        }
    }

    /// Lets go of the store.
    #[napi]
    pub fn close(&mut self) {
        self.pools = Arc::default();
    }
}
