//! A tracker on servers, for JavaScript.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::{Float64Array, Function, JsValue};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status, check_status, sys};
use napi_derive::napi;

use super::calls;
use super::config::Config;
use super::convert::{invalid, limits};
use super::event_loop::Host;
use super::record::Records;
use super::text::{Text, TextOut};
use crate::domain::identifier::OrchestratorId;
use crate::service::remote::{self as service, Home};
use crate::service::settings::RemoteSettings;

/// Never keeps the process alive by itself; see [`RemoteTracker::ref_`].
type Waker = ThreadsafeFunction<(), (), (), Status, false, true>;

#[napi]
pub struct RemoteTracker {
    settings: Option<RemoteSettings>,
    /// Live in the I/O thread, though the event loop could run the tracker.
    io_thread: bool,
    busy_poll_limit: Duration,
    state: State,
    records: Arc<Mutex<Records>>,
}

enum State {
    Unopened,
    /// In the thread of JavaScript.
    Here {
        host: Rc<Host>,
        waker: Arc<Waker>,
    },
    /// In the I/O thread.
    IoThread {
        tracker: service::RemoteTracker,
        waker: Arc<Waker>,
    },
    Ended,
}

#[napi]
impl RemoteTracker {
    #[napi(constructor, ts_args_type = "config: string")]
    pub fn new(config: Text) -> Result<Self> {
        let config = Config::parse(&config.to_text()).map_err(invalid)?;
        let (io_thread, busy_poll_limit) = (config.io_thread(), config.busy_poll_limit());
        let settings = Some(config.remote_settings().map_err(invalid)?);
        Ok(Self { settings, io_thread, busy_poll_limit, state: State::Unopened, records: Arc::default() })
    }

    #[napi(ts_args_type = "orchestratorId: string, limits: Float64Array")]
    pub fn configure_budget(&mut self, orchestrator_id: Text, given: Float64Array) -> Result<()> {
        let settings = self.settings.as_mut().ok_or_else(|| invalid("the tracker is open".into()))?;
        let id = OrchestratorId::from_utf16(orchestrator_id.as_units());
        let id = id.ok_or_else(|| invalid("orchestratorId: expected 1 to 256 bytes of UTF-8".into()))?;
        settings.shared.orchestrator_budgets.insert(id, limits(&given));
        Ok(())
    }

    #[napi(ts_args_type = "wake: () => void")]
    pub fn open(&mut self, env: Env, wake: Function<'_, (), ()>) -> Result<()> {
        let settings = self.settings.take().ok_or_else(|| invalid("the tracker is open".into()))?;
        let waker: Arc<Waker> = Arc::new(wake.build_threadsafe_function().weak::<true>().build()?);
        let call = {
            let waker = Arc::clone(&waker);
            move || {
                waker.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        let host = match self.io_thread {
            true => None,
            // SAFETY: both belong to this call.
            false => unsafe {
                let records = Arc::clone(&self.records);
                Host::open(env.raw(), wake.raw(), &settings, records, Box::new(call.clone()), self.busy_poll_limit)?
            },
        };
        self.state = match host {
            Some(host) => State::Here { host, waker },
            None => {
                let records = Arc::clone(&self.records);
                let tracker = service::RemoteTracker::open(settings, records, Box::new(call), Home::IoThread);
                State::IoThread { tracker: tracker.map_err(invalid)?, waker }
            }
        };
        Ok(())
    }

    /// Whether there are answers to take already. `alone`: no other call is awaited.
    #[napi(ts_args_type = "numbers: Float64Array, count: number, text: string, alone: boolean")]
    pub fn submit(&self, numbers: Float64Array, count: u32, text: Text, alone: bool) -> Result<bool> {
        let numbers = numbers.get(..count as usize).ok_or_else(|| invalid("count: out of range".into()))?.to_vec();
        let text = text.into_units();
        let submission: service::Submission = Box::new(move |take| calls::decode(&numbers, &text, take));
        match &self.state {
            State::Here { host, .. } => host.submit(submission, alone).map_err(invalid),
            State::IoThread { tracker, .. } => tracker.submit(submission).map(|()| false).map_err(invalid),
            State::Unopened | State::Ended => Err(not_open()),
        }
    }

    #[napi(ts_args_type = "out: Float64Array", ts_return_type = "string")]
    pub fn take(&self, mut out: Float64Array) -> Result<TextOut> {
        // SAFETY: the facade owns the array, uses it on this thread only and never detaches it.
        let out = unsafe { out.as_mut() };
        if out.len() < 2 {
            return Err(invalid("out: too short".into()));
        }
        if let State::Here { host, .. } = &self.state {
            host.prepare_take();
        }
        Ok(TextOut(self.records.lock().unwrap_or_else(PoisonError::into_inner).take(out)))
    }

    /// Keeps the process alive: somebody waits for an answer.
    #[napi(js_name = "ref")]
    pub fn ref_(&self, env: Env) -> Result<()> {
        // SAFETY: on the thread of the environment that made the function, which `state` keeps.
        check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.waker()?.raw()) })
    }

    /// Lets the process exit.
    #[napi]
    pub fn unref(&self, env: Env) -> Result<()> {
        // SAFETY: as in `ref_`.
        check_status!(unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.waker()?.raw()) })
    }

    /// Lets go of everything after the last answer. What was not answered never is.
    #[napi]
    pub fn end(&mut self) {
        if let State::Here { host, .. } = std::mem::replace(&mut self.state, State::Ended) {
            host.end();
        }
    }
}

impl Drop for RemoteTracker {
    fn drop(&mut self) {
        self.end();
    }
}

impl RemoteTracker {
    fn waker(&self) -> Result<&Waker> {
        match &self.state {
            State::Here { waker, .. } | State::IoThread { waker, .. } => Ok(waker),
            State::Unopened | State::Ended => Err(not_open()),
        }
    }
}

fn not_open() -> napi::Error {
    invalid("the tracker is not open".into())
}
