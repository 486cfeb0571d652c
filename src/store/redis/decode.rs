//! Turns the reply of `lua/budget_batch.lua` into a receipt. An odd reply is an error, never a panic.

use redis::Value;

use super::msgpack::Reader;
use super::runs::{Run, runs};
use super::server_error::to_store_error;
use crate::domain::calendar::Window;
use crate::domain::error::{OperationError, StoreError};
use crate::domain::identifier::{OrchestratorId, ReservationId};
use crate::domain::operation::{
    BudgetView, CostView, Operation, Outcome, Override, Pause, PeriodView, Receipt, Settlement, Stats, TOP_MODELS,
};
use crate::domain::period::{PERIOD_COUNT, Period, Periods};
use crate::domain::policy::Limits;
use crate::domain::reservation::OpenReservation;
use crate::domain::threshold::{Transition, Unit};
use crate::domain::usage::{Parts, Usage};
use crate::store::Batch;

/// What the script answered.
#[derive(Debug)]
pub enum Reply {
    Applied(Receipt),
    /// The store's clock stands outside the windows it was sent. Nothing was done.
    Stale {
        now_ms: u64,
    },
}

type Decoded<T> = Result<T, &'static str>;

/// The reply to `batch`. Documents of listed overrides are left empty: they are read by their keys.
pub fn batch_reply(batch: &Batch, value: Value) -> Result<Reply, StoreError> {
    let bytes = match value {
        Value::BulkString(bytes) => bytes,
        other => return Err(unexpected(&other)),
    };
    read_reply(batch, &bytes).map_err(|expected| StoreError::Refused {
        message: format!("the reply to a batch is not understood: expected {expected}"),
    })
}

/// The live overrides, as `lua/override_list.lua` tells them.
pub fn overrides(value: &Value) -> Result<Vec<Override>, StoreError> {
    let Value::BulkString(bytes) = value else { return Err(unexpected(value)) };
    let read = Reader::of_array(bytes).and_then(|mut reader| read_overrides(&mut reader));
    read.map_err(|expected| StoreError::Refused {
        message: format!("the list of overrides is not understood: expected {expected}"),
    })
}

/// The error that a value of the wrong kind is.
pub fn unexpected(value: &Value) -> StoreError {
    match value {
        Value::ServerError(error) => {
            to_store_error(&format!("{} {}", error.code(), error.details().unwrap_or_default()))
        }
        _ => StoreError::Refused { message: "a reply of the server has another form than expected".to_owned() },
    }
}

fn read_reply(batch: &Batch, bytes: &[u8]) -> Decoded<Reply> {
    let mut reader = Reader::of_array(bytes)?;
    let _sequence = reader.uint()?;
    let status = reader.uint()?;
    let now_ms = reader.uint()?;
    if status == 1 {
        return Ok(Reply::Stale { now_ms });
    }
    let next_expiry_ms = Some(reader.uint()?).filter(|expiry_ms| *expiry_ms > 0);
    let expired = list(&mut reader, |reader| read_reservation(reader, &batch.orchestrator))?;
    let mut outcomes = Vec::with_capacity(batch.requests.len());
    for run in runs(&batch.requests) {
        match run {
            Run::One(request) => outcomes.push(read_outcome(&mut reader, batch, &request.operation, now_ms)?),
            Run::Tracks(requests) => read_tracks(&mut reader, requests.len(), now_ms, &mut outcomes)?,
        }
    }
    Ok(Reply::Applied(Receipt { now_ms, outcomes, expired, next_expiry_ms }))
}

/// The outcomes of usages that travelled as one sum.
fn read_tracks(
    reader: &mut Reader<'_>,
    count: usize,
    now_ms: u64,
    outcomes: &mut Vec<Result<Outcome, OperationError>>,
) -> Decoded<()> {
    let one_by_one = match reader.uint()? {
        0 => false,
        8 => true,
        _ => return Err("a known outcome of tracks"),
    };
    for _ in 0..count {
        let crossed = one_by_one && reader.uint()? == 7;
        let transitions = if crossed { read_transitions(reader, now_ms)? } else { Vec::new() };
        outcomes.push(Ok(Outcome::Tracked { duplicate: false, transitions }));
    }
    Ok(())
}

fn read_outcome(
    reader: &mut Reader<'_>,
    batch: &Batch,
    operation: &Operation,
    now_ms: u64,
) -> Decoded<Result<Outcome, OperationError>> {
    let outcome = match reader.uint()? {
        0 => read_success(reader, batch, operation, now_ms)?,
        1 => return Ok(Err(OperationError::DeadlinePassed)),
        2 => return reservation_not_found(operation).map(Err),
        3 => return request_conflict(operation).map(Err),
        4 => return Ok(Err(OperationError::TooManyOverrides)),
        5 => {
            let period = read_period(reader)?;
            Outcome::Denied(read_view(reader, period)?)
        }
        6 => Outcome::Tracked { duplicate: true, transitions: Vec::new() },
        7 => Outcome::Tracked { duplicate: false, transitions: read_transitions(reader, now_ms)? },
        _ => return Err("a known outcome"),
    };
    Ok(Ok(outcome))
}

