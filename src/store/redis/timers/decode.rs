//! Turns the reply of `lua/timer_batch.lua` into a receipt. An odd reply is an error, never a panic.

use redis::Value;

use crate::domain::error::{OperationError, StoreError};
use crate::domain::timers::operation::{
    Delivery, Due, NewDelivery, NewTimer, Operation, Outcome, Receipt, Status, Timer, TimerId,
};
use crate::domain::tokens::MAX_TOKENS;
use crate::store::TimerBatch;
use crate::store::redis::decode::unexpected;
use crate::store::redis::msgpack::Reader;

type Decoded<T> = Result<T, &'static str>;

/// The reply to `batch`.
///
/// # Errors
///
/// [`StoreError`] for an error of the server, and for a reply of another form than expected.
pub fn batch_reply(batch: &TimerBatch, value: Value) -> Result<Receipt, StoreError> {
    let mut parts = match value {
        Value::Array(parts) => parts.into_iter(),
        other => return Err(unexpected(&other)),
    };
    let Some(Value::BulkString(bytes)) = parts.next() else { return Err(unexpected(&Value::Nil)) };
    let texts = parts.map(|part| match part {
        Value::BulkString(text) => Some(text),
        _ => None,
    });
    read_reply(batch, &bytes, texts.collect()).map_err(|expected| StoreError::Refused {
        message: format!("the reply to a batch is not understood: expected {expected}"),
    })
}

fn read_reply(batch: &TimerBatch, bytes: &[u8], texts: Vec<Option<Vec<u8>>>) -> Decoded<Receipt> {
    let mut reader = ReplyReader { reader: Reader::of_array(bytes)?, texts: texts.into_iter() };
    let _sequence = reader.uint()?;
    let now_ms = reader.uint()?;
    let next_due_ms = reader.reader.optional()?;
    let outcomes = if reader.reader.peeked(ALL_NEW) {
        batch.requests.iter().map(|request| all_new(&request.operation, now_ms)).collect::<Decoded<Vec<_>>>()?
    } else {
        let outcomes = batch.requests.iter().map(|request| reader.outcome(&request.operation, now_ms));
        outcomes.collect::<Decoded<Vec<_>>>()?
    };
    Ok(Receipt { now_ms, outcomes, next_due_ms })
}

/// Of a batch: it made new timers, and nothing else.
const ALL_NEW: u8 = 4;

fn all_new(operation: &Operation, now_ms: u64) -> Decoded<Result<Outcome, OperationError>> {
    match operation {
        Operation::Create(new) => Ok(Ok(Outcome::Created { timer: created(new, now_ms), is_new: true })),
        _ => Err("the outcome of something that makes no timer"),
    }
}

/// A timer that was made as it was asked for.
fn created(new: &NewTimer, now_ms: u64) -> Timer {
    let NewTimer { id, name, owner, due, document_json, recurrence_json, nonce, fingerprint } = new.clone();
    let fire_at_ms = match due {
        Due::In(in_ms) => now_ms.saturating_add(in_ms),
        Due::At(at_ms) => at_ms,
    };
    Timer {
        id,
        name,
        owner,
        document_json,
        recurrence_json,
        nonce,
        fingerprint,
        status: Status::Scheduled,
        created_at_ms: now_ms,
        started_at_ms: now_ms,
        fire_at_ms: fire_at_ms.min(MAX_TOKENS),
        occurrence: 0,
        ended_at_ms: 0,
        holder: Box::default(),
        claimed_until_ms: 0,
    }
}

struct ReplyReader<'a> {
    reader: Reader<'a>,
    texts: std::vec::IntoIter<Option<Vec<u8>>>,
}

