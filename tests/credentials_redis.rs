//! Credentials on a standalone Redis keep every promise, over the real link.

mod conformance;
#[path = "support/credential_link.rs"]
mod credential_link;
mod credentials;
#[path = "support/link_harness.rs"]
mod link_harness;
#[path = "support/servers.rs"]
mod servers;

use credential_link::CredentialLink;
use link_harness::Standalone;

credential_tests!(CredentialLink<Standalone>);
credential_plays!(CredentialLink<Standalone>);
