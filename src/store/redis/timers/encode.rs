//! Turns a batch into one script call. `lua/timer_batch.lua` names every key and element.

use std::fmt::Write as _;

use super::keys::ShardKeys;
use crate::domain::timers::check::kept_error;
use crate::domain::timers::operation::{Change, Due, NewDelivery, NewTimer, Operation, Request, Status};
use crate::domain::tokens::MAX_TOKENS;
use crate::store::TimerBatch;
use crate::store::redis::keys::Keys;
use crate::store::redis::msgpack::Writer;
use crate::store::redis::script::{self, Script};
use crate::store::redis::transport::Call;

/// The script call that applies `batch`. `clock_ms`: a clock that takes the server's place; 0 is the server's.
/// `is_full`: the server has no memory for new timers.
pub fn batch_call(keys: &Keys, batch: &TimerBatch, clock_ms: u64, is_full: bool) -> Call {
    let bytes = 256 + batch.requests.len() * 320;
    let mut encoder = Encoder { writer: Writer::with_capacity(bytes), ..Encoder::default() };
    let array = encoder.writer.begin_array();
    let writes = batch.requests.iter().any(|request| request.operation.writes());
    let writer = &mut encoder.writer;
    writer.uint(batch.ticket.sequence);
    writer.uint(u64::from(batch.ticket.retry && writes));
    writer.uint(clock_ms);
    writer.uint(u64::from(writes));
    writer.uint(batch.policy.keep_ended_ms.min(MAX_TOKENS));
    writer.uint(batch.policy.keep_dead_ms.min(MAX_TOKENS));
    writer.uint(u64::from(is_full));
    writer.text(batch.shard.encoded());
    writer.text(&keys.timers_news_channel());
    writer.text(&keys.timers_events_channel());
    batch.requests.iter().for_each(|request| encoder.request(request));
    encoder.writer.end_array(array);
    let mut args = vec![encoder.writer.into_bytes()];
    args.extend(encoder.texts);
    let keys = ShardKeys::of(keys, &batch.shard).all(&batch.ticket.client);
    Call { script: script_for(batch, is_full), keys, args }
}

/// A batch that makes timers is not begun when the server's memory is full, unless that is known already.
fn script_for(batch: &TimerBatch, is_full: bool) -> &'static Script {
    let makes_timers = batch.requests.iter().any(|request| matches!(request.operation, Operation::Create(_)));
    if makes_timers && !is_full { &script::TIMER_CREATE } else { &script::TIMER_BATCH }
}

#[derive(Default)]
struct Encoder {
    writer: Writer,
    /// Arguments behind the first.
    texts: Vec<Vec<u8>>,
    /// What is put together for one element, in memory that is used again.
    text: Writer,
    member: String,
}

impl Encoder {
    /// The number among the arguments of a text that clients alone read.
    fn text_of(&mut self, fields: &[&str]) -> u64 {
        let mut writer = Writer::with_capacity(16 + fields.iter().map(|field| field.len() + 5).sum::<usize>());
        writer.texts(fields);
        self.texts.push(writer.into_bytes());
        self.texts.len() as u64 + 1
    }

    fn request(&mut self, Request { operation, deadline_ms }: &Request) {
        let before = self.writer.elements();
        self.writer.uint(kind_of(operation));
        let size_at = self.writer.position();
        self.writer.uint(0);
        // A deadline of 0 has passed as surely as one of 1.
        self.writer.uint(deadline_ms.map_or(0, |deadline_ms| deadline_ms.clamp(1, MAX_TOKENS)));
        self.fields(operation);
        let size = self.writer.elements() - before;
        self.writer.patch_small(size_at, size as u8);
    }

