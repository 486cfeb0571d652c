//! Turns the reply of `lua/rate_limit_batch.lua` into a receipt. An odd reply is an error, never a panic.

use redis::Value;

use crate::domain::error::{OperationError, StoreError};
use crate::domain::quota::Quota;
use crate::domain::rate_limit::amounts::{Amounts, Unit};
use crate::domain::rate_limit::operation::{
    AgentView, Grant, HitKind, Operation, Outcome, Reason, Receipt, Verdict, View, WindowView,
};
use crate::domain::rate_limit::terms::{Concurrency, Rule, Terms};
use crate::store::RateLimitBatch;
use crate::store::redis::decode::unexpected;
use crate::store::redis::msgpack::Reader;

type Decoded<T> = Result<T, &'static str>;

/// What the script answered, and what the server's clock showed.
#[derive(Debug)]
pub struct Reply {
    pub clock_ms: u64,
    pub receipt: Receipt,
}

/// The reply to `batch`.
///
/// # Errors
///
/// [`StoreError::Refused`] when it is none.
pub fn batch_reply(batch: &RateLimitBatch, value: Value) -> Result<Reply, StoreError> {
    let bytes = match value {
        Value::BulkString(bytes) => bytes,
        other => return Err(unexpected(&other)),
    };
    read_reply(batch, &bytes).map_err(|expected| StoreError::Refused {
        message: format!("the reply to a batch is not understood: expected {expected}"),
    })
}

fn read_reply(batch: &RateLimitBatch, bytes: &[u8]) -> Decoded<Reply> {
    let mut reader = Reader::of_array(bytes)?;
    let _sequence = reader.uint()?;
    let clock_ms = reader.uint()?;
    let now_ms = reader.uint()?;
    let mut outcomes = Vec::with_capacity(batch.requests.len());
    for request in &batch.requests {
        outcomes.push(match reader.uint()? {
            0 => Ok(read_outcome(&mut reader, &request.operation, now_ms)?),
            1 => Err(OperationError::DeadlinePassed),
            _ => return Err("the status of an operation"),
        });
    }
    let places = reader.uint()?;
    let poll_in_ms = reader.optional()?;
    let turn_of = Some(reader.text()?).filter(|client| !client.is_empty()).map(Box::from);
    let granted = list(&mut reader, |reader| {
        Ok(Grant { id: reader.text()?.into(), admitted_at_ms: reader.uint()?, expires_at_ms: reader.uint()? })
    })?;
    Ok(Reply { clock_ms, receipt: Receipt { now_ms, outcomes, granted, places, poll_in_ms, turn_of } })
}

fn read_outcome(reader: &mut Reader<'_>, operation: &Operation, now_ms: u64) -> Decoded<Outcome> {
    Ok(match operation {
        Operation::Check { .. } => Outcome::Verdict(match reader.uint()? {
            0 => Verdict::Now,
            status => read_refusal(reader, status)?,
        }),
        Operation::Acquire { id, .. } => match reader.uint()? {
            0 => Outcome::Granted(Grant {
                id: id.clone(),
                admitted_at_ms: reader.uint()?,
                expires_at_ms: reader.uint()?,
            }),
            3 => Outcome::Waiting { wait_ms: reader.uint()?, reason: read_reason(reader)?, ahead: reader.uint()? },
            4 => Outcome::LineFull,
            status => Outcome::Refused(read_refusal(reader, status)?),
        },
        Operation::Settle { .. } => {
            Outcome::Settled { known: reader.uint()? == 1, late: reader.uint()? == 1, estimated: read_amounts(reader)? }
        }
        Operation::Cancel { .. } => Outcome::Cancelled { known: reader.uint()? == 1 },
        Operation::Allocate { .. } | Operation::Handoff { .. } => Outcome::Done(reader.uint()? == 1),
        Operation::KeepShares(_) => {
            let lapsed = reader.uint()? == 1;
            let mut shares = list(reader, |reader| Ok((Box::from(reader.text()?), reader.uint()?)))?;
            shares.sort_unstable();
            Outcome::Kept { lapsed, shares }
        }
        Operation::View => Outcome::View(Box::new(read_view(reader, now_ms)?)),
        Operation::Learned => {
            let mut counters = list(reader, |reader| Ok((Box::from(reader.text()?), reader.uint()?)))?;
            counters.sort_unstable();
            Outcome::Learned(counters)
        }
        Operation::Poll
        | Operation::Observe(_)
        | Operation::SetTerms(_)
        | Operation::Pause { .. }
        | Operation::Restore(_)
        | Operation::Learn(_) => Outcome::Done(true),
    })
}

