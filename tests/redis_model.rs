//! The store on Redis agrees with the model.

mod conformance;
mod model;
#[path = "support/redis_harness.rs"]
mod redis_harness;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use redis_harness::RedisHarness;

model_tests!(RedisHarness);
