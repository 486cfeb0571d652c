//! What a tracker is told when it is made.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::calendar::Calendar;
use crate::domain::identifier::OrchestratorId;
use crate::domain::policy::{Limits, Policy};
use crate::domain::{rate_limit, timers};
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
    /// For who serves no budgets.
    pub fn unlimited() -> Self {
        let policy = Policy {
            calendar: Calendar::new(chrono_tz::UTC),
            thresholds: Arc::new([]),
            idempotency_ttl_ms: 0,
            late_settle_ttl_ms: 0,
            history_limit: 0,
            broadcast: false,
        };
        Self {
            policy: Arc::new(policy),
            default_budget: Limits::UNLIMITED,
            orchestrator_budgets: HashMap::new(),
            release_only: false,
        }
    }

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

/// What a tracker on servers is there for.
#[derive(Debug, Clone)]
pub enum Serves {
    Budgets,
    Limiter {
        name: OrchestratorId,
        policy: Arc<rate_limit::terms::Policy>,
    },
    /// Pools of credentials, which say what is to be known of them one by one.
    Pools,
    /// Timers and circuit breakers.
    Coordination {
        timers: timers::operation::Policy,
        listens: Listens,
    },
}

/// What of the news of timers and breakers is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Listens {
    /// That something is due earlier than was known.
    pub due: bool,
    /// Messages of [`timers::operation::Operation::Broadcast`].
    pub expired: bool,
    /// How breakers stand.
    pub breakers: bool,
}

/// Settings of a tracker whose state lives on servers.
#[derive(Debug, Clone)]
pub struct RemoteSettings {
    pub shared: Settings,
    pub serves: Serves,
    pub redis: RedisConfig,
    /// Unique per tracker; `[A-Za-z0-9_-]`.
    pub client: Arc<str>,
    /// Every operation is answered within this time.
    pub command_timeout: Duration,
    pub on_store_error: OnStoreError,
    /// Reported usages that may wait for the store after their call was answered.
    pub spool_limit: usize,
}
