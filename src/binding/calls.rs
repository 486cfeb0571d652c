//! Submitted numbers and text as calls of a tracker.

use std::time::Duration;

use super::query;
use super::text::to_text;
use crate::domain::identifier::{OrchestratorId, ReservationId, UnheldId, encode_utf16};
use crate::domain::operation::Operation;
use crate::domain::period::{Period, Periods};
use crate::domain::rate_limit::amounts::Amounts;
use crate::domain::rate_limit::operation as rate_limit;
use crate::domain::timers::operation as timers;
use crate::domain::tokens::MAX_TOKENS;
use crate::domain::usage::{Parts, Usage};
use crate::service::answer::{CallId, FailureCode};
use crate::service::remote::{Call, CallKind};

/// Numbers of operations, see `docs/boundary.md`.
mod operation {
    pub const CHECK: u32 = 1;
    pub const RESERVE: u32 = 2;
    pub const SETTLE: u32 = 3;
    pub const TRACK: u32 = 4;
    pub const STATS: u32 = 5;
    pub const QUERY: u32 = 6;
    pub const PING: u32 = 7;
    pub const READY: u32 = 8;
    pub const CLOSE: u32 = 9;
    pub const FORGET: u32 = 10;
    pub const LIMIT_ACQUIRE: u32 = 11;
    pub const LIMIT_SETTLE: u32 = 12;
    pub const LIMIT_CANCEL: u32 = 13;
    pub const LIMIT_QUERY: u32 = 14;
    pub const POOL_QUERY: u32 = 15;
    pub const POOL_CONFIGURE: u32 = 16;
    pub const TIMER_QUERY: u32 = 17;
    pub const BREAKER_QUERY: u32 = 18;
    pub const COORDINATION_CONFIGURE: u32 = 19;
    pub const BREAKER_CONFIGURE: u32 = 20;
    pub const TIMER_CREATE: u32 = 21;
}

/// Gives every call of a submission to `take`. A malformed submission ends there: the facade that
/// wrote it is at fault, and what follows cannot be told apart.
pub(super) fn decode(numbers: &[f64], text: &[u16], take: &mut dyn FnMut(Call)) {
    let mut reader = Reader { numbers, text, orchestrator: &[], model: &[], session: &[] };
    while let Some(code) = reader.number() {
        let Some(id) = reader.amount() else { return };
        match kind(code as u32, id, &mut reader) {
            Ok(kind) => take(Call { id, kind }),
            Err(Malformed::Argument(message)) => {
                take(Call { id, kind: CallKind::Refused { code: FailureCode::InvalidArgument, message } });
            }
            Err(Malformed::Submission) => {
                let message = "malformed submission".to_owned();
                take(Call { id, kind: CallKind::Refused { code: FailureCode::InvalidArgument, message } });
                return;
            }
        }
    }
}

pub(super) enum Malformed {
    /// The call is whole but cannot be understood.
    Argument(String),
    /// Numbers or text are missing.
    Submission,
}

struct Reader<'a> {
    numbers: &'a [f64],
    text: &'a [u16],
    /// The last texts of their kind, for operations that repeat them.
    orchestrator: &'a [u16],
    model: &'a [u16],
    session: &'a [u16],
}

