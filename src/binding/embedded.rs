//! A tracker in this process, for JavaScript.

use napi::bindgen_prelude::Float64Array;
use napi::{Error, Result};
use napi_derive::napi;

use super::calls::{self, Malformed, amount};
use super::config::Config;
use super::remote::invalid;
use super::text::Text;
use super::{events, query};
use crate::domain::decide::Reserving;
use crate::domain::error::OperationError;
use crate::domain::identifier::{OrchestratorId, ReservationId, encode_utf16};
use crate::domain::operation::{Operation, Outcome, PeriodView, Stats};
use crate::domain::period::PERIOD_COUNT;
use crate::domain::policy::Limits;
use crate::domain::usage::{Parts, Usage};
use crate::service::answer::FailureCode;
use crate::service::embedded as service;

/// Where calls that return a text put their status.
const STATUS_INDEX: usize = 63;

const EVENTS_WAIT: f64 = 1.0;

#[napi]
pub struct EmbeddedTracker {
    tracker: service::EmbeddedTracker,
    /// Made by the facade, which keeps it for its own; results are written there.
    out: Float64Array,
    last_error: String,
}

#[napi]
impl EmbeddedTracker {
    #[napi(constructor, ts_args_type = "config: string, out: Float64Array")]
    pub fn new(config: Text, out: Float64Array) -> Result<Self> {
        if out.len() <= STATUS_INDEX {
            return Err(invalid(format!("out: expected more than {STATUS_INDEX} numbers")));
        }
        let config = Config::parse(&config.to_text()).map_err(invalid)?;
        let settings = config.settings().map_err(invalid)?;
        let tracker = service::EmbeddedTracker::new(settings, config.memory_name.as_deref());
        Ok(Self { tracker, out, last_error: String::new() })
    }

    #[napi(ts_args_type = "orchestratorId: string, hourly: number, daily: number, monthly: number")]
    pub fn configure_budget(&mut self, orchestrator_id: Text, hourly: f64, daily: f64, monthly: f64) -> Result<()> {
        let id = orchestrator(&orchestrator_id)?;
        self.tracker.settings.orchestrator_budgets.insert(id, limits([hourly, daily, monthly]));
        Ok(())
    }

    #[napi(catch_unwind, ts_args_type = "orchestratorId: string, tokens: number, period: number, nowMs: number")]
    pub fn check(&mut self, orchestrator_id: Text, tokens: f64, period: f64, now_ms: f64) -> Result<f64> {
        let id = orchestrator(&orchestrator_id)?;
        let period = calls::period(exact("period", period)?).map_err(malformed)?;
        let (tokens, now_ms) = (exact("tokens", tokens)?, exact("nowMs", now_ms)?);
        let view = self.tracker.check(&id, period, tokens, now_ms);
        self.write(0, &view_numbers(&view));
        Ok(self.status())
    }

