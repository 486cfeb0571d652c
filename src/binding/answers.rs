//! Answers of a tracker as records.

use super::query;
use super::record::{RecordWriter, Records};
use crate::domain::credentials::operation as credentials;
use crate::domain::operation::{Outcome, PeriodView, Settlement, Stats};
use crate::domain::rate_limit::operation as rate_limit;
use crate::domain::timers::operation as timers;
use crate::service::answer::{Answer, CallId, Event};
use crate::service::remote::Outbox;

/// Kinds of records, see `docs/boundary.md`.
pub(super) mod kind {
    pub const CHECK: f64 = 1.0;
    pub const RESERVED: f64 = 2.0;
    pub const DENIED: f64 = 3.0;
    pub const SETTLED: f64 = 4.0;
    pub const TRACKED: f64 = 5.0;
    pub const STATS: f64 = 6.0;
    pub const ANSWER: f64 = 7.0;
    pub const DONE: f64 = 8.0;
    pub const SPOOLED: f64 = 9.0;
    pub const ERROR: f64 = 10.0;
    pub const CLOSED: f64 = 11.0;
    pub const STORE_DOWN: f64 = 12.0;
    pub const LIMIT_GRANTED: f64 = 13.0;
    pub const LIMIT_WAITING: f64 = 14.0;
    pub const LIMIT_SETTLED: f64 = 15.0;
    pub const PICKED: f64 = 16.0;
    pub const TIMER_CREATED: f64 = 17.0;
    pub const THRESHOLD: f64 = 20.0;
    pub const EXPIRED: f64 = 21.0;
    pub const CONNECTED: f64 = 22.0;
    pub const DISCONNECTED: f64 = 23.0;
    pub const WARNING: f64 = 24.0;
    pub const DUE: f64 = 25.0;
    pub const MESSAGE: f64 = 26.0;
    pub const BREAKER: f64 = 27.0;
    pub const LISTENING: f64 = 28.0;
    pub const PAUSE: f64 = 29.0;
}

impl Outbox for Records {
    fn push(&mut self, answer: Answer) {
        write_answer(self, answer);
    }
}

fn write_answer(records: &mut Records, answer: Answer) {
    match answer {
        Answer::Outcome { call, outcome } => write_outcome(records, call, &outcome),
        Answer::Reserved { call, id, created_at_ms, expires_at_ms, remaining, store_down } => {
            records.push(kind::RESERVED, call, |record| {
                record.text(&id).amount(created_at_ms).amount(expires_at_ms).limit(remaining).flag(store_down);
            });
        }
        Answer::Denied { call, view, store_down } => records.push(kind::DENIED, call, |record| {
            record.amount(view.period.index() as u64);
            write_view(record, &view);
            record.flag(store_down);
        }),
        Answer::Settled { call, orchestrator, settlement } => records.push(kind::SETTLED, call, |record| {
            write_settlement(record, &settlement);
            record.units(&orchestrator.decoded_utf16());
        }),
        Answer::Limit { call, outcome } => write_limit(records, call, &outcome),
        Answer::Credential { call, outcome, now_ms } => write_credential(records, call, &outcome, now_ms),
        Answer::Timer { call, outcome, now_ms, next_due_ms } => {
            write_timer(records, call, &outcome, now_ms, next_due_ms);
        }
        Answer::Breaker { call, outcome, now_ms } => records.push(kind::ANSWER, call, |record| {
            record.text(&serde_json::to_string(&outcome).unwrap_or_default()).amount(now_ms);
        }),
        Answer::Done { call } => records.push(kind::DONE, call, |_| ()),
        Answer::Spooled { call } => records.push(kind::SPOOLED, call, |_| ()),
        Answer::StoreDown { call, allowed } => records.push(kind::STORE_DOWN, call, |record| {
            record.flag(allowed);
        }),
        Answer::Failed { call, code, message } => records.push(kind::ERROR, call, |record| {
            record.amount(code as u64).text(&message);
        }),
        Answer::Closed { call, lost } => records.push(kind::CLOSED, call, |record| {
            record.amount(lost);
        }),
        Answer::Event(event) => write_event(records, &event),
    }
}

fn write_outcome(records: &mut Records, call: CallId, outcome: &Outcome) {
    match outcome {
        Outcome::Check(view) => records.push(kind::CHECK, call, |record| write_view(record, view)),
        Outcome::Tracked { duplicate, .. } => records.push(kind::TRACKED, call, |record| {
            record.flag(*duplicate);
        }),
        Outcome::Stats(stats) => records.push(kind::STATS, call, |record| write_stats(record, stats)),
        outcome => records.push(kind::ANSWER, call, |record| {
            record.text(&query::answer_json(outcome));
        }),
    }
}