/// How long a text is that an operation brings.
#[derive(Clone, Copy)]
enum Length {
    Units(usize),
    /// The same text as last.
    Repeated,
}

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<f64> {
        let (first, rest) = self.numbers.split_first()?;
        self.numbers = rest;
        Some(*first)
    }

    /// Refuses what the facade should have refused.
    fn amount(&mut self) -> Option<u64> {
        amount(self.number()?)
    }

    fn need(&mut self) -> Result<u64, Malformed> {
        self.amount().ok_or(Malformed::Submission)
    }

    /// -1 is `None`.
    fn optional(&mut self) -> Result<Option<u64>, Malformed> {
        match self.number() {
            Some(-1.0) => Ok(None),
            Some(number) => amount(number).map(Some).ok_or(Malformed::Submission),
            None => Err(Malformed::Submission),
        }
    }

    /// The length of a text; `None` for an absent one.
    fn length(&mut self) -> Result<Option<usize>, Malformed> {
        self.optional().map(|length| length.map(|length| length as usize))
    }

    /// The length of a text that may be the same as last.
    fn repeatable(&mut self) -> Result<Length, Malformed> {
        match self.number() {
            Some(-2.0) => Ok(Length::Repeated),
            Some(length) => amount(length).map(|length| Length::Units(length as usize)).ok_or(Malformed::Submission),
            None => Err(Malformed::Submission),
        }
    }

    fn orchestrator(&mut self, length: Length) -> Result<OrchestratorId, Malformed> {
        if let Length::Units(length) = length {
            self.orchestrator = self.units(Some(length))?;
        }
        orchestrator(self.orchestrator)
    }

    fn model(&mut self, length: Length) -> Result<String, Malformed> {
        if let Length::Units(length) = length {
            self.model = self.units(Some(length))?;
        }
        Ok(to_text(self.model))
    }

    fn session(&mut self, length: Length) -> Result<String, Malformed> {
        if let Length::Units(length) = length {
            self.session = self.units(Some(length))?;
        }
        Ok(to_text(self.session))
    }

    fn units(&mut self, length: Option<usize>) -> Result<&'a [u16], Malformed> {
        let (text, rest) = self.text.split_at_checked(length.unwrap_or(0)).ok_or(Malformed::Submission)?;
        self.text = rest;
        Ok(text)
    }

    fn string(&mut self, length: Option<usize>) -> Result<String, Malformed> {
        Ok(to_text(self.units(length)?))
    }
}

/// An exact integer 0 … 2^53-1.
#[inline]
pub(super) fn amount(value: f64) -> Option<u64> {
    let whole = value as i64;
    let exact = value >= 0.0 && value <= MAX_TOKENS as f64 && whole as f64 == value;
    exact.then_some(whole as u64)
}

pub(super) fn orchestrator(units: &[u16]) -> Result<OrchestratorId, Malformed> {
    let message = "orchestratorId: expected 1 to 256 bytes of UTF-8";
    OrchestratorId::from_utf16(units).ok_or_else(|| Malformed::Argument(message.to_owned()))
}

pub(super) fn period(index: u64) -> Result<Period, Malformed> {
    let message = || Malformed::Argument(format!("period: unknown number {index}"));
    Period::from_index(index as usize).ok_or_else(message)
}

pub(super) fn periods(bits: u64) -> Result<Periods, Malformed> {
    let message = || Malformed::Argument(format!("period: unknown set {bits}"));
    u8::try_from(bits).ok().and_then(Periods::from_bits).ok_or_else(message)
}

