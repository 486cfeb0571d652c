//! Circuit breakers on a cluster keep every promise, over the real link.

#[path = "support/breaker_link.rs"]
mod breaker_link;
mod breakers;
mod conformance;
#[path = "support/link_harness.rs"]
mod link_harness;
#[path = "support/servers.rs"]
mod servers;

use breaker_link::BreakerLink;
use link_harness::Cluster;

breaker_tests!(BreakerLink<Cluster>);
// The full number is played to a standalone server.
breaker_plays!(BreakerLink<Cluster>, 32);
