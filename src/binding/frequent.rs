//! The operations of an embedded tracker that are called often.
//!
//! Their numbers come in the array that the results go to. A text that is the same as in the call
//! before, which most are, does not cross again: see "Embedded operations" in `docs/boundary.md`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use napi::bindgen_prelude::{JsObjectValue, Object, ToNapiValue, TypeName};
use napi::{Result, ValueType, check_status, sys};

use super::calls;
use super::convert::{exact, malformed, view_numbers};
use super::direct::{Call, enter, function, nothing};
use super::embedded::Embedded;
use super::text::set_text;
use crate::domain::decide::{Amount, Reserving};
use crate::domain::error::OperationError;
use crate::domain::identifier::{OrchestratorId, ReservationId, UnheldId, encode_utf16};
use crate::domain::usage::{Parts, Usage};

/// Which texts a call brings.
const GIVEN_INDEX: usize = 62;

/// What the usage of a settle cost, and what stands there when nobody knows.
const SETTLED_COST_INDEX: usize = 8;
const COSTS_AS_HELD: f64 = -1.0;

mod given {
    pub const ORCHESTRATOR: u32 = 1;
    pub const MODEL: u32 = 2;
    pub const SESSION: u32 = 4;
    pub const REQUEST: u32 = 8;
    pub const METADATA: u32 = 16;
}

/// The texts of the last call, and a buffer.
#[derive(Default)]
pub(super) struct Kept {
    orchestrator: Option<OrchestratorId>,
    /// Its model and its session are kept, the rest is written anew by each call.
    usage: Usage,
    units: Vec<u16>,
}

/// The functions, as properties of one object.
pub struct Operations(pub(super) Rc<RefCell<Embedded>>);

impl TypeName for Operations {
    fn type_name() -> &'static str {
        "object"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for Operations {
    unsafe fn to_napi_value(env: sys::napi_env, Self(embedded): Self) -> Result<sys::napi_value> {
        let callbacks: [(&str, sys::napi_callback); 4] =
            [("check", Some(check)), ("reserve", Some(reserve)), ("settle", Some(settle)), ("track", Some(track))];
        let mut object = std::ptr::null_mut();
        // SAFETY: `env` is that of the running call, and every callback enters an `Embedded`.
        unsafe {
            check_status!(sys::napi_create_object(env, &mut object))?;
            for (name, callback) in callbacks {
                let value = function(env, name, callback, &embedded)?;
                Object::from_raw(env, object).set_named_property(name, Object::from_raw(env, value))?;
            }
        }
        Ok(object)
    }
}

unsafe extern "C" fn check(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: node calls with what belongs together; the function was made over an `Embedded`.
    unsafe { enter(env, info, Embedded::check) }
}

unsafe extern "C" fn reserve(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `check`.
    unsafe { enter(env, info, Embedded::reserve) }
}

unsafe extern "C" fn settle(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `check`.
    unsafe { enter(env, info, Embedded::settle) }
}

unsafe extern "C" fn track(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `check`.
    unsafe { enter(env, info, Embedded::track) }
}

impl Embedded {
    fn check(&mut self, call: &Call) -> Result<sys::napi_value> {
        let [now_ms, tokens, period] = self.inputs()?;
        let period = calls::period(period).map_err(malformed)?;
        self.keep(call)?;
        let view = self.tracker.check(self.kept.orchestrator()?, period, tokens, now_ms);
        self.write(0, &view_numbers(&view));
        self.answer();
        Ok(nothing())
    }

    fn reserve(&mut self, call: &Call) -> Result<sys::napi_value> {
        let [now_ms, tokens, periods, ttl_ms, cost_micros] = self.inputs()?;
        let periods = calls::periods(periods).map_err(malformed)?;
        self.keep(call)?;
        if !self.accepts() {
            return Ok(nothing());
        }
        let orchestrator = self.kept.orchestrator()?;
        let id = ReservationId::generate(orchestrator, periods);
        match self.tracker.reserve(orchestrator, &id, Amount { tokens, cost_micros }, periods, ttl_ms, now_ms) {
            Reserving::Granted(grant) => {
                let remaining = grant.remaining.map_or(-1.0, |tokens| tokens as f64);
                self.write(0, &[grant.created_at_ms as f64, grant.expires_at_ms as f64, remaining]);
                self.answer();
                call.text(id.as_str())
            }
            Reserving::Denied(view) => {
                self.write(0, &[view.period.index() as f64]);
                self.write(1, &view_numbers(&view));
                self.answer();
                Ok(nothing())
            }
        }
    }

