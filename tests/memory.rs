//! The store in memory keeps every promise, and agrees with the model.

mod conformance;
mod model;

use conformance::memory_harness::MemoryHarness;

conformance_tests!(MemoryHarness);
model_tests!(MemoryHarness);
