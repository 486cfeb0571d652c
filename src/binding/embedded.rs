//! A tracker in this process, for JavaScript.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use napi::Result;
use napi::bindgen_prelude::Float64Array;
use napi_derive::napi;

use super::calls;
use super::config::Config;
use super::convert::{VIEW_LENGTH, exact, invalid, limits, malformed, orchestrator, view_numbers};
use super::frequent::{Kept, Operations};
use super::text::Text;
use super::{events, query, storage};
use crate::domain::error::OperationError;
use crate::domain::operation::{Operation, Outcome, Stats};
use crate::service::answer::FailureCode;
use crate::service::embedded as service;

/// Where calls that return no number put their status.
const STATUS_INDEX: usize = 63;

const EVENTS_WAIT: f64 = 1.0;

#[napi]
pub struct EmbeddedTracker {
    embedded: Rc<RefCell<Embedded>>,
}

/// What the tracker and its functions share.
pub(super) struct Embedded {
    pub(super) tracker: service::EmbeddedTracker,
    pub(super) kept: Kept,
    /// Made by the facade, which keeps it for its own. Numbers of frequent operations come there,
    /// results are written there.
    numbers: Float64Array,
    last_error: String,
}

#[napi]
impl EmbeddedTracker {
    #[napi(constructor, ts_args_type = "config: string, numbers: Float64Array")]
    pub fn new(config: Text, numbers: Float64Array) -> Result<Self> {
        if numbers.len() <= STATUS_INDEX {
            return Err(invalid(format!("numbers: expected more than {STATUS_INDEX}")));
        }
        let config = Config::parse(&config.to_text()).map_err(invalid)?;
        let settings = config.settings().map_err(invalid)?;
        let tracker = match &config.storage {
            Some(storage) => service::EmbeddedTracker::on_disk(settings, storage::opened(&storage.path)?),
            None => service::EmbeddedTracker::new(settings, config.memory_name.as_deref()),
        };
        let embedded = Embedded { tracker, kept: Kept::default(), numbers, last_error: String::new() };
        Ok(Self { embedded: Rc::new(RefCell::new(embedded)) })
    }

    /// The frequent operations.
    #[napi(ts_return_type = "object")]
    pub fn operations(&self) -> Operations {
        Operations(Rc::clone(&self.embedded))
    }

    #[napi(ts_args_type = "orchestratorId: string, limits: Float64Array")]
    pub fn configure_budget(&self, orchestrator_id: Text, given: Float64Array) -> Result<()> {
        let id = orchestrator(&orchestrator_id)?;
        let settings = &mut self.lock()?.tracker.settings;
        settings.orchestrator_budgets.insert(id, limits(&given));
        Ok(())
    }

    #[napi(catch_unwind, ts_args_type = "orchestratorId: string, period: number, nowMs: number")]
    pub fn stats(&self, orchestrator_id: Text, period: f64, now_ms: f64) -> Result<String> {
        let id = orchestrator(&orchestrator_id)?;
        let period = calls::period(exact("period", period)?).map_err(malformed)?;
        let mut embedded = self.lock()?;
        let outcome = embedded.tracker.apply(&id, Operation::Stats { period }, exact("nowMs", now_ms)?);
        let names = match outcome {
            Ok(Outcome::Stats(stats)) => {
                embedded.write_stats(&stats);
                embedded.answer();
                let names: Vec<_> = stats.models.iter().map(|(model, _)| model.as_str()).collect();
                serde_json::to_string(&names).unwrap_or_default()
            }
            Ok(_) => {
                embedded.answer();
                "[]".to_owned()
            }
            Err(error) => {
                embedded.fail(&error);
                "[]".to_owned()
            }
        };
        Ok(names)
    }

