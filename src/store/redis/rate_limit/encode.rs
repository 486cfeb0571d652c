//! Turns a batch into one script call. `lua/rate_limit_batch.lua` names every key and element.

use std::collections::HashSet;

use super::keys::LimiterKeys;
use crate::domain::rate_limit::amounts::{Amounts, Unit};
use crate::domain::rate_limit::operation::{HitKind, Operation, Priority, Request, Signals, View};
use crate::domain::rate_limit::terms::Terms;
use crate::domain::tokens::MAX_TOKENS;
use crate::store::RateLimitBatch;
use crate::store::redis::msgpack::Writer;
use crate::store::redis::script;
use crate::store::redis::transport::Call;

/// Numbers of operations in the script.
mod kind {
    pub const CHECK: u64 = 1;
    pub const ACQUIRE: u64 = 2;
    pub const POLL: u64 = 3;
    pub const SETTLE: u64 = 4;
    pub const CANCEL: u64 = 5;
    pub const OBSERVE: u64 = 6;
    pub const SET_TERMS: u64 = 7;
    pub const ALLOCATE: u64 = 8;
    pub const HANDOFF: u64 = 9;
    pub const PAUSE: u64 = 10;
    pub const VIEW: u64 = 11;
    pub const RESTORE: u64 = 12;
    pub const LEARN: u64 = 13;
    pub const LEARNED: u64 = 14;
    pub const KEEP_SHARES: u64 = 15;
}

/// The script call that applies `batch`. `clock_ms` takes the place of the server's clock; 0 is the server's.
pub fn batch_call(keys: &LimiterKeys, channel: &str, batch: &RateLimitBatch, clock_ms: u64) -> Call {
    let mut writer = Writer::with_capacity(256 + batch.requests.len() * 64);
    let array = writer.begin_array();
    write_head(&mut writer, channel, batch, clock_ms);
    batch.requests.iter().for_each(|request| write_request(&mut writer, request));
    writer.end_array(array);
    let keys = keys.of_batch(&batch.ticket.client);
    Call { script: &script::RATE_LIMIT_BATCH, keys, args: vec![writer.into_bytes()] }
}

fn write_head(writer: &mut Writer, channel: &str, batch: &RateLimitBatch, clock_ms: u64) {
    let (ticket, policy) = (&batch.ticket, &batch.policy);
    let has = |named: fn(&Operation) -> bool| batch.requests.iter().any(|request| named(&request.operation));
    let writes = has(Operation::writes);
    writer.uint(ticket.sequence);
    writer.uint(u64::from(ticket.retry && writes));
    writer.uint(clock_ms);
    writer.text(&ticket.client);
    writer.text(channel);
    writer.text(batch.limiter.encoded());
    for number in [policy.cooldown_ms, policy.cooldown_max_ms, policy.permit_ttl_ms, policy.client_lease_ms] {
        writer.uint(number);
    }
    writer.uint(policy.line_max.min(MAX_TOKENS));
    writer.uint(u64::from(writes));
    write_terms(writer, Some(&policy.configured));
    let (ended, asked) = permit_ids(batch);
    let ids = writer.begin_array();
    ended.iter().chain(&asked).for_each(|id| writer.text(id));
    writer.end_array(ids);
    let may_wait = |operation: &Operation| match operation {
        Operation::Acquire { wait, .. } => *wait,
        Operation::Allocate { .. } | Operation::KeepShares(_) => true,
        _ => false,
    };
    let names_counters = |operation: &Operation| matches!(operation, Operation::Learn(_) | Operation::Learned);
    writer.uint(u64::from(has(may_wait)));
    writer.uint(u64::from(has(names_counters)));
    writer.uint(ended.len() as u64);
}

/// Ids of the calls that end, which should be known, and of those that are asked for, each once.
fn permit_ids(batch: &RateLimitBatch) -> (Vec<&str>, Vec<&str>) {
    let (mut ended, mut asked, mut named) = (Vec::new(), Vec::new(), HashSet::new());
    for request in &batch.requests {
        let (id, list) = match &request.operation {
            Operation::Settle { id, .. } | Operation::Cancel { id } => (id, &mut ended),
            Operation::Acquire { id, .. } => (id, &mut asked),
            _ => continue,
        };
        if named.insert(&**id) {
            list.push(&**id);
        }
    }
    (ended, asked)
}

/// `None` is an empty array.
fn write_terms(writer: &mut Writer, terms: Option<&Terms>) {
    let array = writer.begin_array();
    if let Some(terms) = terms {
        writer.uint(terms.pause_us);
        writer.optional(terms.concurrency.map(|concurrency| concurrency.limit));
        writer.optional(terms.concurrency.map(|concurrency| concurrency.ordinary));
        for rule in &terms.rules {
            writer.uint(rule.unit.index() as u64);
            writer.uint(rule.window_ms);
            writer.uint(rule.limit);
            writer.uint(rule.ordinary);
        }
    }
    writer.end_array(array);
}

/// Kind, size, deadline, and the fields of the kind.
fn write_request(writer: &mut Writer, request: &Request) {
    writer.uint(kind_of(&request.operation));
    writer.uint(3 + size_of(&request.operation));
    let fields_at = writer.elements() + 1;
    writer.uint(request.deadline_ms.unwrap_or(0));
    write_fields(writer, &request.operation);
    debug_assert_eq!(writer.elements() - fields_at, size_of(&request.operation) as usize);
}