    fn settle(&mut self, call: &Call) -> Result<sys::napi_value> {
        let [now_ms, record, total, prompt, completion, cache_read, cache_write, reasoning] = self.inputs()?;
        let cost = self.numbers().get(SETTLED_COST_INDEX).copied().unwrap_or_default();
        let cost_micros = if cost == COSTS_AS_HELD { 0 } else { exact("a number", cost)? };
        self.keep(call)?;
        if !self.accepts() {
            return Ok(nothing());
        }
        let Self { tracker, kept, .. } = self;
        let Kept { orchestrator, usage, units } = kept;
        call.read_text(0, units)?;
        let mut name = String::new();
        set_text(&mut name, units);
        usage.total = total;
        usage.parts = Parts { prompt, completion, cache_read, cache_write, reasoning };
        usage.reported_at_ms = now_ms;
        usage.occurred_at_ms = None;
        usage.cost_micros = cost_micros;
        usage.costs_as_held = cost == COSTS_AS_HELD;
        let recorded = (record != 0).then_some(&*usage);
        let settled = if let Some(id) = ReservationId::parse(&name) {
            let known = orchestrator.as_ref().filter(|known| known.encoded() == id.orchestrator_encoded());
            let orchestrator = known.map_or_else(|| Cow::Owned(id.orchestrator()), Cow::Borrowed);
            tracker.settle(&orchestrator, &id, recorded, now_ms)
        } else if let Some(id) = UnheldId::parse(&name) {
            tracker.settle_unheld(id, recorded.cloned(), now_ms)
        } else {
            Err(OperationError::ReservationNotFound { id: name })
        };
        match settled {
            Ok(settled) => {
                let flags = [f64::from(u8::from(settled.late)), f64::from(u8::from(settled.duplicate))];
                self.write(0, &[settled.reserved as f64, settled.recorded as f64, settled.overage as f64]);
                self.write(3, &[flags[0], flags[1], f64::from(settled.periods.bits())]);
                self.write(6, &[settled.reserved_cost as f64, settled.recorded_cost as f64]);
                self.answer();
            }
            Err(error) => self.fail(&error),
        }
        Ok(nothing())
    }

    fn track(&mut self, call: &Call) -> Result<sys::napi_value> {
        let [now_ms, reported_at_ms, total, prompt, completion, cache_read, cache_write, reasoning, cost_micros] =
            self.inputs()?;
        self.keep(call)?;
        if !self.accepts() {
            return Ok(nothing());
        }
        let usage = &mut self.kept.usage;
        usage.total = total;
        usage.parts = Parts { prompt, completion, cache_read, cache_write, reasoning };
        usage.reported_at_ms = reported_at_ms;
        usage.occurred_at_ms = (reported_at_ms < now_ms).then_some(reported_at_ms);
        usage.cost_micros = cost_micros;
        usage.costs_as_held = false;
        match self.tracker.track(self.kept.orchestrator()?, &self.kept.usage, now_ms) {
            Ok(tracked) => {
                self.write(0, &[f64::from(u8::from(tracked.duplicate))]);
                self.answer();
            }
            Err(error) => self.fail(&error),
        }
        Ok(nothing())
    }

    /// The first numbers, refusing what the facade should have refused.
    fn inputs<const COUNT: usize>(&self) -> Result<[u64; COUNT]> {
        let mut inputs = [0; COUNT];
        for (input, number) in inputs.iter_mut().zip(self.numbers()) {
            *input = exact("a number", *number)?;
        }
        Ok(inputs)
    }

    /// Takes the texts that are given; the others stay, but for those that seldom come twice.
    fn keep(&mut self, call: &Call) -> Result<()> {
        let given = self.numbers().get(GIVEN_INDEX).map_or(0, |given| *given as u32);
        let Kept { orchestrator, usage, units } = &mut self.kept;
        usage.request_id = None;
        usage.metadata_json = None;
        if given == 0 {
            return Ok(());
        }
        if given & given::ORCHESTRATOR != 0 {
            call.read_text(0, units)?;
            *orchestrator = Some(calls::orchestrator(units).map_err(malformed)?);
        }
        if given & given::MODEL != 0 {
            call.read_text(1, units)?;
            set_text(&mut usage.model, units);
        }
        if given & given::SESSION != 0 {
            call.read_text(2, units)?;
            set_text(&mut usage.session_id, units);
        }
        if given & given::REQUEST != 0 {
            call.read_text(3, units)?;
            usage.request_id = Some(encode_utf16(units));
        }
        if given & given::METADATA != 0 {
            call.read_text(4, units)?;
            set_text(usage.metadata_json.insert(String::with_capacity(units.len())), units);
        }
        Ok(())
    }
}

impl Kept {
    fn orchestrator(&self) -> Result<&OrchestratorId> {
        self.orchestrator.as_ref().ok_or_else(|| malformed(calls::Malformed::Submission))
    }
}