    #[napi(catch_unwind, ts_args_type = "verb: number, orchestratorId: string, argumentsJson: string, nowMs: number")]
    pub fn query(&self, verb: u32, orchestrator_id: Text, arguments_json: Text, now_ms: f64) -> Result<String> {
        let id = orchestrator(&orchestrator_id)?;
        let operation = query::operation(verb, &arguments_json.to_text()).map_err(invalid)?;
        let mut embedded = self.lock()?;
        if operation.writes() && !embedded.accepts() {
            return Ok("{}".to_owned());
        }
        match embedded.tracker.apply(&id, operation, exact("nowMs", now_ms)?) {
            Ok(outcome) => {
                embedded.answer();
                Ok(query::answer_json(&outcome))
            }
            Err(error) => {
                embedded.fail(&error);
                Ok("{}".to_owned())
            }
        }
    }

    /// Gives back what expired anywhere in the store.
    #[napi(catch_unwind)]
    pub fn sweep(&self, now_ms: f64) -> Result<f64> {
        let mut embedded = self.lock()?;
        embedded.tracker.sweep(exact("nowMs", now_ms)?);
        Ok(embedded.status())
    }

    /// When the next reservation anywhere in the store expires, or -1.
    #[napi]
    pub fn next_expiry_ms(&self) -> Result<f64> {
        Ok(self.lock()?.tracker.next_expiry_ms().map_or(-1.0, |expiry_ms| expiry_ms as f64))
    }

    #[napi]
    pub fn take_events(&self) -> Result<String> {
        Ok(events::to_json(&self.lock()?.tracker.take_events()))
    }

    /// Lets go of the store.
    #[napi]
    pub fn close(&self) -> Result<()> {
        self.lock()?.tracker.close();
        Ok(())
    }

    /// What the last negative status was about.
    #[napi]
    pub fn last_error(&self) -> Result<String> {
        Ok(std::mem::take(&mut self.lock()?.last_error))
    }
}

impl EmbeddedTracker {
    /// Nothing in here calls back into JavaScript, so that it is free whenever somebody asks.
    fn lock(&self) -> Result<RefMut<'_, Embedded>> {
        self.embedded.try_borrow_mut().map_err(|_| invalid("called while it runs".into()))
    }
}

impl Embedded {
    fn status(&self) -> f64 {
        if self.tracker.has_events() { EVENTS_WAIT } else { 0.0 }
    }

    /// The operation succeeded.
    pub(super) fn answer(&mut self) {
        self.answer_with(self.status());
    }

    pub(super) fn fail(&mut self, error: &OperationError) {
        self.last_error = error.to_string();
        self.answer_with(-(FailureCode::of(error) as u8 as f64));
    }

    /// Whether something can be recorded; if not, the operation has failed.
    pub(super) fn accepts(&mut self) -> bool {
        let Err(error) = self.tracker.accept() else { return true };
        self.last_error = error.to_string();
        self.answer_with(-(FailureCode::StoreUnavailable as u8 as f64));
        false
    }

    pub(super) fn answer_with(&mut self, status: f64) {
        self.write(STATUS_INDEX, &[status]);
    }

    pub(super) fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    pub(super) fn write(&mut self, from: usize, numbers: &[f64]) {
        // SAFETY: the facade uses the array on this thread only and never detaches it; its length
        // was checked when it was handed over.
        let out = unsafe { self.numbers.as_mut() };
        if let Some(slots) = out.get_mut(from..from + numbers.len()) {
            slots.copy_from_slice(numbers);
        }
    }

    fn write_stats(&mut self, stats: &Stats) {
        self.write(0, &view_numbers(&stats.view));
        let parts = &stats.parts;
        let counts = [stats.open_reservations, parts.prompt, parts.completion, parts.cache_read];
        self.write(VIEW_LENGTH, &counts.map(|count| count as f64));
        let counts = [parts.cache_write, parts.reasoning, stats.unattributed, stats.models.len() as u64];
        self.write(VIEW_LENGTH + 4, &counts.map(|count| count as f64));
        let tokens: Vec<_> = stats.models.iter().map(|(_, tokens)| *tokens as f64).collect();
        self.write(VIEW_LENGTH + 8, &tokens);
    }
}
