//! Turns a batch into one script call. `lua/budget_batch.lua` names every key and element.

use super::keys::OrchestratorKeys;
use super::msgpack::Writer;
use super::named::{Costs, KeyList, Named, key_list, override_id};
use super::runs::{Run, plain_usage, runs};
use super::script;
use super::transport::Call;
use super::windows::WindowPairs;
use crate::domain::identifier::{ReservationId, UnheldId};
use crate::domain::operation::{Operation, Override, Request, UNKNOWN_MODEL};
use crate::domain::period::Period;
use crate::domain::policy::Limits;
use crate::domain::usage::{Usage, history_record};
use crate::store::Batch;

/// Numbers of operations in scripts.
mod kind {
    pub const TRACK: u64 = 1;
    pub const SETTLE: u64 = 2;
    pub const RESERVE: u64 = 3;
    pub const CHECK: u64 = 4;
    pub const STATS: u64 = 5;
    pub const SWEEP: u64 = 6;
    pub const SET_BUDGET: u64 = 7;
    pub const GET_BUDGET: u64 = 8;
    pub const SET_OVERRIDE: u64 = 9;
    pub const REMOVE_OVERRIDE: u64 = 10;
    pub const LIST_OVERRIDES: u64 = 11;
    pub const LIST_RESERVATIONS: u64 = 12;
    pub const HISTORY: u64 = 13;
    pub const CLEAR_THRESHOLDS: u64 = 14;
    pub const TRACKS: u64 = 15;
    pub const PAUSE: u64 = 16;
    pub const RESUME: u64 = 17;
    pub const GET_PAUSE: u64 = 18;
}

/// When a call is made.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Those the store's clock stands in, as far as it is known here.
    pub windows: WindowPairs,
    /// A clock that takes the server's place; 0 is the server's.
    pub clock_ms: u64,
}

/// The script call that applies `batch`.
pub fn batch_call(keys: &OrchestratorKeys, channel: &str, batch: &Batch, timing: Timing) -> Call {
    let named = Named::of(batch);
    let KeyList { all: all_keys, costs_from, overrides_from } = key_list(keys, batch, &named);
    let mut writer = Writer::with_capacity(256 + batch.requests.len() * 64);
    let array = writer.begin_array();
    write_head(&mut writer, batch, &named, channel, timing);
    write_costs(&mut writer, batch, &named, costs_from);
    let mut records = Records { kept: batch.policy.history_limit > 0, args: vec![Vec::new()] };
    let mut override_key = overrides_from;
    for run in runs(&batch.requests) {
        match run {
            Run::Tracks(requests) => write_tracks(&mut writer, &mut records, requests),
            Run::One(request) => {
                write_request(&mut writer, &mut records, &named, request, override_key);
                if override_id(&request.operation).is_some() {
                    override_key += Period::ALL.len();
                }
            }
        }
    }
    writer.end_array(array);
    let mut args = records.args;
    args[0] = writer.into_bytes();
    Call { script: &script::BUDGET_BATCH, keys: all_keys, args }
}

/// The records of the history, arguments of their own: what stands in the first argument is read
/// twice by the server, as a whole and as its parts.
struct Records {
    kept: bool,
    /// The first one is the batch's.
    args: Vec<Vec<u8>>,
}

impl Records {
    /// The number of the argument, 0 when no history is kept.
    fn add(&mut self, usage: &Usage, reservation: Option<&ReservationId>) -> u64 {
        if !self.kept {
            return 0;
        }
        self.args.push(history_record(usage, reservation).into_bytes());
        self.args.len() as u64
    }
}

fn write_head(writer: &mut Writer, batch: &Batch, named: &Named<'_>, channel: &str, timing: Timing) {
    let policy = &*batch.policy;
    writer.uint(batch.ticket.sequence);
    writer.uint(u64::from(batch.ticket.retry && named.writes));
    writer.uint(timing.clock_ms);
    for pair in timing.windows {
        [pair.start_ms, pair.turn_ms, pair.end_ms].iter().for_each(|bound_ms| writer.uint(*bound_ms));
    }
    batch.configured.tokens.iter().for_each(|limit| writer.optional(*limit));
    writer.uint(policy.idempotency_ttl_ms);
    writer.uint(policy.late_settle_ttl_ms);
    writer.uint(policy.history_limit);
    writer.uint(u64::from(named.writes));
    writer.uint(named.reservation_keys as u64);
    let thresholds = writer.begin_array();
    policy.thresholds.iter().for_each(|threshold| writer.float(*threshold));
    writer.end_array(thresholds);
    let request_ids = writer.begin_array();
    named.request_ids.iter().for_each(|id| writer.text(id));
    writer.end_array(request_ids);
    if policy.broadcast {
        writer.text(channel);
        writer.text(&format!("{} {}", batch.ticket.client, batch.orchestrator.encoded()));
    } else {
        writer.text("");
        writer.text("");
    }
}

