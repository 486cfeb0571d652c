//! A limiter in this process, for JavaScript.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Float64Array, JsObjectValue, Object, ToNapiValue, TypeName};
use napi::{Error, Result, ValueType, check_status, sys};
use napi_derive::napi;

use super::calls;
use super::config::Config;
use super::convert::{exact, invalid, malformed};
use super::direct::{Call, enter, function, nothing};
use super::storage;
use super::text::{Text, set_text};
use crate::domain::rate_limit::amounts::Amounts;
use crate::domain::rate_limit::decide::{Admission, Ask, Turns};
use crate::domain::rate_limit::operation::{Agent, Grant, Operation, Outcome, Request, Signals};
use crate::domain::rate_limit::terms::Policy;
use crate::service::shares::{GivenShares, lost_shares_warning};
use crate::store::disk::DiskStore;
use crate::store::memory::rate_limit::{MemoryLimiter, MemoryLimiters};
use crate::store::{RateLimitBatch, Ticket};

/// What `acquire` says of a call; see "Embedded limiters" in `docs/boundary.md`.
mod status {
    pub const GRANTED: f64 = 0.0;
    pub const WAITING: f64 = 1.0;
    pub const REFUSED: f64 = 2.0;
}

/// Where calls put how many places became permits, in how many milliseconds to poll (-1: not at all), and how
/// many places the client has in the line.
const TURNS_INDEX: usize = 8;

/// Where calls say whether their second text is to be looked at.
const GIVEN_INDEX: usize = 15;

const NUMBERS_LENGTH: usize = 16;

/// Each so many permits the client's name is taken over as the store keeps it. After a pause it may keep another.
const CLIENT_NAME_EVERY: u64 = 1_024;

#[napi]
pub struct EmbeddedLimiter {
    limiter: Rc<RefCell<Limiter>>,
}

/// What the limiter and its functions share.
struct Limiter {
    limiter: MemoryLimiter,
    disk: Option<Arc<DiskStore>>,
    policy: Arc<Policy>,
    client: Arc<str>,
    /// Made by the facade, which keeps it for its own. Numbers of operations come there, results are written
    /// there.
    numbers: Float64Array,
    /// Of this limiter's own permits, whose ids are made of their numbers: they need not cross.
    id_prefix: String,
    given: GivenShares,
    /// Of agents whose shares are lost, until it is asked for.
    lost: Vec<Agent>,
    granted: Vec<Grant>,
    last_outcome: Option<Outcome>,
    /// Texts of the call that runs, and a buffer.
    id: String,
    agent: String,
    units: Vec<u16>,
}

#[napi]
impl EmbeddedLimiter {
    #[napi(constructor, ts_args_type = "config: string, numbers: Float64Array, idPrefix: string")]
    pub fn new(config: Text, numbers: Float64Array, id_prefix: Text) -> Result<Self> {
        if numbers.len() < NUMBERS_LENGTH {
            return Err(invalid(format!("numbers: expected {NUMBERS_LENGTH}")));
        }
        let config = Config::parse(&config.to_text()).map_err(invalid)?;
        let (name, policy) = config.limiter().map_err(invalid)?;
        let disk = config.storage.as_ref().map(|storage| storage::opened(&storage.path)).transpose()?;
        let limiters = match &disk {
            Some(disk) => Arc::clone(disk.limiters()),
            None => config.memory_name.as_deref().map_or_else(Default::default, MemoryLimiters::shared),
        };
        let limiter = Limiter {
            limiter: limiters.limiter(name),
            disk,
            policy,
            client: config.client_id.unwrap_or_default().into(),
            numbers,
            id_prefix: id_prefix.to_text(),
            given: GivenShares::default(),
            lost: Vec::new(),
            granted: Vec::new(),
            last_outcome: None,
            id: String::new(),
            agent: String::new(),
            units: Vec::new(),
        };
        Ok(Self { limiter: Rc::new(RefCell::new(limiter)) })
    }

    /// The frequent operations.
    #[napi(ts_return_type = "object")]
    pub fn operations(&self) -> LimiterOperations {
        LimiterOperations(Rc::clone(&self.limiter))
    }

    /// Any operation and its outcome as JSON.
    #[napi(catch_unwind, ts_args_type = "operationJson: string, nowMs: number")]
    pub fn query(&self, operation_json: Text, now_ms: f64) -> Result<String> {
        let now_ms = exact("nowMs", now_ms)?;
        let mut operation: Operation =
            serde_json::from_str(&operation_json.to_text()).map_err(|error| invalid(error.to_string()))?;
        operation.date(now_ms);
        let mut limiter = self.lock()?;
        if operation == Operation::Poll {
            operation = limiter.given.poll();
        }
        if operation.writes() {
            limiter.accept()?;
        }
        let operations = limiter.given.before(&operation).into_iter().chain([operation]);
        let batch = RateLimitBatch {
            limiter: limiter.limiter.name().clone(),
            policy: Arc::clone(&limiter.policy),
            requests: operations.map(|operation| Request { operation, deadline_ms: None }).collect(),
            ticket: Ticket { client: Arc::clone(&limiter.client), sequence: 0, retry: false },
        };
        let mut receipt = limiter.limiter.apply_at(&batch, now_ms);
        for (request, outcome) in batch.requests.iter().zip(&receipt.outcomes) {
            if let Ok(outcome) = outcome {
                let lost = limiter.given.note(&request.operation, outcome);
                limiter.lost.extend(lost);
            }
        }
        limiter.note_turns(std::mem::take(&mut receipt.granted), receipt.poll_in_ms, receipt.places);
        match receipt.outcomes.pop() {
            Some(Ok(outcome)) => to_json(&outcome),
            Some(Err(error)) => Err(invalid(error.to_string())),
            None => Err(invalid("no outcome".into())),
        }
    }

