//! What a tracker is told when it is made.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::identifier::OrchestratorId;
use crate::domain::policy::{Limits, Policy};
use crate::store::redis::config::RedisConfig;

/// Settings that every tracker has, wherever its state lives.
#[derive(Debug, Clone)]
pub struct Settings {
    pub policy: Arc<Policy>,
    pub default_budget: Limits,
    /// Replace the default as a whole: a period left out is unlimited.
    pub orchestrator_budgets: HashMap<OrchestratorId, Limits>,
    /// Ending a reservation records nothing, whatever was used.
    pub release_only: bool,
}

impl Settings {
    /// The limits configured for an orchestrator.
    pub fn configured(&self, orchestrator: &OrchestratorId) -> Limits {
        self.orchestrator_budgets.get(orchestrator).copied().unwrap_or(self.default_budget)
    }
}

/// What a check or a reservation is answered while the store is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStoreError {
    Reject,
    Allow,
    Deny,
}

/// Settings of a tracker whose state lives on servers.
#[derive(Debug, Clone)]
pub struct RemoteSettings {
    pub shared: Settings,
    pub redis: RedisConfig,
    /// Unique per tracker; `[A-Za-z0-9_-]`.
    pub client: Arc<str>,
    /// Every operation is answered within this time.
    pub command_timeout: Duration,
    pub on_store_error: OnStoreError,
    /// Reported usages that may wait for the store after their call was answered.
    pub spool_limit: usize,
}