fn write_costs(writer: &mut Writer, batch: &Batch, named: &Named<'_>, costs_from: usize) {
    let limits = writer.begin_array();
    if batch.configured.has_cost() {
        batch.configured.cost.iter().for_each(|limit| writer.optional(*limit));
    }
    writer.end_array(limits);
    writer.uint(costs_from as u64);
    writer.uint(u64::from(named.costs == Costs::AsHeld));
}

fn write_request(
    writer: &mut Writer,
    records: &mut Records,
    named: &Named<'_>,
    request: &Request,
    override_key: usize,
) {
    let before = writer.elements();
    let Request { operation, deadline_ms } = request;
    writer.uint(kind_of(operation));
    let size_at = writer.position();
    writer.uint(0);
    // A deadline of 0 has passed as surely as one of 1.
    writer.uint(deadline_ms.map_or(0, |deadline_ms| deadline_ms.max(1)));
    match operation {
        Operation::Check { period, .. } | Operation::Stats { period } => writer.uint(number(*period)),
        Operation::Reserve { id, tokens, ttl_ms, cost_micros, .. } => {
            write_reservation(writer, named, id);
            writer.uint(*tokens);
            writer.uint(*ttl_ms);
            if named.has_costs() {
                writer.uint(*cost_micros);
            }
        }
        Operation::Settle { id, usage } => {
            write_reservation(writer, named, id);
            usage.iter().for_each(|usage| write_usage(writer, records, named, usage, Some(id)));
        }
        Operation::SettleUnheld { id, usage } => {
            write_mark(writer, named, id);
            usage.iter().for_each(|usage| write_usage(writer, records, named, usage, None));
        }
        Operation::Track(usage) => write_usage(writer, records, named, usage, None),
        Operation::SetBudget(limits) => writer.text(&limits.as_ref().map_or(String::new(), limits_text)),
        Operation::GetBudget | Operation::Sweep | Operation::Resume | Operation::GetPause => {}
        Operation::Pause { until_ms, document_json } => {
            // One that ended with the beginning of time has ended as surely as one of a millisecond later.
            writer.uint(until_ms.map_or(0, |until_ms| until_ms.max(1)));
            writer.text(document_json);
        }
        Operation::SetOverride(entry) => write_override(writer, entry, override_key),
        Operation::RemoveOverride { id } => {
            writer.uint(override_key as u64);
            writer.text(id);
        }
        Operation::ListOverrides { period } | Operation::ClearThresholds { period } => {
            writer.uint(period.map_or(0, number));
        }
        Operation::ListReservations { period, offset, limit } => {
            writer.uint(period.map_or(0, number));
            writer.uint(*offset);
            writer.uint(*limit);
        }
        Operation::History { period, offset, limit } => {
            writer.uint(number(*period));
            writer.uint(*offset);
            writer.uint(*limit);
        }
    }
    writer.patch_small(size_at, (writer.elements() - before) as u8);
}

fn kind_of(operation: &Operation) -> u64 {
    match operation {
        Operation::Track(_) => kind::TRACK,
        Operation::Settle { .. } | Operation::SettleUnheld { .. } => kind::SETTLE,
        Operation::Reserve { .. } => kind::RESERVE,
        Operation::Check { .. } => kind::CHECK,
        Operation::Stats { .. } => kind::STATS,
        Operation::Sweep => kind::SWEEP,
        Operation::SetBudget(_) => kind::SET_BUDGET,
        Operation::GetBudget => kind::GET_BUDGET,
        Operation::SetOverride(_) => kind::SET_OVERRIDE,
        Operation::RemoveOverride { .. } => kind::REMOVE_OVERRIDE,
        Operation::ListOverrides { .. } => kind::LIST_OVERRIDES,
        Operation::ListReservations { .. } => kind::LIST_RESERVATIONS,
        Operation::History { .. } => kind::HISTORY,
        Operation::ClearThresholds { .. } => kind::CLEAR_THRESHOLDS,
        Operation::Pause { .. } => kind::PAUSE,
        Operation::Resume => kind::RESUME,
        Operation::GetPause => kind::GET_PAUSE,
    }
}