fn write_limit(records: &mut Records, call: CallId, outcome: &rate_limit::Outcome) {
    match outcome {
        rate_limit::Outcome::Granted(grant) => records.push(kind::LIMIT_GRANTED, call, |record| {
            record.amount(grant.admitted_at_ms).amount(grant.expires_at_ms);
        }),
        rate_limit::Outcome::Waiting { wait_ms, ahead, .. } => records.push(kind::LIMIT_WAITING, call, |record| {
            record.amount(*wait_ms).amount(*ahead);
        }),
        rate_limit::Outcome::Settled { known, late, estimated } => {
            records.push(kind::LIMIT_SETTLED, call, |record| {
                record.flag(*known).flag(*late);
                record.amount(estimated.input_tokens).amount(estimated.output_tokens);
            });
        }
        outcome => write_json(records, call, outcome),
    }
}

fn write_credential(records: &mut Records, call: CallId, outcome: &credentials::Outcome, now_ms: u64) {
    match outcome {
        credentials::Outcome::Picked { fingerprint, picked_at_ms, left, resets_at_ms } => {
            records.push(kind::PICKED, call, |record| {
                record.text(fingerprint).amount(*picked_at_ms).limit(*left).amount(*resets_at_ms);
            });
        }
        outcome => records.push(kind::ANSWER, call, |record| {
            record.text(&serde_json::to_string(outcome).unwrap_or_default()).amount(now_ms);
        }),
    }
}

/// Who asked for a new timer knows all of it but its instants.
fn write_timer(records: &mut Records, call: CallId, outcome: &timers::Outcome, now_ms: u64, next_due_ms: Option<u64>) {
    match outcome {
        timers::Outcome::Created { timer, is_new: true } => records.push(kind::TIMER_CREATED, call, |record| {
            record.amount(timer.fire_at_ms).amount(now_ms).limit(next_due_ms);
        }),
        outcome => records.push(kind::ANSWER, call, |record| {
            record.text(&serde_json::to_string(outcome).unwrap_or_default()).amount(now_ms).limit(next_due_ms);
        }),
    }
}

fn write_json(records: &mut Records, call: CallId, outcome: &impl serde::Serialize) {
    records.push(kind::ANSWER, call, |record| {
        record.text(&serde_json::to_string(outcome).unwrap_or_default());
    });
}

fn write_view(record: &mut RecordWriter<'_>, view: &PeriodView) {
    record.amount(view.used).amount(view.reserved).limit(view.limit);
    record.amount(view.window.start_ms).amount(view.window.end_ms).limit(view.paused_until_ms);
    record.amount(view.cost.used).amount(view.cost.reserved).limit(view.cost.limit);
}

fn write_settlement(record: &mut RecordWriter<'_>, settlement: &Settlement) {
    record.amount(settlement.reserved).amount(settlement.recorded).amount(settlement.overage);
    record.flag(settlement.late).flag(settlement.duplicate).amount(settlement.periods.bits().into());
    record.amount(settlement.reserved_cost).amount(settlement.recorded_cost);
}

fn write_stats(record: &mut RecordWriter<'_>, stats: &Stats) {
    write_view(record, &stats.view);
    let parts = &stats.parts;
    record.amount(stats.open_reservations).amount(parts.prompt).amount(parts.completion);
    record.amount(parts.cache_read).amount(parts.cache_write).amount(parts.reasoning);
    record.amount(stats.unattributed).amount(stats.models.len() as u64);
    for (_, tokens) in &stats.models {
        record.amount(*tokens);
    }
    for (model, _) in &stats.models {
        record.text(model);
    }
}

fn write_event(records: &mut Records, event: &Event) {
    match event {
        Event::Threshold { orchestrator, threshold, transition } => records.push(kind::THRESHOLD, 0, |record| {
            record.amount(transition.number() as u64).number(*threshold);
            record.amount(transition.used).amount(transition.reserved).amount(transition.limit);
            record.amount(transition.at_ms).units(&orchestrator.decoded_utf16());
        }),
        Event::Expired { orchestrator, reservation } => records.push(kind::EXPIRED, 0, |record| {
            record.amount(reservation.tokens).amount(reservation.periods.bits().into());
            record.amount(reservation.created_at_ms).amount(reservation.expires_at_ms);
            record.amount(reservation.cost_micros);
            record.text(reservation.id.as_str()).units(&orchestrator.decoded_utf16());
        }),
        Event::Pause { orchestrator, pause } => records.push(kind::PAUSE, 0, |record| {
            let json = pause.as_ref().map_or(String::new(), query::pause_json);
            record.text(&json).units(&orchestrator.decoded_utf16());
        }),
        Event::Connected { address } => records.push(kind::CONNECTED, 0, |record| {
            record.text(address);
        }),
        Event::Disconnected { address, reason } => records.push(kind::DISCONNECTED, 0, |record| {
            record.text(address).text(reason);
        }),
        Event::Warning { message } => records.push(kind::WARNING, 0, |record| {
            record.text(message);
        }),
        Event::Due { shard, due_ms } => records.push(kind::DUE, 0, |record| {
            record.amount(*due_ms).units(&shard.decoded_utf16());
        }),
        Event::Message { message } => records.push(kind::MESSAGE, 0, |record| {
            record.text(message);
        }),
        Event::Breaker { breaker, view_json } => records.push(kind::BREAKER, 0, |record| {
            record.units(&breaker.decoded_utf16()).text(view_json);
        }),
        Event::Listening => records.push(kind::LISTENING, 0, |_| {}),
    }
}