fn kind_of(operation: &Operation) -> u64 {
    match operation {
        Operation::Check { .. } => kind::CHECK,
        Operation::Acquire { .. } => kind::ACQUIRE,
        Operation::Poll => kind::POLL,
        Operation::Settle { .. } => kind::SETTLE,
        Operation::Cancel { .. } => kind::CANCEL,
        Operation::Observe(_) => kind::OBSERVE,
        Operation::SetTerms(_) => kind::SET_TERMS,
        Operation::Allocate { .. } => kind::ALLOCATE,
        Operation::Handoff { .. } => kind::HANDOFF,
        Operation::KeepShares(_) => kind::KEEP_SHARES,
        Operation::Pause { .. } => kind::PAUSE,
        Operation::View => kind::VIEW,
        Operation::Restore(_) => kind::RESTORE,
        Operation::Learn(_) => kind::LEARN,
        Operation::Learned => kind::LEARNED,
    }
}

/// Elements behind kind, size and deadline.
fn size_of(operation: &Operation) -> u64 {
    let signals = |signals: &Signals| 8 + 4 * signals.readings.len();
    let size = match operation {
        Operation::Check { .. } => 5,
        Operation::Acquire { .. } => 7,
        Operation::Settle { signals: told, .. } => 3 + signals(told),
        Operation::Observe(told) => signals(told),
        Operation::Cancel { .. } | Operation::SetTerms(_) | Operation::Pause { .. } => 1,
        Operation::Allocate { .. } | Operation::Handoff { .. } => 2,
        Operation::Restore(view) => 17 + view.windows.iter().map(|window| 2 + 4 * window.parts.len()).sum::<usize>(),
        Operation::Learn(named) | Operation::KeepShares(named) => 2 * named.len(),
        Operation::Poll | Operation::View | Operation::Learned => 0,
    };
    size as u64
}

fn write_fields(writer: &mut Writer, operation: &Operation) {
    match operation {
        Operation::Check { amounts, priority, agent } => write_ask(writer, amounts, *priority, agent),
        Operation::Acquire { id, amounts, priority, agent, wait } => {
            write_ask(writer, amounts, *priority, agent);
            writer.text(id);
            writer.uint(u64::from(*wait));
        }
        Operation::Settle { id, used, signals } => {
            writer.text(id);
            writer.uint(used.input_tokens);
            writer.uint(used.output_tokens);
            write_signals(writer, signals);
        }
        Operation::Observe(signals) => write_signals(writer, signals),
        Operation::Cancel { id } => writer.text(id),
        Operation::SetTerms(terms) => write_terms(writer, terms.as_ref()),
        Operation::Allocate { agent, share_ppm } => {
            writer.text(agent);
            writer.uint(*share_ppm);
        }
        Operation::Handoff { from, to } => {
            writer.text(from);
            writer.text(to);
        }
        Operation::Pause { for_ms } => writer.uint(*for_ms),
        Operation::Restore(view) => write_view(writer, view),
        Operation::Learn(named) | Operation::KeepShares(named) => named.iter().for_each(|(name, number)| {
            writer.text(name);
            writer.uint(*number);
        }),
        Operation::Poll | Operation::View | Operation::Learned => {}
    }
}

fn write_ask(writer: &mut Writer, amounts: &Amounts, priority: Priority, agent: &str) {
    write_amounts(writer, amounts);
    writer.uint(match priority {
        Priority::Critical => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    });
    writer.text(agent);
}

fn write_amounts(writer: &mut Writer, amounts: &Amounts) {
    for number in [amounts.requests, amounts.input_tokens, amounts.output_tokens] {
        writer.uint(number.min(MAX_TOKENS));
    }
}

fn write_signals(writer: &mut Writer, signals: &Signals) {
    writer.uint(signals.sent_at_ms);
    writer.uint(u64::from(signals.is_success));
    writer.uint(u64::from(signals.hit.is_some()));
    let retry_after_ms = signals.hit.and_then(|hit| hit.retry_after_ms);
    writer.optional(retry_after_ms.map(|retry_after_ms| retry_after_ms.min(MAX_TOKENS)));
    writer.uint(signals.hit.map_or(0, |hit| hit.jitter));
    writer.uint(kind_number(signals.hit.map(|hit| hit.kind)));
    writer.uint(signals.hit.map_or(0, |hit| hit.least_ms.min(MAX_TOKENS)));
    writer.uint(signals.readings.len() as u64);
    for (unit, reading) in &signals.readings {
        writer.uint(unit.index() as u64);
        writer.optional(reading.limit.map(|limit| limit.min(MAX_TOKENS)));
        writer.uint(reading.remaining.min(MAX_TOKENS));
        writer.uint(reading.resets_at_ms.min(MAX_TOKENS));
    }
}

fn kind_number(kind: Option<HitKind>) -> u64 {
    match kind {
        None => 0,
        Some(HitKind::Rate) => 1,
        Some(HitKind::Quota) => 2,
    }
}

fn write_view(writer: &mut Writer, view: &View) {
    writer.uint(view.now_ms.min(MAX_TOKENS));
    writer.uint(view.paused_until_ms.min(MAX_TOKENS));
    writer.uint(view.hits);
    writer.uint(kind_number(view.paused_by));
    writer.uint(view.next_admission_us.min(MAX_TOKENS));
    for unit in Unit::ALL {
        let quota = &view.quotas[unit.index()];
        writer.optional(Some(quota.limit.min(MAX_TOKENS)).filter(|limit| *limit > 0));
        writer.uint(quota.left.min(MAX_TOKENS));
        writer.uint(quota.resets_at_ms.min(MAX_TOKENS));
    }
    for window in &view.windows {
        writer.uint(window.window_ms);
        writer.uint(window.parts.len() as u64);
        for (number, amounts) in &window.parts {
            writer.uint((*number).min(MAX_TOKENS));
            write_amounts(writer, amounts);
        }
    }
}