fn read_success(reader: &mut Reader<'_>, batch: &Batch, operation: &Operation, now_ms: u64) -> Decoded<Outcome> {
    Ok(match operation {
        Operation::Check { period, .. } => Outcome::Check(read_view(reader, *period)?),
        Operation::Reserve { .. } => Outcome::Reserved {
            created_at_ms: reader.uint()?,
            expires_at_ms: reader.uint()?,
            remaining: reader.optional()?,
        },
        Operation::Settle { id, .. } => Outcome::Settled(read_settlement(reader, id.periods(), now_ms)?),
        Operation::SettleUnheld { .. } => Outcome::Settled(read_settlement(reader, Periods::ALL, now_ms)?),
        Operation::Track(_) => Outcome::Tracked { duplicate: false, transitions: Vec::new() },
        Operation::Stats { period } => Outcome::Stats(read_stats(reader, *period)?),
        Operation::SetBudget(_) => Outcome::BudgetSet,
        Operation::GetBudget => Outcome::Budget(read_budget(reader)?),
        Operation::SetOverride(_) => Outcome::OverrideSet,
        Operation::RemoveOverride { .. } => Outcome::OverrideRemoved(reader.uint()? == 1),
        Operation::ListOverrides { .. } => Outcome::Overrides(read_overrides(reader)?),
        Operation::ListReservations { .. } => {
            Outcome::Reservations(list(reader, |reader| read_reservation(reader, &batch.orchestrator))?)
        }
        Operation::History { .. } => Outcome::History(list(reader, |reader| reader.text().map(str::to_owned))?),
        Operation::ClearThresholds { .. } => Outcome::ThresholdsCleared,
        Operation::Sweep => Outcome::Swept,
        Operation::Resume => Outcome::Resumed(reader.uint()? == 1),
        Operation::Pause { .. } | Operation::GetPause => Outcome::Pause(read_pause(reader)?),
    })
}

fn read_settlement(reader: &mut Reader<'_>, periods: Periods, now_ms: u64) -> Decoded<Settlement> {
    let (reserved, recorded, overage) = (reader.uint()?, reader.uint()?, reader.uint()?);
    let (late, flags) = (reader.uint()? == 1, reader.uint()?);
    let (reserved_cost, recorded_cost) = if flags & 2 == 0 { (0, 0) } else { (reader.uint()?, reader.uint()?) };
    Ok(Settlement {
        reserved,
        periods,
        recorded,
        overage,
        reserved_cost,
        recorded_cost,
        late,
        duplicate: flags & 1 == 1,
        transitions: read_transitions(reader, now_ms)?,
    })
}

fn read_transitions(reader: &mut Reader<'_>, at_ms: u64) -> Decoded<Vec<Transition>> {
    list(reader, |reader| {
        let (period, unit) = read_period_and_unit(reader)?;
        Ok(Transition {
            period,
            unit,
            level_before: reader.float()?,
            level_after: reader.float()?,
            used: reader.uint()?,
            reserved: reader.uint()?,
            limit: reader.uint()?,
            at_ms,
        })
    })
}

fn read_view(reader: &mut Reader<'_>, period: Period) -> Decoded<PeriodView> {
    let (used, reserved, limit) = (reader.uint()?, reader.uint()?, reader.optional()?);
    let window = Window { start_ms: reader.uint()?, end_ms: reader.uint()? };
    let more = reader.uint()?;
    let paused_until_ms = if more & more::PAUSED == 0 { None } else { Some(reader.uint()?) };
    let mut cost = CostView::default();
    if more & more::COST != 0 {
        cost = CostView { used: reader.uint()?, reserved: reader.uint()?, limit: reader.optional()? };
    }
    Ok(PeriodView { period, used, reserved, limit, window, paused_until_ms, cost })
}

/// What a view tells beside its numbers, as bits.
mod more {
    pub const PAUSED: u64 = 1;
    pub const COST: u64 = 2;
}

fn read_pause(reader: &mut Reader<'_>) -> Decoded<Option<Pause>> {
    if reader.uint()? == 0 {
        return Ok(None);
    }
    let until_ms = Some(reader.uint()?).filter(|until_ms| *until_ms > 0);
    Ok(Some(Pause { until_ms, since_ms: reader.uint()?, document_json: reader.text()?.to_owned() }))
}

