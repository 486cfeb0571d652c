//! Circuit breakers in memory keep every promise.

mod breakers;

use breakers::harness::MemoryHarness;

breaker_tests!(MemoryHarness);
breaker_plays!(MemoryHarness);