    #[napi(
        catch_unwind,
        ts_args_type = "orchestratorId: string, tokens: number, periods: number, ttlMs: number, nowMs: number"
    )]
    pub fn reserve(
        &mut self,
        orchestrator_id: Text,
        tokens: f64,
        periods: f64,
        ttl_ms: f64,
        now_ms: f64,
    ) -> Result<Option<String>> {
        let id = orchestrator(&orchestrator_id)?;
        let periods = calls::periods(exact("periods", periods)?).map_err(malformed)?;
        let (tokens, ttl_ms) = (exact("tokens", tokens)?, exact("ttlMs", ttl_ms)?);
        let reservation = ReservationId::generate(&id, periods);
        let now_ms = exact("nowMs", now_ms)?;
        let granted = match self.tracker.reserve(&id, &reservation, tokens, periods, ttl_ms, now_ms) {
            Reserving::Granted(grant) => {
                let remaining = grant.remaining.map_or(-1.0, |tokens| tokens as f64);
                self.write(0, &[grant.created_at_ms as f64, grant.expires_at_ms as f64, remaining]);
                Some(reservation.as_str().to_owned())
            }
            Reserving::Denied(view) => {
                self.write(0, &[view.period.index() as f64]);
                self.write(1, &view_numbers(&view));
                None
            }
        };
        let status = self.status();
        self.write(STATUS_INDEX, &[status]);
        Ok(granted)
    }

    #[napi(
        catch_unwind,
        ts_args_type = "reservationId: string, record: boolean, total: number, prompt: number, completion: number, cacheRead: number, cacheWrite: number, reasoning: number, model: string, sessionId: string, requestId: string | null, nowMs: number"
    )]
    #[allow(clippy::too_many_arguments)] // Numbers cross cheaply one by one; an object costs 1.1 µs.
    pub fn settle(
        &mut self,
        reservation_id: Text,
        record: bool,
        total: f64,
        prompt: f64,
        completion: f64,
        cache_read: f64,
        cache_write: f64,
        reasoning: f64,
        model: Text,
        session_id: Text,
        request_id: Option<Text>,
        now_ms: f64,
    ) -> Result<f64> {
        let now_ms = exact("nowMs", now_ms)?;
        let usage = Usage {
            total: exact("total", total)?,
            parts: parts([prompt, completion, cache_read, cache_write, reasoning])?,
            model: model.to_text(),
            session_id: session_id.to_text(),
            request_id: request_id.map(|id| encode_utf16(id.as_units())),
            metadata_json: None,
            reported_at_ms: now_ms,
            occurred_at_ms: None,
        };
        let Some(id) = ReservationId::parse(&reservation_id.to_text()) else {
            return Ok(-(FailureCode::ReservationNotFound as u8 as f64));
        };
        match self.tracker.settle(&id, record.then_some(&usage), now_ms) {
            Ok(settled) => {
                let flags = [f64::from(u8::from(settled.late)), f64::from(u8::from(settled.duplicate))];
                self.write(0, &[settled.reserved as f64, settled.recorded as f64, settled.overage as f64]);
                self.write(3, &[flags[0], flags[1], f64::from(settled.periods.bits())]);
                Ok(self.status())
            }
            Err(error) => Ok(self.failed(&error)),
        }
    }

    #[napi(
        catch_unwind,
        ts_args_type = "orchestratorId: string, total: number, prompt: number, completion: number, cacheRead: number, cacheWrite: number, reasoning: number, reportedAtMs: number, model: string, sessionId: string, requestId: string | null, metadataJson: string | null, nowMs: number"
    )]
    #[allow(clippy::too_many_arguments)] // As in `settle`.
    pub fn track(
        &mut self,
        orchestrator_id: Text,
        total: f64,
        prompt: f64,
        completion: f64,
        cache_read: f64,
        cache_write: f64,
        reasoning: f64,
        reported_at_ms: f64,
        model: Text,
        session_id: Text,
        request_id: Option<Text>,
        metadata_json: Option<Text>,
        now_ms: f64,
    ) -> Result<f64> {
        let id = orchestrator(&orchestrator_id)?;
        let (reported_at_ms, now_ms) = (exact("reportedAtMs", reported_at_ms)?, exact("nowMs", now_ms)?);
        let usage = Usage {
            total: exact("total", total)?,
            parts: parts([prompt, completion, cache_read, cache_write, reasoning])?,
            model: model.to_text(),
            session_id: session_id.to_text(),
            request_id: request_id.map(|id| encode_utf16(id.as_units())),
            metadata_json: metadata_json.map(|json| json.to_text()),
            reported_at_ms,
            occurred_at_ms: (reported_at_ms < now_ms).then_some(reported_at_ms),
        };
        match self.tracker.track(&id, &usage, now_ms) {
            Ok(tracked) => {
                self.write(0, &[f64::from(u8::from(tracked.duplicate))]);
                Ok(self.status())
            }
            Err(error) => Ok(self.failed(&error)),
        }
    }

    #[napi(catch_unwind, ts_args_type = "orchestratorId: string, period: number, nowMs: number")]
    pub fn stats(&mut self, orchestrator_id: Text, period: f64, now_ms: f64) -> Result<String> {
        let id = orchestrator(&orchestrator_id)?;
        let period = calls::period(exact("period", period)?).map_err(malformed)?;
        let outcome = self.tracker.apply(&id, Operation::Stats { period }, exact("nowMs", now_ms)?);
        let (status, names) = match outcome {
            Ok(Outcome::Stats(stats)) => {
                self.write_stats(&stats);
                let names: Vec<_> = stats.models.iter().map(|(model, _)| model.as_str()).collect();
                (self.status(), serde_json::to_string(&names).unwrap_or_default())
            }
            Ok(_) => (self.status(), "[]".to_owned()),
            Err(error) => (self.failed(&error), "[]".to_owned()),
        };
        self.write(STATUS_INDEX, &[status]);
        Ok(names)
    }

    #[napi(catch_unwind, ts_args_type = "verb: number, orchestratorId: string, argumentsJson: string, nowMs: number")]
    pub fn query(&mut self, verb: u32, orchestrator_id: Text, arguments_json: Text, now_ms: f64) -> Result<String> {
        let id = orchestrator(&orchestrator_id)?;
        let operation = query::operation(verb, &arguments_json.to_text()).map_err(invalid)?;
        let (status, json) = match self.tracker.apply(&id, operation, exact("nowMs", now_ms)?) {
            Ok(outcome) => (self.status(), query::answer_json(&outcome)),
            Err(error) => (self.failed(&error), "{}".to_owned()),
        };
        self.write(STATUS_INDEX, &[status]);
        Ok(json)
    }

    /// Gives back what expired anywhere in the store.
    #[napi(catch_unwind)]
    pub fn sweep(&mut self, now_ms: f64) -> Result<f64> {
        self.tracker.sweep(exact("nowMs", now_ms)?);
        Ok(self.status())
    }

    /// When the next reservation anywhere in the store expires, or -1.
    #[napi]
    pub fn next_expiry_ms(&self) -> f64 {
        self.tracker.next_expiry_ms().map_or(-1.0, |expiry_ms| expiry_ms as f64)
    }

    #[napi]
    pub fn take_events(&mut self) -> String {
        events::to_json(&self.tracker.take_events())
    }

    /// Lets go of the store.
    #[napi]
    pub fn close(&mut self) {
        self.tracker.close();
    }

    /// What the last negative status was about.
    #[napi]
    pub fn last_error(&mut self) -> String {
        std::mem::take(&mut self.last_error)
    }

    fn status(&self) -> f64 {
        if self.tracker.has_events() { EVENTS_WAIT } else { 0.0 }
    }

    fn failed(&mut self, error: &OperationError) -> f64 {
        self.last_error = error.to_string();
        -(FailureCode::of(error) as u8 as f64)
    }

    fn write(&mut self, from: usize, numbers: &[f64]) {
        // SAFETY: the facade uses the array on this thread only and never detaches it; its length
        // was checked when it was handed over.
        let out = unsafe { self.out.as_mut() };
        if let Some(slots) = out.get_mut(from..from + numbers.len()) {
            slots.copy_from_slice(numbers);
        }
    }

    fn write_stats(&mut self, stats: &Stats) {
        self.write(0, &view_numbers(&stats.view));
        let parts = &stats.parts;
        let counts = [stats.open_reservations, parts.prompt, parts.completion, parts.cache_read];
        self.write(5, &counts.map(|count| count as f64));
        let counts = [parts.cache_write, parts.reasoning, stats.unattributed, stats.models.len() as u64];
        self.write(9, &counts.map(|count| count as f64));
        let tokens: Vec<_> = stats.models.iter().map(|(_, tokens)| *tokens as f64).collect();
        self.write(13, &tokens);
    }
}