fn write_reservation(writer: &mut Writer, named: &Named<'_>, id: &ReservationId) {
    writer.uint(named.slots.get(id.as_str()).copied().unwrap_or_default() as u64);
    writer.uint(u64::from(id.periods().bits()));
    let name = id.as_str().split_once('.').map_or(id.as_str(), |(name, _)| name);
    writer.text(name);
}

/// Takes the place of a reservation: no key, and the number of the mark.
fn write_mark(writer: &mut Writer, named: &Named<'_>, id: &UnheldId) {
    writer.uint(0);
    writer.uint(named.request_numbers.get(id.mark()).copied().unwrap_or_default() as u64);
    writer.text("");
}

fn write_usage(
    writer: &mut Writer,
    records: &mut Records,
    named: &Named<'_>,
    usage: &Usage,
    reservation: Option<&ReservationId>,
) {
    let parts = &usage.parts;
    let numbers = [usage.total, parts.prompt, parts.completion, parts.cache_read, parts.cache_write, parts.reasoning];
    numbers.iter().for_each(|tokens| writer.uint(*tokens));
    writer.uint(parts.unattributed(usage.total));
    writer.text(model_name(usage));
    writer.optional(usage.occurred_at_ms);
    writer.uint(records.add(usage, reservation));
    match usage.request_id.as_deref().and_then(|id| named.request_numbers.get(id)) {
        Some(request) => {
            writer.uint(*request as u64);
            writer.text(&known_numbers(&numbers));
        }
        None => writer.uint(0),
    }
    if named.has_costs() {
        writer.optional((!usage.costs_as_held).then_some(usage.cost_micros));
    }
}

/// The sums of usages that count alike, see [`super::runs`].
fn write_tracks(writer: &mut Writer, records: &mut Records, requests: &[Request]) {
    let before = writer.elements();
    writer.uint(kind::TRACKS);
    let size_at = writer.position();
    writer.uint(0);
    writer.uint(0);
    let usages = || requests.iter().filter_map(plain_usage);
    writer.uint(requests.len() as u64);
    let sum = |number: fn(&Usage) -> u64| usages().map(number).sum::<u64>();
    writer.uint(sum(|usage| usage.total));
    writer.uint(sum(|usage| usage.parts.prompt));
    writer.uint(sum(|usage| usage.parts.completion));
    writer.uint(sum(|usage| usage.parts.cache_read));
    writer.uint(sum(|usage| usage.parts.cache_write));
    writer.uint(sum(|usage| usage.parts.reasoning));
    writer.uint(sum(|usage| usage.parts.unattributed(usage.total)));
    writer.text(usages().next().map_or(UNKNOWN_MODEL, model_name));
    let numbers = usages().map(|usage| records.add(usage, None));
    writer.uint(numbers.fold(0, |first, number| if first == 0 { number } else { first }));
    let mut totals = Writer::with_capacity(requests.len() * 5 + 8);
    let array = totals.begin_array();
    usages().for_each(|usage| totals.uint(usage.total));
    totals.end_array(array);
    writer.bytes(&totals.into_bytes());
    writer.patch_small(size_at, (writer.elements() - before) as u8);
}

/// The numbers a request id is known with. Those at the end that are 0 are left out: the server keeps
/// this for every request id.
fn known_numbers(numbers: &[u64]) -> String {
    let length = numbers.iter().rposition(|number| *number > 0).map_or(0, |last| last + 1);
    numbers[..length].iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

fn model_name(usage: &Usage) -> &str {
    if usage.model.is_empty() { UNKNOWN_MODEL } else { &usage.model }
}

fn write_override(writer: &mut Writer, entry: &Override, override_key: usize) {
    writer.uint(override_key as u64);
    writer.text(&entry.id);
    // One of money is one of the periods behind those of tokens.
    let (behind, amount) = match entry.additional_cost {
        0 => (0, entry.additional_tokens),
        cost => (Period::ALL.len() as u64, cost),
    };
    writer.uint(number(entry.period) + behind);
    writer.uint(amount);
    writer.uint(entry.expires_at_ms);
    writer.text(&entry.document_json);
}

/// `hourly,daily,monthly`, `-` where there is no limit; behind a `;` the same of money, if it has any.
fn limits_text(limits: &Limits) -> String {
    let text = |limits: &[Option<u64>]| {
        let limits = limits.iter().map(|limit| limit.map_or("-".to_owned(), |limit| limit.to_string()));
        limits.collect::<Vec<_>>().join(",")
    };
    match limits.has_cost() {
        true => format!("{};{}", text(&limits.tokens), text(&limits.cost)),
        false => text(&limits.tokens),
    }
}

/// Periods are counted from 1 in scripts.
fn number(period: Period) -> u64 {
    period.index() as u64 + 1
}
