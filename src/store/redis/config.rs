//! How to reach the servers.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

impl std::fmt::Display for Address {
    /// `host:port`, an IPv6 address in brackets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    Standalone(Address),
    /// The primary is asked of the sentinels, again after every loss of connection.
    Sentinel {
        primary_name: String,
        sentinels: Vec<Address>,
        credentials: Credentials,
    },
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
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    pub ca_pem: Option<String>,
    /// Client certificate chain and key.
    pub cert_pem: Option<String>,
    pub key_pem: Option<String>,
    /// `false` accepts any certificate; for tests only.
    pub reject_unauthorized: bool,
}

impl Default for Tls {
    fn default() -> Tls {
        Tls { ca_pem: None, cert_pem: None, key_pem: None, reject_unauthorized: true }
    }
}

impl std::fmt::Debug for Tls {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("ca_pem", &self.ca_pem)
            .field("cert_pem", &self.cert_pem)
            .field("key_pem", &self.key_pem.as_ref().map(|_| "***"))
            .field("reject_unauthorized", &self.reject_unauthorized)
            .finish()
    }
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
