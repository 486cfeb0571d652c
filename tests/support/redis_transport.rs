//! The simplest transport: one multiplexed connection, no recovery.

// Each test program uses its own part.
#![allow(dead_code)]

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Value};
use token_budget::domain::error::{Applied, StoreError};
use token_budget::store::redis::script::Script;
use token_budget::store::redis::server_error::to_store_error;
use token_budget::store::redis::transport::{Call, Transport};

#[derive(Clone)]
pub struct TestTransport {
    connection: MultiplexedConnection,
    /// What it believes of the server's clock at first.
    pub clock_offset_ms: i64,
}

impl TestTransport {
    pub async fn open(client: &redis::Client) -> Self {
        // A machine under load may need longer than the half second of the default.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.expect("the server is up");
        Self { connection, clock_offset_ms: 0 }
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
        self.clock_offset_ms
    }
}
