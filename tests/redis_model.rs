//! The store on a standalone Redis agrees with the model, over the real link.

mod conformance;
#[path = "support/link_harness.rs"]
mod link_harness;
mod model;
#[path = "support/servers.rs"]
mod servers;

use link_harness::{LinkHarness, Standalone};

model_tests!(LinkHarness<Standalone>);
