//! Whatever is asked of limiters in memory, the limits hold.

mod rate_limit;

use rate_limit::harness::MemoryHarness;

rate_limit_properties!(MemoryHarness, ProptestConfig::default().cases);