fn kind(code: u32, call: CallId, reader: &mut Reader<'_>) -> Result<CallKind, Malformed> {
    match code {
        operation::CHECK => {
            let (length, at, tokens) = (reader.repeatable()?, reader.need()?, reader.need()?);
            let orchestrator = reader.orchestrator(length)?;
            Ok(plain(orchestrator, Operation::Check { period: period(at)?, tokens }))
        }
        operation::RESERVE => {
            let (length, bits) = (reader.repeatable()?, reader.need()?);
            let (tokens, ttl_ms, cost_micros) = (reader.need()?, reader.need()?, reader.need()?);
            let orchestrator = reader.orchestrator(length)?;
            let periods = periods(bits)?;
            let id = ReservationId::generate(&orchestrator, periods);
            Ok(plain(orchestrator, Operation::Reserve { id, tokens, periods, ttl_ms, cost_micros }))
        }
        operation::SETTLE => settle(reader),
        operation::TRACK => track(reader),
        operation::STATS => {
            let (length, at) = (reader.repeatable()?, reader.need()?);
            let orchestrator = reader.orchestrator(length)?;
            Ok(plain(orchestrator, Operation::Stats { period: period(at)? }))
        }
        operation::QUERY => {
            let (length, arguments_length, verb) = (reader.repeatable()?, reader.length()?, reader.need()?);
            let id = reader.orchestrator(length);
            let arguments = reader.string(arguments_length)?;
            let operation = query::operation(verb as u32, &arguments).map_err(Malformed::Argument)?;
            Ok(plain(id?, operation))
        }
        operation::PING => Ok(CallKind::Ping),
        operation::READY => Ok(CallKind::Ready { timeout: Duration::from_millis(reader.need()?) }),
        operation::CLOSE => Ok(CallKind::Close { timeout: Duration::from_millis(reader.need()?) }),
        operation::LIMIT_ACQUIRE => limit_acquire(reader),
        operation::LIMIT_SETTLE => limit_settle(reader),
        operation::LIMIT_CANCEL => {
            let id = reader.length()?;
            Ok(CallKind::Limit(rate_limit::Operation::Cancel { id: reader.string(id)?.into() }))
        }
        operation::LIMIT_QUERY => {
            let length = reader.length()?;
            Ok(CallKind::Limit(json(&reader.string(length)?)?))
        }
        operation::POOL_QUERY => {
            let (pool, length) = (reader.repeatable()?, reader.length()?);
            let pool = reader.orchestrator(pool);
            let operation = json(&reader.string(length)?)?;
            Ok(CallKind::Credential { pool: pool?, operation })
        }
        operation::POOL_CONFIGURE => {
            let (pool, length) = (reader.repeatable()?, reader.length()?);
            let pool = reader.orchestrator(pool);
            let policy = json(&reader.string(length)?)?;
            Ok(CallKind::ConfigurePool { pool: pool?, policy })
        }
        operation::TIMER_QUERY => {
            let (shard, length) = (reader.repeatable()?, reader.length()?);
            let shard = reader.orchestrator(shard);
            let operation: timers::Operation = json(&reader.string(length)?)?;
            operation.check().map_err(Malformed::Argument)?;
            Ok(CallKind::Timer { shard: shard?, operation })
        }
        operation::TIMER_CREATE => timer_create(reader),
        operation::COORDINATION_CONFIGURE => {
            let length = reader.length()?;
            Ok(CallKind::ConfigureTimers(json(&reader.string(length)?)?))
        }
        operation::BREAKER_QUERY => {
            let (breaker, length) = (reader.repeatable()?, reader.length()?);
            let breaker = reader.orchestrator(breaker);
            let operation = json(&reader.string(length)?)?;
            Ok(CallKind::Breaker { breaker: breaker?, operation })
        }
        operation::BREAKER_CONFIGURE => {
            let (breaker, length) = (reader.repeatable()?, reader.length()?);
            let breaker = reader.orchestrator(breaker);
            let policy = json(&reader.string(length)?)?;
            Ok(CallKind::ConfigureBreaker { breaker: breaker?, policy })
        }
        // Named by its number, like an answer.
        operation::FORGET => Ok(CallKind::Forget(call)),
        _ => Err(Malformed::Submission),
    }
}

fn plain(orchestrator: OrchestratorId, operation: Operation) -> CallKind {
    CallKind::Operate { orchestrator, operation, caller_now_ms: None }
}

fn limit_acquire(reader: &mut Reader<'_>) -> Result<CallKind, Malformed> {
    let (id, agent) = (reader.length()?, reader.repeatable()?);
    let amounts = Amounts::call(reader.need()?, reader.need()?);
    let (priority, wait) = (priority(reader.need()?)?, reader.need()? != 0);
    let id = reader.string(id)?.into();
    // The place of an orchestrator's text: a limiter has none.
    if let Length::Units(length) = agent {
        reader.orchestrator = reader.units(Some(length))?;
    }
    let agent = to_text(reader.orchestrator).into();
    Ok(CallKind::Limit(rate_limit::Operation::Acquire { id, amounts, priority, agent, wait }))
}

fn limit_settle(reader: &mut Reader<'_>) -> Result<CallKind, Malformed> {
    let (id, signals) = (reader.length()?, reader.length()?);
    let used = Amounts::call(reader.need()?, reader.need()?);
    let id = reader.string(id)?.into();
    let signals = match signals {
        Some(length) => json(&reader.string(Some(length))?)?,
        // When the request left, the permit tells alone.
        None => rate_limit::Signals { sent_at_ms: MAX_TOKENS, is_success: true, ..Default::default() },
    };
    Ok(CallKind::Limit(rate_limit::Operation::Settle { id, used, signals }))
}

