//! The store on Redis keeps every promise, and those that only Redis has to make.

mod conformance;
#[path = "support/redis_harness.rs"]
mod redis_harness;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use redis_harness::RedisHarness;

conformance_tests!(RedisHarness);
