//! Limiters on a standalone Redis keep every promise, over the real link.

mod conformance;
#[path = "support/limiter_link.rs"]
mod limiter_link;
#[path = "support/link_harness.rs"]
mod link_harness;
mod rate_limit;
#[path = "support/servers.rs"]
mod servers;

use limiter_link::LimiterLink;
use link_harness::Standalone;

rate_limit_tests!(LimiterLink<Standalone>);
// The full number is played to memory, and a model holds the two equal.
rate_limit_properties!(LimiterLink<Standalone>, 12);