fn read_refusal(reader: &mut Reader<'_>, status: u64) -> Decoded<Verdict> {
    match status {
        1 => Ok(Verdict::Wait { wait_ms: reader.uint()?, reason: read_reason(reader)? }),
        2 => Ok(Verdict::Never { reason: read_reason(reader)?, limit: reader.uint()? }),
        _ => Err("a verdict"),
    }
}

fn read_reason(reader: &mut Reader<'_>) -> Decoded<Reason> {
    let code = reader.uint()?;
    let detail = (code / 8) as usize;
    match code % 8 {
        0 => Ok(Reason::Rule(detail)),
        1 => Ok(Reason::Concurrency),
        2 => Ok(Reason::Pacing),
        3 => Unit::from_index(detail).map(Reason::Remaining).ok_or("a unit"),
        4 => Ok(Reason::Cooldown),
        5 => Ok(Reason::Probe),
        6 => Ok(Reason::Line),
        _ => Ok(Reason::Share),
    }
}

fn read_amounts(reader: &mut Reader<'_>) -> Decoded<Amounts> {
    Ok(Amounts { requests: reader.uint()?, input_tokens: reader.uint()?, output_tokens: reader.uint()? })
}

fn read_view(reader: &mut Reader<'_>, now_ms: u64) -> Decoded<View> {
    let terms = read_terms(reader)?;
    let is_set = reader.uint()? == 1;
    let windows = list(reader, |reader| {
        let (window_ms, used) = (reader.uint()?, read_amounts(reader)?);
        let parts = list(reader, |reader| Ok((reader.uint()?, read_amounts(reader)?)))?;
        Ok(WindowView { window_ms, used, parts })
    })?;
    let mut quotas = [Quota::default(); 4];
    for quota in &mut quotas {
        *quota = Quota {
            limit: reader.uint()?,
            left: reader.uint()?,
            resets_at_ms: reader.uint()?,
            seen_at_ms: reader.uint()?,
        };
    }
    let under_way = read_amounts(reader)?;
    let (waiting, paused_until_ms, hits) = (reader.uint()?, reader.uint()?, reader.uint()?);
    let paused_by = match reader.uint()? {
        0 => None,
        1 => Some(HitKind::Rate),
        2 => Some(HitKind::Quota),
        _ => return Err("a kind of hit"),
    };
    let next_admission_us = reader.uint()?;
    let mut agents = list(reader, |reader| {
        let (agent, share_ppm) = (reader.text()?.into(), reader.uint()?);
        Ok(AgentView { agent, share_ppm, used: read_amounts(reader)?, waiting: reader.uint()? })
    })?;
    agents.sort_by(|a, b| a.agent.cmp(&b.agent));
    Ok(View {
        now_ms,
        terms,
        is_set,
        windows,
        quotas,
        under_way,
        waiting,
        paused_until_ms,
        hits,
        paused_by,
        next_admission_us,
        agents,
    })
}

fn read_terms(reader: &mut Reader<'_>) -> Decoded<Terms> {
    let elements = reader.uint()?;
    let pause_us = reader.uint()?;
    let (limit, ordinary) = (reader.optional()?, reader.optional()?);
    let concurrency = limit.zip(ordinary).map(|(limit, ordinary)| Concurrency { limit, ordinary });
    let mut rules = Vec::new();
    for _ in 0..elements.saturating_sub(3) / 4 {
        let unit = Unit::from_index(reader.uint()? as usize).ok_or("a unit")?;
        rules.push(Rule { unit, window_ms: reader.uint()?, limit: reader.uint()?, ordinary: reader.uint()? });
    }
    Ok(Terms { rules, concurrency, pause_us })
}

/// A count and that many items. The count is not trusted with memory: each item has to be there.
fn list<'a, T>(reader: &mut Reader<'a>, mut read: impl FnMut(&mut Reader<'a>) -> Decoded<T>) -> Decoded<Vec<T>> {
    let count = reader.uint()?;
    let mut items = Vec::with_capacity(count.min(1_000) as usize);
    for _ in 0..count {
        items.push(read(reader)?);
    }
    Ok(items)
}
