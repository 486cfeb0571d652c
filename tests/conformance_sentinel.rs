//! The store on Redis keeps every promise found through Sentinel, over the real link.

mod conformance;
#[path = "support/link_harness.rs"]
mod link_harness;
#[path = "support/servers.rs"]
mod servers;

use link_harness::{LinkHarness, Sentinel};

conformance_tests!(LinkHarness<Sentinel>);
