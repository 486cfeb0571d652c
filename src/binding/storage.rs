//! A file that embedded stores are kept in, for JavaScript.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status, check_status, sys};
use napi_derive::napi;

use super::convert::invalid;
use super::text::Text;
use crate::domain::error::StoreError;
use crate::store::disk::{DiskStore, Watcher};

/// Never keeps the process alive by itself; see [`Storage::ref_`].
type Waker = ThreadsafeFunction<(), (), (), Status, false, true>;

/// How long [`Storage::close`] waits for a disk that takes nothing.
const CLOSE_MS: u64 = 5_000;

/// What a path leads to, shared with the thread that opens it.
#[derive(Default)]
enum Opening {
    #[default]
    NotYet,
    Open(Arc<DiskStore>),
    Failed(String),
    Closed,
}

#[napi]
pub struct Storage {
    path: String,
    open_timeout: Duration,
    opening: Arc<Mutex<Opening>>,
    waker: Option<Arc<Waker>>,
    watcher: Option<Watcher>,
}

#[napi]
impl Storage {
    #[napi(constructor, ts_args_type = "path: string, openTimeoutMs: number")]
    pub fn new(path: Text, open_timeout_ms: f64) -> Result<Self> {
        let open_timeout_ms = super::convert::exact("openTimeoutMs", open_timeout_ms)?;
        Ok(Self {
            path: path.to_text(),
            open_timeout: Duration::from_millis(open_timeout_ms),
            opening: Arc::default(),
            waker: None,
            watcher: None,
        })
    }

    /// Opens the file and loads it in another thread. `wake` is called when that is done or has failed, and from
    /// then on whenever [`Self::durable_seq`] or [`Self::failure`] has changed; once, until `durable_seq` is asked.
    #[napi(ts_args_type = "wake: () => void")]
    pub fn open(&mut self, wake: Function<'_, (), ()>) -> Result<()> {
        if self.waker.is_some() {
            return Err(invalid("the storage is open".into()));
        }
        let waker: Arc<Waker> = Arc::new(wake.build_threadsafe_function().weak::<true>().build()?);
        self.waker = Some(Arc::clone(&waker));
        let watcher = Watcher::new(move || {
            waker.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        self.watcher = Some(watcher.clone());
        let (path, open_timeout) = (self.path.clone(), self.open_timeout);
        let opening = Arc::clone(&self.opening);
        let open = move || {
            let opened = DiskStore::take_over(path.as_ref(), open_timeout);
            let mut opening = opening.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(*opening, Opening::NotYet) {
                *opening = match opened {
                    Ok(store) => {
                        store.watch(&watcher);
                        Opening::Open(store)
                    }
                    Err(error) => Opening::Failed(error.to_string()),
                };
            }
            drop(opening);
            watcher.wake();
        };
        let thread = std::thread::Builder::new().name("token-budget-open".into()).spawn(open);
        thread.map(drop).map_err(|error| invalid(format!("storage: cannot start a thread: {error}")))
    }

    /// Whether what is kept in the file has been loaded: embedded stores can be made over its path.
    #[napi]
    pub fn is_open(&self) -> bool {
        matches!(*self.lock(), Opening::Open(_))
    }

    /// Of the last entry that was recorded: what must be durable before the answers given so far are true.
    #[napi]
    pub fn written_seq(&self) -> f64 {
        self.of_store(|store| store.written_seq()) as f64
    }

    /// Every entry up to this one survives whatever happens to the process or the machine. Asking is what `wake`
    /// calls for: it is not called again before.
    #[napi]
    pub fn durable_seq(&self) -> f64 {
        if let Some(watcher) = &self.watcher {
            watcher.taken();
        }
        self.of_store(|store| store.durable_seq()) as f64
    }

    /// Why it could not be opened, or why commits fail at present; empty: they don't.
    #[napi]
    pub fn failure(&self) -> String {
        match &*self.lock() {
            Opening::Open(store) => store.failure(),
            Opening::Failed(reason) => reason.clone(),
            Opening::NotYet | Opening::Closed => String::new(),
        }
    }

    /// Writes what waits at once. Answers at once, too; `wake` tells when it is durable.
    #[napi]
    pub fn flush(&self) {
        // Whatever waits is being written already: nothing is held back to be written together.
    }

    /// Keeps the process alive: somebody waits.
    #[napi(js_name = "ref")]
    pub fn ref_(&self, env: Env) -> Result<()> {
        // SAFETY: on the thread of the environment that made the function, which `waker` keeps.
        check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.waker()?.raw()) })
    }

    /// Lets the process exit.
    #[napi]
    pub fn unref(&self, env: Env) -> Result<()> {
        // SAFETY: as in `ref_`.
        check_status!(unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.waker()?.raw()) })
    }

    /// Waits until what was recorded is durable, at most for `timeoutMs`; who is the last one at the file, also
    /// until it is tidied up and closed. Embedded stores made over the path are closed before. Answers how many
    /// entries are not durable.
    #[napi(ts_args_type = "timeoutMs?: number")]
    pub fn close(&mut self, timeout_ms: Option<f64>) -> f64 {
        let timeout_ms = timeout_ms.map_or(CLOSE_MS, |timeout_ms| timeout_ms as u64);
        if let Some(watcher) = self.watcher.take() {
            watcher.end();
        }
        self.waker = None;
        let opening = std::mem::replace(&mut *self.lock(), Opening::Closed);
        match opening {
            Opening::Open(store) => DiskStore::close(store, Duration::from_millis(timeout_ms)) as f64,
            _ => 0.0,
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.end();
        }
        *self.lock() = Opening::Closed;
    }
}

impl Storage {
    fn lock(&self) -> std::sync::MutexGuard<'_, Opening> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_store(&self, ask: impl FnOnce(&DiskStore) -> u64) -> u64 {
        match &*self.lock() {
            Opening::Open(store) => ask(store),
            _ => 0,
        }
    }

    fn waker(&self) -> Result<&Waker> {
        self.waker.as_deref().ok_or_else(|| invalid("the storage is not open".into()))
    }
}

/// The open store at the path that a configuration names.
pub(super) fn opened(path: &str) -> Result<Arc<DiskStore>> {
    DiskStore::opened(path.as_ref()).ok_or_else(|| invalid(format!("storage.path: {path} is not open")))
}

/// An error that says why nothing more is taken.
pub(super) fn refused(error: &StoreError) -> napi::Error {
    napi::Error::new(Status::GenericFailure, format!("STORE_UNAVAILABLE: {error}"))
}
