//! The store on a standalone Redis keeps every promise, over the real link.

mod conformance;
#[path = "support/link_harness.rs"]
mod link_harness;
#[path = "support/servers.rs"]
mod servers;

use link_harness::{LinkHarness, Standalone};

conformance_tests!(LinkHarness<Standalone>);