    /// The places that became permits since this was asked last, as JSON.
    #[napi]
    pub fn take_granted(&self) -> Result<String> {
        to_json(&std::mem::take(&mut self.lock()?.granted))
    }

    /// What there is to tell about shares that were lost since this was asked last.
    #[napi]
    pub fn take_warning(&self) -> Result<Option<String>> {
        let lost = std::mem::take(&mut self.lock()?.lost);
        Ok((!lost.is_empty()).then(|| lost_shares_warning(&lost)))
    }

    /// Of the last call that was neither granted nor waits, as JSON.
    #[napi]
    pub fn last_outcome(&self) -> Result<String> {
        to_json(&self.lock()?.last_outcome)
    }

    /// Lets go of the store.
    #[napi]
    pub fn close(&self) -> Result<()> {
        let mut limiter = self.lock()?;
        let name = limiter.limiter.name().clone();
        limiter.limiter = Arc::<MemoryLimiters>::default().limiter(name);
        limiter.disk = None;
        Ok(())
    }
}

impl EmbeddedLimiter {
    /// Nothing in here calls back into JavaScript, so that it is free whenever somebody asks.
    fn lock(&self) -> Result<RefMut<'_, Limiter>> {
        self.limiter.try_borrow_mut().map_err(|_| invalid("called while it runs".into()))
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| invalid(error.to_string()))
}

impl Limiter {
    /// Whether an operation can be recorded that changes something.
    fn accept(&self) -> Result<()> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.accept().map_err(|error| storage::refused(&error)))
    }

    fn acquire(&mut self, call: &Call) -> Result<sys::napi_value> {
        self.accept()?;
        let [now_ms, input_tokens, output_tokens, number, priority, wait] = self.inputs()?;
        let priority = calls::priority(priority).map_err(malformed)?;
        self.read_id(call, number)?;
        self.agent.clear();
        if self.is_given() {
            call.read_text(1, &mut self.units)?;
            set_text(&mut self.agent, &self.units);
        }
        let amounts = Amounts::call(input_tokens, output_tokens);
        let ask = Ask { id: &self.id, amounts, priority, agent: &self.agent, wait: wait != 0 };
        let answered = self.limiter.acquire(now_ms, &self.client, &self.policy, &ask);
        match answered.answer {
            Admission::Granted { admitted_at_ms, expires_at_ms } => {
                self.write(0, [status::GRANTED, admitted_at_ms as f64, expires_at_ms as f64]);
                if number % CLIENT_NAME_EVERY == 1 {
                    self.client = self.limiter.client_name(&self.client).unwrap_or_else(|| Arc::clone(&self.client));
                }
            }
            Admission::Waiting { wait_ms, ahead, .. } => self.write(0, [status::WAITING, wait_ms as f64, ahead as f64]),
            Admission::Refused(verdict) => self.refuse(Outcome::Refused(verdict)),
            Admission::LineFull => self.refuse(Outcome::LineFull),
        }
        Ok(self.finish(answered.turns))
    }

    fn settle(&mut self, call: &Call) -> Result<sys::napi_value> {
        self.accept()?;
        let [now_ms, input_tokens, output_tokens, number] = self.inputs()?;
        self.read_id(call, number)?;
        let mut signals = Signals { is_success: true, ..Signals::default() };
        if self.is_given() {
            call.read_text(1, &mut self.units)?;
            let json = String::from_utf16_lossy(&self.units);
            signals = serde_json::from_str(&json).map_err(|error| invalid(error.to_string()))?;
            signals.date(now_ms);
        }
        let used = Amounts::call(input_tokens, output_tokens);
        let answered = self.limiter.settle(now_ms, &self.client, &self.policy, &self.id, used, Some(&signals));
        let settled = answered.answer;
        let estimated = settled.estimated;
        let flag = |flag: bool| if flag { 1.0 } else { 0.0 };
        self.write(1, [flag(settled.known), flag(settled.late)]);
        self.write(3, [estimated.input_tokens as f64, estimated.output_tokens as f64]);
        Ok(self.finish(answered.turns))
    }

    fn cancel(&mut self, call: &Call) -> Result<sys::napi_value> {
        self.accept()?;
        let [now_ms] = self.inputs()?;
        self.read_id(call, 0)?;
        let answered = self.limiter.cancel(now_ms, &self.client, &self.policy, &self.id);
        self.write(1, [if answered.answer { 1.0 } else { 0.0 }]);
        Ok(self.finish(answered.turns))
    }

    fn refuse(&mut self, outcome: Outcome) {
        self.last_outcome = Some(outcome);
        self.write(0, [status::REFUSED]);
    }

    fn finish(&mut self, turns: Turns) -> sys::napi_value {
        self.note_turns(turns.granted, turns.poll_in_ms, turns.places);
        nothing()
    }

    fn note_turns(&mut self, granted: Vec<Grant>, poll_in_ms: Option<u64>, places: u64) {
        if !granted.is_empty() {
            self.granted.extend(granted);
        }
        // A store that knows nothing of a client that gave shares has lost them.
        let poll_in_ms = poll_in_ms.or_else(|| (!self.given.is_empty()).then_some(0));
        let poll_in_ms = poll_in_ms.map_or(-1.0, |poll_in_ms| poll_in_ms as f64);
        self.write(TURNS_INDEX, [self.granted.len() as f64, poll_in_ms, places as f64]);
    }

    /// The id of the permit with this number; of number 0, the first text of the call.
    fn read_id(&mut self, call: &Call, number: u64) -> Result<()> {
        if number != 0 {
            self.id.clear();
            self.id.push_str(&self.id_prefix);
            push_base36(&mut self.id, number);
            return Ok(());
        }
        call.read_text(0, &mut self.units)?;
        set_text(&mut self.id, &self.units);
        Ok(())
    }

    fn is_given(&self) -> bool {
        self.numbers.get(GIVEN_INDEX).is_some_and(|given| *given != 0.0)
    }

    /// The first numbers of the array, each an exact integer.
    fn inputs<const N: usize>(&self) -> Result<[u64; N]> {
        let mut inputs = [0; N];
        for (input, number) in inputs.iter_mut().zip(self.numbers.iter()) {
            *input = calls::amount(*number).ok_or_else(not_exact)?;
        }
        Ok(inputs)
    }

    fn write<const N: usize>(&mut self, from: usize, numbers: [f64; N]) {
        // SAFETY: the facade uses the array on this thread only and never detaches it; its length
        // was checked when it was handed over.
        let out = unsafe { self.numbers.as_mut() };
        if let Some(slots) = out.get_mut(from..from + N) {
            slots.copy_from_slice(&numbers);
        }
    }
}