/// Every number and text is taken before any is refused: what follows must be found.
fn timer_create(reader: &mut Reader<'_>) -> Result<CallKind, Malformed> {
    let (shard, name, owner) = (reader.repeatable()?, reader.repeatable()?, reader.repeatable()?);
    let (due_kind, due_ms) = (reader.need()?, reader.need()?);
    let lengths = (reader.length()?, reader.length()?, reader.length()?, reader.length()?, reader.length()?);
    let (id, document, recurrence, nonce, fingerprint) = lengths;
    let shard = reader.orchestrator(shard);
    let (name, owner) = (reader.model(name)?.into(), reader.session(owner)?.into());
    let (id, document_json) = (reader.string(id)?.into(), reader.string(document)?.into());
    let recurrence_json = reader.string(recurrence)?.into();
    let nonce: Box<str> = reader.string(nonce)?.into();
    let fingerprint = match fingerprint {
        Some(length) => reader.string(Some(length))?.into(),
        None => nonce.clone(),
    };
    let due = match due_kind {
        0 => timers::Due::In(due_ms),
        1 => timers::Due::At(due_ms),
        _ => return Err(Malformed::Argument(format!("due: unknown number {due_kind}"))),
    };
    let timer = timers::NewTimer { id, name, owner, due, document_json, recurrence_json, nonce, fingerprint };
    let operation = timers::Operation::Create(timer);
    operation.check().map_err(Malformed::Argument)?;
    Ok(CallKind::Timer { shard: shard?, operation })
}

pub(super) fn priority(index: u64) -> Result<rate_limit::Priority, Malformed> {
    match index {
        0 => Ok(rate_limit::Priority::Critical),
        1 => Ok(rate_limit::Priority::Normal),
        2 => Ok(rate_limit::Priority::Low),
        _ => Err(Malformed::Argument(format!("priority: unknown number {index}"))),
    }
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Malformed> {
    serde_json::from_str(text).map_err(|error| Malformed::Argument(error.to_string()))
}

fn settle(reader: &mut Reader<'_>) -> Result<CallKind, Malformed> {
    let (id, model, session) = (reader.length()?, reader.repeatable()?, reader.repeatable()?);
    let request = reader.length()?;
    let record = reader.need()? != 0;
    let (total, parts) = (reader.need()?, parts(reader)?);
    let (now_ms, cost_micros) = (reader.need()?, reader.optional()?);
    let name = reader.string(id)?;
    let usage = Usage {
        total,
        parts,
        model: reader.model(model)?,
        session_id: reader.session(session)?,
        request_id: request_id(reader, request)?,
        metadata_json: None,
        reported_at_ms: now_ms,
        occurred_at_ms: None,
        cost_micros: cost_micros.unwrap_or_default(),
        costs_as_held: cost_micros.is_none(),
    };
    let usage = record.then_some(usage);
    if let Some(id) = UnheldId::parse(&name) {
        return Ok(plain(id.orchestrator(), Operation::SettleUnheld { id, usage }));
    }
    match ReservationId::parse(&name) {
        Some(id) => Ok(plain(id.orchestrator(), Operation::Settle { id, usage })),
        None => {
            let message = format!("Reservation not found: {name}");
            Ok(CallKind::Refused { code: FailureCode::ReservationNotFound, message })
        }
    }
}

fn track(reader: &mut Reader<'_>) -> Result<CallKind, Malformed> {
    let (id, model, session) = (reader.repeatable()?, reader.repeatable()?, reader.repeatable()?);
    let (request, metadata) = (reader.length()?, reader.length()?);
    let (total, parts) = (reader.need()?, parts(reader)?);
    let (reported_at_ms, now_ms, cost_micros) = (reader.need()?, reader.need()?, reader.need()?);
    let id = reader.orchestrator(id);
    let usage = Usage {
        total,
        parts,
        model: reader.model(model)?,
        session_id: reader.session(session)?,
        request_id: request_id(reader, request)?,
        metadata_json: metadata.map(|length| reader.string(Some(length))).transpose()?,
        reported_at_ms,
        // What is dated now or later counts as now, whatever the store's clock says.
        occurred_at_ms: (reported_at_ms < now_ms).then_some(reported_at_ms),
        cost_micros,
        costs_as_held: false,
    };
    let operation = Operation::Track(usage);
    Ok(CallKind::Operate { orchestrator: id?, operation, caller_now_ms: Some(now_ms) })
}

fn parts(reader: &mut Reader<'_>) -> Result<Parts, Malformed> {
    Ok(Parts {
        prompt: reader.need()?,
        completion: reader.need()?,
        cache_read: reader.need()?,
        cache_write: reader.need()?,
        reasoning: reader.need()?,
    })
}

fn request_id(reader: &mut Reader<'_>, length: Option<usize>) -> Result<Option<String>, Malformed> {
    length.map(|length| reader.units(Some(length)).map(encode_utf16)).transpose()
}
