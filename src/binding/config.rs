//! The configuration a facade hands over, as JSON.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::domain::calendar::Calendar;
use crate::domain::identifier::OrchestratorId;
use crate::domain::policy::{Limits, Policy};
use crate::domain::{rate_limit, timers};
use crate::service::settings::{Listens, OnStoreError, RemoteSettings, Serves, Settings};
use crate::store::redis::config::{Address, Credentials, RedisConfig, Tls, Topology};

/// What a tracker, a limiter or a manager of credentials is told when it is made.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    budgets: Option<Budgets>,
    limiter: Option<Limiter>,
    coordination: Option<Coordination>,
    pub(super) memory_name: Option<String>,
    pub(super) storage: Option<StorageConfig>,
    pub(super) client_id: Option<String>,
    command_timeout_ms: Option<u64>,
    connect_timeout_ms: Option<u64>,
    spool_limit: Option<usize>,
    redis: Option<Redis>,
}

/// Where an embedded store is kept. A [`Storage`](super::storage::Storage) of this path is open.
#[derive(Deserialize)]
pub(super) struct StorageConfig {
    pub(super) path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Budgets {
    time_zone: String,
    thresholds: Vec<f64>,
    default_budget: Limits,
    idempotency_ttl_ms: u64,
    late_settle_ttl_ms: u64,
    history_limit: u64,
    broadcast: bool,
    release_only: bool,
    on_store_error: Option<String>,
}

#[derive(Deserialize)]
struct Coordination {
    timers: timers::operation::Policy,
    #[serde(default)]
    listens: Vec<News>,
}

/// What can be listened to.
#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum News {
    Due,
    Expired,
    Breaker,
}

#[derive(Deserialize)]
struct Limiter {
    name: String,
    policy: rate_limit::terms::Policy,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Redis {
    #[serde(default)]
    io_thread: bool,
    #[serde(default)]
    busy_poll_us: u64,
    mode: String,
    nodes: Vec<Node>,
    primary_name: Option<String>,
    db: u32,
    username: Option<String>,
    password: Option<String>,
    sentinel_username: Option<String>,
    sentinel_password: Option<String>,
    tls: Option<TlsConfig>,
    key_prefix: String,
}

#[derive(Deserialize)]
struct Node {
    host: String,
    port: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TlsConfig {
    ca: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    reject_unauthorized: bool,
}

impl Config {
    pub(super) fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| format!("config: {error}"))
    }

    /// Whether a tracker on servers shall live in the I/O thread.
    pub(super) fn io_thread(&self) -> bool {
        self.redis.as_ref().is_some_and(|redis| redis.io_thread)
    }

    /// How long an answer may be looked for before the event loop sleeps.
    pub(super) fn busy_poll_limit(&self) -> Duration {
        Duration::from_micros(self.redis.as_ref().map_or(0, |redis| redis.busy_poll_us))
    }

    pub(super) fn settings(&self) -> Result<Settings, String> {
        self.budgets.as_ref().ok_or_else(|| missing("budgets"))?.settings()
    }

    /// The limiter's name and what is said of it.
    pub(super) fn limiter(&self) -> Result<(OrchestratorId, Arc<rate_limit::terms::Policy>), String> {
        let Limiter { name, policy } = self.limiter.as_ref().ok_or_else(|| missing("limiter"))?;
        let name = OrchestratorId::new(name).ok_or("name: expected 1 to 256 bytes of UTF-8")?;
        Ok((name, Arc::new(policy.clone())))
    }

    /// Without budgets, a limiter or coordination it serves pools of credentials.
    pub(super) fn remote_settings(self) -> Result<RemoteSettings, String> {
        let (shared, on_store_error, serves) = match (&self.budgets, &self.limiter, &self.coordination) {
            (Some(budgets), ..) => (budgets.settings()?, budgets.on_store_error()?, Serves::Budgets),
            (None, Some(_), _) => {
                let (name, policy) = self.limiter()?;
                (Settings::unlimited(), OnStoreError::Reject, Serves::Limiter { name, policy })
            }
            (None, None, Some(Coordination { timers, listens })) => {
                let listens = Listens {
                    due: listens.contains(&News::Due),
                    expired: listens.contains(&News::Expired),
                    breakers: listens.contains(&News::Breaker),
                };
                let serves = Serves::Coordination { timers: *timers, listens };
                (Settings::unlimited(), OnStoreError::Reject, serves)
            }
            (None, None, None) => (Settings::unlimited(), OnStoreError::Reject, Serves::Pools),
        };
        let connect_timeout_ms = self.connect_timeout_ms.ok_or_else(|| missing("connectTimeoutMs"))?;
        let command_timeout_ms = self.command_timeout_ms.ok_or_else(|| missing("commandTimeoutMs"))?;
        Ok(RemoteSettings {
            shared,
            serves,
            redis: self.redis.ok_or_else(|| missing("redis"))?.config(connect_timeout_ms)?,
            client: self.client_id.ok_or_else(|| missing("clientId"))?.into(),
            command_timeout: Duration::from_millis(command_timeout_ms),
            on_store_error,
            spool_limit: self.spool_limit.ok_or_else(|| missing("spoolLimit"))?,
        })
    }
}

impl Budgets {
    fn settings(&self) -> Result<Settings, String> {
        let unknown_zone = || format!("timeZone: no IANA time zone is called {}", self.time_zone);
        let policy = Policy {
            calendar: Calendar::parse(&self.time_zone).ok_or_else(unknown_zone)?,
            thresholds: self.thresholds.clone().into(),
            idempotency_ttl_ms: self.idempotency_ttl_ms,
            late_settle_ttl_ms: self.late_settle_ttl_ms,
            history_limit: self.history_limit,
            broadcast: self.broadcast,
        };
        Ok(Settings {
            policy: Arc::new(policy),
            default_budget: self.default_budget,
            orchestrator_budgets: Default::default(),
            release_only: self.release_only,
        })
    }

    fn on_store_error(&self) -> Result<OnStoreError, String> {
        match self.on_store_error.as_deref() {
            Some("reject") => Ok(OnStoreError::Reject),
            Some("allow") => Ok(OnStoreError::Allow),
            Some("deny") => Ok(OnStoreError::Deny),
            _ => Err(missing("onStoreError")),
        }
    }
}

fn missing(field: &str) -> String {
    format!("config: missing field `{field}`")
}

impl Redis {
    fn config(self, connect_timeout_ms: u64) -> Result<RedisConfig, String> {
        let mut nodes: Vec<_> =
            self.nodes.into_iter().map(|node| Address { host: node.host, port: node.port }).collect();
        let topology = match (self.mode.as_str(), self.primary_name) {
            ("standalone", _) => Topology::Standalone(nodes.pop().ok_or("redis.nodes: empty")?),
            ("cluster", _) => Topology::Cluster(nodes),
            ("sentinel", Some(primary_name)) => Topology::Sentinel {
                primary_name,
                sentinels: nodes,
                credentials: Credentials { username: self.sentinel_username, password: self.sentinel_password },
            },
            (mode, _) => return Err(format!("redis.mode: cannot use {mode}")),
        };
        Ok(RedisConfig {
            topology,
            credentials: Credentials { username: self.username, password: self.password },
            db: self.db,
            tls: self.tls.map(|tls| Tls {
                ca_pem: tls.ca,
                cert_pem: tls.cert,
                key_pem: tls.key,
                reject_unauthorized: tls.reject_unauthorized,
            }),
            key_prefix: self.key_prefix,
            connect_timeout: Duration::from_millis(connect_timeout_ms),
        })
    }
}
