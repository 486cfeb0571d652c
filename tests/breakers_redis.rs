//! Circuit breakers on a standalone Redis keep every promise, over the real link.

#[path = "support/breaker_link.rs"]
mod breaker_link;
mod breakers;
mod conformance;
#[path = "support/link_harness.rs"]
mod link_harness;
#[path = "support/servers.rs"]
mod servers;

use breaker_link::BreakerLink;
use link_harness::Standalone;

breaker_tests!(BreakerLink<Standalone>);
breaker_plays!(BreakerLink<Standalone>);
