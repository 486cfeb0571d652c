//! How to reach the servers.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    Standalone(Address),
    /// The primary is asked of the sentinels, again after every loss of connection.
    Sentinel { primary_name: String, sentinels: Vec<Address>, credentials: Credentials },
    /// Any of these nodes tells the others.
    Cluster(Vec<Address>),
}

#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pub username: Option<String>,
    pub password: Option<String>,
}

impl std::fmt::Debug for Credentials {
    /// Never shows the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let password = self.password.as_ref().map(|_| "***");
        f.debug_struct("Credentials").field("username", &self.username).field("password", &password).finish()
    }
}

/// TLS by rustls. Without `ca_pem` the roots of the host and of Mozilla are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    pub ca_pem: Option<String>,
    /// Client certificate chain and key.
    pub cert_pem: Option<String>,
    pub key_pem: Option<String>,
    /// `false` accepts any certificate; for tests only.
    pub reject_unauthorized: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisConfig {
    pub topology: Topology,
    pub credentials: Credentials,
    pub db: u32,
    pub tls: Option<Tls>,
    /// In front of every key, without the colon that follows it.
    pub key_prefix: String,
    /// For one attempt to connect.
    pub connect_timeout: Duration,
}