fn read_stats(reader: &mut Reader<'_>, period: Period) -> Decoded<Stats> {
    let view = read_view(reader, period)?;
    let open_reservations = reader.uint()?;
    let parts = Parts {
        prompt: reader.uint()?,
        completion: reader.uint()?,
        cache_read: reader.uint()?,
        cache_write: reader.uint()?,
        reasoning: reader.uint()?,
    };
    let unattributed = reader.uint()?;
    let mut models = list(reader, |reader| Ok((reader.text()?.to_owned(), reader.uint()?)))?;
    models.sort_by(|(a_name, a_tokens), (b_name, b_tokens)| b_tokens.cmp(a_tokens).then(a_name.cmp(b_name)));
    models.truncate(TOP_MODELS);
    Ok(Stats { view, open_reservations, parts, unattributed, models })
}

fn read_budget(reader: &mut Reader<'_>) -> Decoded<BudgetView> {
    let mut base = Limits::tokens(read_limits(reader)?);
    let mut effective = Limits::tokens(read_limits(reader)?);
    let flags = reader.uint()?;
    if flags & 2 != 0 {
        base.cost = read_limits(reader)?;
        effective.cost = read_limits(reader)?;
    }
    Ok(BudgetView { base, effective, stored: flags & 1 == 1 })
}

fn read_limits(reader: &mut Reader<'_>) -> Decoded<[Option<u64>; PERIOD_COUNT]> {
    let mut limits = [None; PERIOD_COUNT];
    for limit in &mut limits {
        *limit = reader.optional()?;
    }
    Ok(limits)
}

fn read_overrides(reader: &mut Reader<'_>) -> Decoded<Vec<Override>> {
    let mut overrides = list(reader, |reader| {
        let id = reader.text()?.to_owned();
        let (period, unit) = read_period_and_unit(reader)?;
        let (amount, expires_at_ms) = (reader.uint()?, reader.uint()?);
        let (additional_tokens, additional_cost) = if unit == Unit::Cost { (0, amount) } else { (amount, 0) };
        let document_json = String::new();
        Ok(Override { id, period, additional_tokens, expires_at_ms, document_json, additional_cost })
    })?;
    overrides.sort_by(|a, b| (a.expires_at_ms, &a.id).cmp(&(b.expires_at_ms, &b.id)));
    Ok(overrides)
}

/// A member of `pending`, `<id up to the dot> <tokens> <created ms>`, with money ` <micro-units>`, and its expiry.
fn read_reservation(reader: &mut Reader<'_>, orchestrator: &OrchestratorId) -> Decoded<OpenReservation> {
    let mut words = reader.text()?.split(' ');
    let expires_at_ms = reader.uint()?;
    let mut word = || words.next().ok_or("a reservation");
    let id = ReservationId::parse(&format!("{}.{}", word()?, orchestrator.encoded())).ok_or("a reservation id")?;
    let tokens = word()?.parse().map_err(|_| "the tokens of a reservation")?;
    let created_at_ms = word()?.parse().map_err(|_| "the beginning of a reservation")?;
    let cost_micros = word().map_or(Ok(0), str::parse).map_err(|_| "the money of a reservation")?;
    Ok(OpenReservation { periods: id.periods(), id, tokens, cost_micros, created_at_ms, expires_at_ms })
}

fn read_period_and_unit(reader: &mut Reader<'_>) -> Decoded<(Period, Unit)> {
    let number = reader.uint()? as usize;
    number.checked_sub(1).and_then(Transition::of_number).ok_or("a period")
}

fn read_period(reader: &mut Reader<'_>) -> Decoded<Period> {
    let number = reader.uint()? as usize;
    number.checked_sub(1).and_then(Period::from_index).ok_or("a period")
}

/// A count and that many items.
fn list<'a, T>(reader: &mut Reader<'a>, mut read: impl FnMut(&mut Reader<'a>) -> Decoded<T>) -> Decoded<Vec<T>> {
    let count = reader.uint()?;
    // The count is not trusted with memory: each item has to be there.
    let mut items = Vec::with_capacity(count.min(1_000) as usize);
    for _ in 0..count {
        items.push(read(reader)?);
    }
    Ok(items)
}

fn reservation_not_found(operation: &Operation) -> Decoded<OperationError> {
    match operation {
        Operation::Settle { id, .. } => Ok(OperationError::ReservationNotFound { id: id.as_str().to_owned() }),
        Operation::SettleUnheld { id, .. } => Ok(OperationError::ReservationNotFound { id: id.as_str().to_owned() }),
        _ => Err("an outcome of this operation"),
    }
}

fn request_conflict(operation: &Operation) -> Decoded<OperationError> {
    match operation {
        Operation::Settle { usage: Some(usage), .. }
        | Operation::SettleUnheld { usage: Some(usage), .. }
        | Operation::Track(usage) => Ok(OperationError::RequestConflict { request_id: request_id(usage) }),
        _ => Err("an outcome of this operation"),
    }
}

fn request_id(usage: &Usage) -> String {
    usage.request_id.clone().unwrap_or_default()
}