fn view_numbers(view: &PeriodView) -> [f64; 5] {
    let limit = view.limit.map_or(-1.0, |limit| limit as f64);
    [view.used as f64, view.reserved as f64, limit, view.window.start_ms as f64, view.window.end_ms as f64]
}

/// NaN is unlimited.
pub(super) fn limits(limits: [f64; PERIOD_COUNT]) -> Limits {
    Limits(limits.map(amount))
}

fn orchestrator(id: &Text) -> Result<OrchestratorId> {
    calls::orchestrator(id.as_units()).map_err(malformed)
}

fn malformed(error: Malformed) -> Error {
    invalid(match error {
        Malformed::Argument(message) => message,
        Malformed::Submission => "malformed call".to_owned(),
    })
}

/// Refuses what the facade should have refused.
fn exact(name: &str, value: f64) -> Result<u64> {
    amount(value).ok_or_else(|| invalid(format!("{name}: expected an integer from 0 to 2^53-1")))
}

fn parts([prompt, completion, cache_read, cache_write, reasoning]: [f64; 5]) -> Result<Parts> {
    Ok(Parts {
        prompt: exact("prompt", prompt)?,
        completion: exact("completion", completion)?,
        cache_read: exact("cacheRead", cache_read)?,
        cache_write: exact("cacheWrite", cache_write)?,
        reasoning: exact("reasoning", reasoning)?,
    })
}
