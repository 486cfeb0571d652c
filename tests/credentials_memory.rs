//! Credentials in memory keep every promise.

mod credentials;

use credentials::harness::MemoryHarness;

credential_tests!(MemoryHarness);
credential_plays!(MemoryHarness);
