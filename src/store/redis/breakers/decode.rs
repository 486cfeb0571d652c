//! Turns the reply of `lua/breaker_batch.lua` into a receipt. An odd reply is an error, never a panic.

use redis::Value;

use crate::domain::breakers::operation::{Outcome, Receipt, State, Transition, View};
use crate::domain::error::{OperationError, StoreError};
use crate::store::BreakerBatch;
use crate::store::redis::decode::unexpected;
use crate::store::redis::msgpack::Reader;

type Decoded<T> = Result<T, &'static str>;

/// The reply to `batch`.
///
/// # Errors
///
/// [`StoreError`] for an error of the server, and for a reply of another form than expected.
pub fn batch_reply(batch: &BreakerBatch, value: Value) -> Result<Receipt, StoreError> {
    let bytes = match value {
        Value::BulkString(bytes) => bytes,
        other => return Err(unexpected(&other)),
    };
    read_reply(batch, &bytes).map_err(|expected| StoreError::Refused {
        message: format!("the reply to a batch is not understood: expected {expected}"),
    })
}

fn read_reply(batch: &BreakerBatch, bytes: &[u8]) -> Decoded<Receipt> {
    let mut reader = Reader::of_array(bytes)?;
    let _sequence = reader.uint()?;
    let now_ms = reader.uint()?;
    let outcomes = batch.requests.iter().map(|_| read_outcome(&mut reader)).collect::<Decoded<Vec<_>>>()?;
    Ok(Receipt { now_ms, outcomes })
}

fn read_outcome(reader: &mut Reader<'_>) -> Decoded<Result<Outcome, OperationError>> {
    match reader.uint()? {
        0 => {}
        1 => return Ok(Err(OperationError::DeadlinePassed)),
        _ => return Err("a known outcome"),
    }
    let is_granted = reader.uint()? == 1;
    let from = reader.optional()?.map(read_state).transpose()?;
    let view = View {
        state: read_state(reader.uint()?)?,
        failures: reader.uint()?,
        successes: reader.uint()?,
        opened_at_ms: reader.uint()?,
        open_until_ms: reader.uint()?,
        openings: reader.uint()?,
        probe_until_ms: reader.uint()?,
        version: reader.uint()?,
    };
    let transitions = from.map(|from| Transition { from, to: view.state }).into_iter().collect();
    Ok(Ok(Outcome { view, is_granted, transitions }))
}

fn read_state(number: u64) -> Decoded<State> {
    match number {
        0 => Ok(State::Closed),
        1 => Ok(State::Open),
        2 => Ok(State::HalfOpen),
        _ => Err("a state"),
    }
}
