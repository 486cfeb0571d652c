//! The store on Redis keeps every promise in a cluster, over the real link, and agrees with the
//! model.

mod conformance;
#[path = "support/link_harness.rs"]
mod link_harness;
mod model;
#[path = "support/servers.rs"]
mod servers;

use link_harness::{Cluster, LinkHarness};

conformance_tests!(LinkHarness<Cluster>);
// The full number is played to a standalone server.
model_tests!(LinkHarness<Cluster>, 32);
