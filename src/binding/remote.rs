//! A tracker on servers, for JavaScript.

use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Float64Array, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status, check_status, sys};
use napi_derive::napi;

use super::calls;
use super::config::Config;
use super::convert::{invalid, limits};
use super::record::Records;
use super::text::{Text, TextOut};
use crate::domain::identifier::OrchestratorId;
use crate::service::remote as service;
use crate::service::settings::RemoteSettings;

/// Never keeps the process alive by itself; see [`RemoteTracker::ref_`].
type Waker = ThreadsafeFunction<(), (), (), Status, false, true>;

#[napi]
pub struct RemoteTracker {
    settings: Option<RemoteSettings>,
    tracker: Option<service::RemoteTracker>,
    records: Arc<Mutex<Records>>,
    /// From `open` on.
    wake: Option<Arc<Waker>>,
}

#[napi]
impl RemoteTracker {
    #[napi(constructor, ts_args_type = "config: string")]
    pub fn new(config: Text) -> Result<Self> {
        let settings = Config::parse(&config.to_text()).and_then(Config::remote_settings).map_err(invalid)?;
        Ok(Self { settings: Some(settings), tracker: None, records: Arc::default(), wake: None })
    }

    #[napi(ts_args_type = "orchestratorId: string, hourly: number, daily: number, monthly: number")]
    pub fn configure_budget(&mut self, orchestrator_id: Text, hourly: f64, daily: f64, monthly: f64) -> Result<()> {
        let settings = self.settings.as_mut().ok_or_else(|| invalid("the tracker is open".into()))?;
        let id = OrchestratorId::from_utf16(orchestrator_id.as_units());
        let id = id.ok_or_else(|| invalid("orchestratorId: expected 1 to 256 bytes of UTF-8".into()))?;
        settings.shared.orchestrator_budgets.insert(id, limits([hourly, daily, monthly]));
        Ok(())
    }

    #[napi(ts_args_type = "wake: () => void")]
    pub fn open(&mut self, wake: Function<'_, (), ()>) -> Result<()> {
        let settings = self.settings.take().ok_or_else(|| invalid("the tracker is open".into()))?;
        let waker: Arc<Waker> = Arc::new(wake.build_threadsafe_function().weak::<true>().build()?);
        self.wake = Some(Arc::clone(&waker));
        let wake = Box::new(move || {
            waker.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        self.tracker = Some(service::RemoteTracker::open(settings, Arc::clone(&self.records), wake).map_err(invalid)?);
        Ok(())
    }

    #[napi(ts_args_type = "numbers: Float64Array, count: number, text: string")]
    pub fn submit(&self, numbers: Float64Array, count: u32, text: Text) -> Result<()> {
        let tracker = self.tracker.as_ref().ok_or_else(|| invalid("the tracker is not open".into()))?;
        let numbers = numbers.get(..count as usize).ok_or_else(|| invalid("count: out of range".into()))?.to_vec();
        let text = text.into_units();
        tracker.submit(Box::new(move |take| calls::decode(&numbers, &text, take))).map_err(invalid)
    }

    #[napi(ts_args_type = "out: Float64Array", ts_return_type = "string")]
    pub fn take(&self, mut out: Float64Array) -> Result<TextOut> {
        // SAFETY: the facade owns the array, uses it on this thread only and never detaches it.
        let out = unsafe { out.as_mut() };
        if out.len() < 2 {
            return Err(invalid("out: too short".into()));
        }
        Ok(TextOut(self.records.lock().unwrap_or_else(PoisonError::into_inner).take(out)))
    }

    /// Keeps the process alive: somebody waits for an answer.
    #[napi(js_name = "ref")]
    pub fn ref_(&self, env: Env) -> Result<()> {
        // SAFETY: on the thread of the environment that made the function, which `wake` keeps.
        check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.waker()?.raw()) })
    }

    /// Lets the process exit.
    #[napi]
    pub fn unref(&self, env: Env) -> Result<()> {
        // SAFETY: as in `ref_`.
        check_status!(unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.waker()?.raw()) })
    }
}

impl RemoteTracker {
    fn waker(&self) -> Result<&Waker> {
        self.wake.as_deref().ok_or_else(|| invalid("the tracker is not open".into()))
    }
}