impl ReplyReader<'_> {
    fn uint(&mut self) -> Decoded<u64> {
        self.reader.uint()
    }

    fn flag(&mut self) -> Decoded<bool> {
        Ok(self.uint()? == 1)
    }

    fn text(&mut self) -> Decoded<Box<str>> {
        self.reader.text().map(Into::into)
    }

    /// The next text: `None` when it is gone.
    fn next_text(&mut self) -> Decoded<Option<Vec<u8>>> {
        self.texts.next().ok_or("a text")
    }

    fn outcome(&mut self, operation: &Operation, now_ms: u64) -> Decoded<Result<Outcome, OperationError>> {
        match self.uint()? {
            0 => {}
            1 => return Ok(Err(OperationError::DeadlinePassed)),
            3 => return Ok(Err(OperationError::Refused { message: self.text()?.into() })),
            _ => return Err("a known outcome"),
        }
        let outcome = match operation {
            Operation::Create(new) => match self.uint()? {
                0 => Outcome::Created { timer: created(new, now_ms), is_new: true },
                1 => match self.timer(new.id.clone())? {
                    Some(timer) => Outcome::Created { timer, is_new: false },
                    None => return Ok(Err(damaged())),
                },
                _ => Outcome::Conflict,
            },
            Operation::Get { id } | Operation::Cancel { id } | Operation::Update { id, .. } => match self.flag()? {
                false => Outcome::Timer(None),
                true => match self.timer(id.clone())? {
                    Some(timer) => Outcome::Timer(Some(timer)),
                    None => return Ok(Err(damaged())),
                },
            },
            Operation::List { .. } => Outcome::Timers { timers: self.timers()?, next: self.text()? },
            Operation::Claim { .. } => Outcome::Claimed { timers: self.timers()?, deliveries: self.deliveries()? },
            Operation::Fired { id, nonce, occurrence, delivery, .. } => {
                let was_held = self.flag()?;
                let delivery_id = format!("{nonce}.{occurrence}").into();
                let delivery = match self.uint()? {
                    0 => None,
                    1 => Some(self.new_delivery(delivery_id, id, delivery.as_ref())?),
                    _ => self.delivery(delivery_id)?,
                };
                Outcome::Fired { was_held, delivery }
            }
            Operation::Renew { .. } => Outcome::Renewed(self.uint()?),
            Operation::Deliveries { .. } => Outcome::Deliveries { deliveries: self.deliveries()?, next: self.text()? },
            Operation::Endpoints => {
                let mut endpoints = self.list(|reader| reader.text().map(Some))?;
                endpoints.sort();
                Outcome::Endpoints(endpoints)
            }
            Operation::Release { .. }
            | Operation::Delivered { .. }
            | Operation::Undelivered { .. }
            | Operation::Redeliver { .. }
            | Operation::Discard { .. }
            | Operation::Endpoint { .. }
            | Operation::Broadcast { .. } => Outcome::Done(self.flag()?),
        };
        Ok(Ok(outcome))
    }

    /// `None` when its text is gone.
    fn timer(&mut self, id: TimerId) -> Decoded<Option<Timer>> {
        let status = match self.uint()? {
            0 => Status::Scheduled,
            1 => Status::Fired,
            2 => Status::Cancelled,
            _ => return Err("a status"),
        };
        let (fire_at_ms, ended_at_ms) = (self.uint()?, self.uint()?);
        let (holder, claimed_until_ms) = (self.text()?, self.uint()?);
        let (created_at_ms, started_at_ms, occurrence) = (self.uint()?, self.uint()?, self.uint()?);
        let nonce = self.text()?;
        let Some(text) = self.next_text()? else { return Ok(None) };
        let Ok([name, owner, document_json, recurrence_json, fingerprint]) = fields(&text) else { return Ok(None) };
        Ok(Some(Timer {
            id,
            name,
            owner,
            document_json,
            recurrence_json,
            nonce,
            fingerprint,
            status,
            created_at_ms,
            started_at_ms,
            fire_at_ms,
            occurrence,
            ended_at_ms,
            holder,
            claimed_until_ms,
        }))
    }

    fn delivery(&mut self, id: Box<str>) -> Decoded<Option<Delivery>> {
        let delivery = self.delivery_view(id)?;
        let Some(text) = self.next_text()? else { return Ok(None) };
        let Ok([endpoint, document_json]) = fields(&text) else { return Ok(None) };
        Ok(Some(Delivery { endpoint, document_json, ..delivery }))
    }

    fn new_delivery(&mut self, id: Box<str>, timer_id: &str, new: Option<&NewDelivery>) -> Decoded<Delivery> {
        let NewDelivery { endpoint, document_json, .. } = new.ok_or("no delivery")?.clone();
        Ok(Delivery { endpoint, document_json, timer_id: timer_id.into(), ..self.delivery_view(id)? })
    }

    /// All but what its text tells.
    fn delivery_view(&mut self, id: Box<str>) -> Decoded<Delivery> {
        let (is_dead, next_attempt_at_ms) = (self.flag()?, self.uint()?);
        let (holder, claimed_until_ms) = (self.text()?, self.uint()?);
        let (created_at_ms, attempts) = (self.uint()?, self.uint()?);
        let (timer_id, error, is_disabled) = (self.text()?, self.text()?, self.flag()?);
        Ok(Delivery {
            id,
            timer_id,
            endpoint: Box::default(),
            document_json: Box::default(),
            created_at_ms,
            attempts,
            next_attempt_at_ms,
            is_dead,
            error,
            is_disabled,
            holder,
            claimed_until_ms,
        })
    }

    fn timers(&mut self) -> Decoded<Vec<Timer>> {
        self.list(|reader| {
            let id = reader.text()?;
            reader.timer(id)
        })
    }

    fn deliveries(&mut self) -> Decoded<Vec<Delivery>> {
        self.list(|reader| {
            let id = reader.text()?;
            reader.delivery(id)
        })
    }

    /// A count and that many items, but for those that are gone.
    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Decoded<Option<T>>) -> Decoded<Vec<T>> {
        let count = self.uint()?;
        // The count is not trusted with memory: each item has to be there.
        let mut items = Vec::with_capacity(count.min(1_000) as usize);
        for _ in 0..count {
            items.extend(read(self)?);
        }
        Ok(items)
    }
}

/// The fields of a text, see [`super::encode`].
fn fields<const N: usize>(text: &[u8]) -> Decoded<[Box<str>; N]> {
    let mut reader = Reader::of_array(text)?;
    let fields = (0..N).map(|_| reader.text().map(Into::into)).collect::<Decoded<Vec<_>>>()?;
    fields.try_into().map_err(|_| "fields")
}

fn damaged() -> OperationError {
    OperationError::Refused { message: "what the server keeps of this timer is damaged".to_owned() }
}
