//! Limiters in memory keep every promise.

mod rate_limit;

use rate_limit::harness::MemoryHarness;

rate_limit_tests!(MemoryHarness);