    fn fields(&mut self, operation: &Operation) {
        match operation {
            Operation::Create(timer) => self.new_timer(timer),
            Operation::Get { id }
            | Operation::Cancel { id }
            | Operation::Redeliver { id }
            | Operation::Discard { id }
            | Operation::Delivered { id, .. } => self.writer.text(id),
            Operation::Update { id, change } => self.update(id, change),
            Operation::List { status, name, owner, after, limit } => {
                self.writer.text(after);
                self.writer.optional(status.map(number_of));
                self.optional_text(name.as_deref());
                self.optional_text(owner.as_deref());
                self.writer.uint((*limit).min(MAX_TOKENS));
            }
            Operation::Claim { holder, lease_ms, timers, deliveries } => {
                self.writer.text(holder);
                for number in [lease_ms, timers, deliveries] {
                    self.writer.uint((*number).min(MAX_TOKENS));
                }
            }
            Operation::Fired { id, nonce, holder, occurrence, next_fire_at_ms, delivery } => {
                for text in [id, holder, nonce] {
                    self.writer.text(text);
                }
                self.writer.uint((*occurrence).min(MAX_TOKENS));
                self.writer.optional(next_fire_at_ms.map(|next_ms| next_ms.min(MAX_TOKENS)));
                self.new_delivery(nonce, *occurrence, delivery.as_ref());
            }
            Operation::Release { holder, timers, deliveries } => self.claims(holder, timers, deliveries),
            Operation::Renew { holder, lease_ms, timers, deliveries } => {
                self.claims(holder, timers, deliveries);
                self.writer.uint((*lease_ms).min(MAX_TOKENS));
            }
            Operation::Undelivered { id, holder, error, retry_in_ms, disable } => {
                for text in [&**id, &**holder, kept_error(error)] {
                    self.writer.text(text);
                }
                self.writer.optional(retry_in_ms.map(|retry_in_ms| retry_in_ms.min(MAX_TOKENS)));
                self.writer.uint(u64::from(*disable));
            }
            Operation::Deliveries { dead, after, limit } => {
                self.writer.text(after);
                self.writer.uint(u64::from(*dead));
                self.writer.uint((*limit).min(MAX_TOKENS));
            }
            Operation::Endpoint { endpoint, enabled } => {
                self.writer.optional(None);
                self.writer.uint(u64::from(*enabled));
                self.writer.text(endpoint);
            }
            Operation::Endpoints => {}
            Operation::Broadcast { message } => {
                self.texts.push(message.as_bytes().to_vec());
                self.writer.optional(None);
                self.writer.uint(self.texts.len() as u64 + 1);
            }
        }
    }

    fn new_timer(&mut self, timer: &NewTimer) {
        let NewTimer { id, name, owner, due, document_json, recurrence_json, nonce, fingerprint } = timer;
        self.writer.text(id);
        self.due(*due);
        self.text.clear();
        self.text.texts(&[name, owner, document_json, recurrence_json, fingerprint, nonce]);
        self.writer.bytes(self.text.as_bytes());
        self.listed_as(name, id);
        match owner.is_empty() {
            true => self.writer.optional(None),
            false => self.listed_as(owner, id),
        }
    }

    /// What the lists of names and of owners have of a timer. The length keeps names apart that begin alike.
    fn listed_as(&mut self, term: &str, id: &str) {
        self.member.clear();
        // Never fails: it is memory that is written to.
        let _ = write!(self.member, "{}:{term}{id}", term.len());
        self.writer.text(&self.member);
    }

    fn update(&mut self, id: &str, change: &Change) {
        self.writer.text(id);
        match change.due {
            Some(due) => self.due(due),
            None => {
                self.writer.optional(None);
                self.writer.uint(0);
            }
        }
        let Change { name, owner, due: _, document_json, recurrence_json } = change;
        for text in [name, owner, document_json, recurrence_json] {
            self.optional_text(text.as_deref());
        }
    }

    fn due(&mut self, due: Due) {
        let (kind, value_ms) = match due {
            Due::In(in_ms) => (0, in_ms),
            Due::At(at_ms) => (1, at_ms),
        };
        self.writer.uint(kind);
        self.writer.uint(value_ms.min(MAX_TOKENS));
    }

    fn new_delivery(&mut self, nonce: &str, occurrence: u64, delivery: Option<&NewDelivery>) {
        let Some(NewDelivery { endpoint, document_json, lease_ms }) = delivery else {
            self.writer.text("");
            self.writer.uint(0);
            return self.writer.uint(0);
        };
        self.writer.text(&format!("{nonce}.{occurrence}"));
        let text = self.text_of(&[endpoint, document_json]);
        self.writer.uint(text);
        self.writer.uint((*lease_ms).min(MAX_TOKENS));
    }

    fn claims(&mut self, holder: &str, timers: &[Box<str>], deliveries: &[Box<str>]) {
        self.writer.text(holder);
        for ids in [timers, deliveries] {
            let array = self.writer.begin_array();
            ids.iter().for_each(|id| self.writer.text(id));
            self.writer.end_array(array);
        }
    }

    fn optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.writer.text(text),
            None => self.writer.optional(None),
        }
    }
}

/// Numbers of operations in the script.
fn kind_of(operation: &Operation) -> u64 {
    match operation {
        Operation::Create(_) => 1,
        Operation::Get { .. } => 2,
        Operation::Cancel { .. } => 3,
        Operation::Update { .. } => 4,
        Operation::List { .. } => 5,
        Operation::Claim { .. } => 6,
        Operation::Fired { .. } => 7,
        Operation::Release { .. } => 8,
        Operation::Renew { .. } => 9,
        Operation::Delivered { .. } => 10,
        Operation::Undelivered { .. } => 11,
        Operation::Deliveries { .. } => 12,
        Operation::Redeliver { .. } => 13,
        Operation::Discard { .. } => 14,
        Operation::Endpoint { .. } => 15,
        Operation::Endpoints => 16,
        Operation::Broadcast { .. } => 17,
    }
}

fn number_of(status: Status) -> u64 {
    match status {
        Status::Scheduled => 0,
        Status::Fired => 1,
        Status::Cancelled => 2,
    }
}