#[cold]
fn not_exact() -> Error {
    invalid("number: expected an integer from 0 to 2^53-1".into())
}

/// As `toString(36)` writes it.
fn push_base36(text: &mut String, number: u64) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // 2^64 has 13 digits.
    let mut written = [0; 13];
    let (mut from, mut rest) = (written.len(), number);
    while rest > 0 || from == written.len() {
        from -= 1;
        written[from] = DIGITS[(rest % 36) as usize];
        rest /= 36;
    }
    text.push_str(std::str::from_utf8(&written[from..]).unwrap_or_default());
}

/// The functions, as properties of one object.
pub struct LimiterOperations(Rc<RefCell<Limiter>>);

impl TypeName for LimiterOperations {
    fn type_name() -> &'static str {
        "object"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for LimiterOperations {
    unsafe fn to_napi_value(env: sys::napi_env, Self(limiter): Self) -> Result<sys::napi_value> {
        let callbacks: [(&str, sys::napi_callback); 3] =
            [("acquire", Some(acquire)), ("settle", Some(settle)), ("cancel", Some(cancel))];
        let mut object = std::ptr::null_mut();
        // SAFETY: `env` is that of the running call, and every callback enters a `Limiter`.
        unsafe {
            check_status!(sys::napi_create_object(env, &mut object))?;
            for (name, callback) in callbacks {
                let value = function(env, name, callback, &limiter)?;
                Object::from_raw(env, object).set_named_property(name, Object::from_raw(env, value))?;
            }
        }
        Ok(object)
    }
}

unsafe extern "C" fn acquire(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: node calls with what belongs together; the function was made over a `Limiter`.
    unsafe { enter(env, info, Limiter::acquire) }
}

unsafe extern "C" fn settle(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `acquire`.
    unsafe { enter(env, info, Limiter::settle) }
}

unsafe extern "C" fn cancel(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `acquire`.
    unsafe { enter(env, info, Limiter::cancel) }
}

#[cfg(test)]
mod tests {
    use super::push_base36;

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        let written = |number| {
            let mut text = String::from("a-");
            push_base36(&mut text, number);
            text
        };
        assert_eq!(written(0), "a-0");
        assert_eq!([1, 35, 36, 1_295, 1_296].map(written), ["a-1", "a-z", "a-10", "a-zz", "a-100"]);
        assert_eq!(written((1 << 53) - 1), "a-2gosa7pa2gv");
    }
}
