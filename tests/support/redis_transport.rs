//! The simplest transport: one multiplexed connection, no recovery.

// Each test program uses its own part.
#![allow(dead_code)]

use std::time::Instant;

use redis::Value;
use redis::aio::MultiplexedConnection;
use token_budget::domain::error::{Applied, StoreError};
use token_budget::store::redis::script::Script;
use token_budget::store::redis::server_error::to_store_error;
use token_budget::store::redis::transport::{Call, Transport};

#[derive(Clone)]
pub struct TestTransport {
    connection: MultiplexedConnection,
}

impl TestTransport {
    pub async fn open(client: &redis::Client) -> Self {
        let connection = client.get_multiplexed_async_connection().await.expect("the server is up");
        Self { connection }
    }

    async fn evalsha(&self, script: &Script, call: &Call) -> redis::RedisResult<Value> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.sha1).arg(call.keys.len()).arg(&call.keys).arg(&call.args);
        command.query_async(&mut self.connection.clone()).await
    }
}

impl Transport for TestTransport {
    async fn call(&self, call: &Call, _deadline: Instant) -> Result<Value, StoreError> {
        let mut answer = self.evalsha(call.script, call).await;
        if answer.as_ref().is_err_and(|error| error.code() == Some("NOSCRIPT")) {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(call.script.source);
            let sha1: redis::RedisResult<String> = load.query_async(&mut self.connection.clone()).await;
            assert_eq!(sha1.expect("the script compiles"), call.script.sha1);
            answer = self.evalsha(call.script, call).await;
        }
        answer.map_err(|error| match error.code() {
            Some(code) => to_store_error(&format!("{code} {}", error.detail().unwrap_or_default())),
            None => StoreError::Unavailable { message: error.to_string(), applied: Applied::Unknown },
        })
    }

    fn clock_offset_ms(&self) -> i64 {
        0
    }
}
