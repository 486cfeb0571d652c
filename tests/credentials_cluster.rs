//! Credentials on a cluster keep every promise, over the real link.

mod conformance;
#[path = "support/credential_link.rs"]
mod credential_link;
mod credentials;
#[path = "support/link_harness.rs"]
mod link_harness;
#[path = "support/servers.rs"]
mod servers;

use credential_link::CredentialLink;
use link_harness::Cluster;

credential_tests!(CredentialLink<Cluster>);
// The full number is played to a standalone server.
credential_plays!(CredentialLink<Cluster>, 32);
