//! What the parts of one link have in common.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::Future;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};

use super::LinkEvent;
use super::dial::{ClockSample, Dialer, Introduction};
use super::stream::EventLoop;
use super::timing::{MAX_CALLS, Timing};
use crate::domain::error::{Applied, StoreError};
use crate::store::redis::config::RedisConfig;

/// Shared, so that it can run while nothing is borrowed.
type Observer = Rc<dyn Fn(LinkEvent)>;

pub struct Shared {
    pub config: RedisConfig,
    pub timing: Timing,
    pub dialer: Dialer,
    /// Told whenever a call that found no connection should look again.
    pub changed: Notify,
    observer: RefCell<Option<Observer>>,
    /// `None` until the first attempt to connect has ended.
    connected: Cell<Option<bool>>,
    /// Why there is no connection; `None` until an attempt has failed.
    trouble: RefCell<Option<String>>,
    closed: Cell<bool>,
    clock: Cell<Option<ClockSample>>,
    warnings_told: RefCell<HashSet<String>>,
    calls: Cell<usize>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
}

impl Shared {
    pub fn new(
        config: RedisConfig,
        timing: Timing,
        event_loop: Option<Rc<dyn EventLoop>>,
        observer: Box<dyn Fn(LinkEvent)>,
    ) -> Shared {
        Shared {
            dialer: Dialer::new(&config, event_loop),
            config,
            timing,
            changed: Notify::new(),
            observer: RefCell::new(Some(observer.into())),
            connected: Cell::new(None),
            trouble: RefCell::default(),
            closed: Cell::new(false),
            clock: Cell::new(None),
            warnings_told: RefCell::default(),
            calls: Cell::new(0),
            tasks: RefCell::default(),
        }
    }

    /// Runs a task until its own end or the link's.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> AbortHandle {
        let task = tokio::task::spawn_local(task);
        let handle = task.abort_handle();
        if self.closed.get() {
            handle.abort();
        }
        let mut tasks = self.tasks.borrow_mut();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
        handle
    }

    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub fn is_connected(&self) -> bool {
        self.connected.get() == Some(true)
    }

    /// Begins the end: no more events, no more calls, every task aborted. Answers the tasks, which
    /// hold their sockets until they were polled or dropped.
    pub fn shut_down(&self) -> Vec<JoinHandle<()>> {
        self.closed.set(true);
        self.connected.set(Some(false));
        self.observer.replace(None);
        let tasks = self.tasks.take();
        tasks.iter().for_each(JoinHandle::abort);
        self.changed.notify_waiters();
        tasks
    }

    /// Commands can be run. Told to the observer when it is news.
    pub fn report_connected(&self, address: String) {
        if !self.closed.get() && self.connected.replace(Some(true)) != Some(true) {
            self.tell(LinkEvent::Connected { address });
        }
        self.changed.notify_waiters();
    }

    /// No command can be run. Told when it is news: thousands of waiting calls need not look up
    /// at each attempt that failed.
    pub fn report_disconnected(&self, address: String, reason: &str) {
        self.trouble.replace(Some(format!("{address}: {reason}")));
        if !self.closed.get() && self.connected.replace(Some(false)) != Some(false) {
            self.tell(LinkEvent::Disconnected { address, reason: reason.to_owned() });
            self.changed.notify_waiters();
        }
    }

    pub fn warn_once(&self, message: String) {
        if self.warnings_told.borrow_mut().insert(message.clone()) {
            self.tell(LinkEvent::Warning { message });
        }
    }

    fn tell(&self, event: LinkEvent) {
        // The observer may close the link: nothing is borrowed while it runs.
        let observer = self.observer.borrow().clone();
        if let Some(observer) = observer {
            observer(event);
        }
    }

    /// Takes in what a server said of itself.
    pub fn learn(&self, introduction: &Introduction) {
        if let Some(sample) = introduction.clock {
            self.learn_clock(sample, true);
        }
        if let Some(policy) = &introduction.maxmemory_policy
            && (policy.starts_with("allkeys-") || policy.starts_with("volatile-"))
        {
            self.warn_once(format!(
                "the server's maxmemory-policy is {policy}: when its memory is full it deletes budgets; \
                 set it to noeviction"
            ));
        }
    }

    /// Between connections a sample that the known offset explains changes nothing: a busy
    /// connection answers late, and the offset would tremble.
    pub fn learn_clock(&self, sample: ClockSample, new_connection: bool) {
        let explained =
            self.clock.get().is_some_and(|known| (known.offset_ms - sample.offset_ms).abs() <= sample.error_ms);
        if new_connection || !explained {
            self.clock.set(Some(sample));
        }
    }

    pub fn clock_offset_ms(&self) -> i64 {
        self.clock.get().map_or(0, |sample| sample.offset_ms)
    }

    /// Why there is no connection, in words.
    pub fn trouble(&self) -> String {
        match &*self.trouble.borrow() {
            Some(trouble) => format!("no connection to {trouble}"),
            None => "no connection yet".to_owned(),
        }
    }

    /// An error for a call that surely was not run.
    pub fn not_sent(&self) -> StoreError {
        let message = match self.closed.get() {
            true => "the link is closed".to_owned(),
            false => self.trouble(),
        };
        StoreError::Unavailable { message, applied: Applied::No }
    }

    /// Counts one more call for as long as the answer lives, or refuses it.
    pub fn admit(self: &Rc<Shared>) -> Result<Admission, StoreError> {
        if self.closed.get() {
            return Err(self.not_sent());
        }
        if self.calls.get() >= MAX_CALLS {
            let message = format!("{MAX_CALLS} calls are under way already");
            return Err(StoreError::Unavailable { message, applied: Applied::No });
        }
        self.calls.set(self.calls.get() + 1);
        Ok(Admission(self.clone()))
    }
}

pub struct Admission(Rc<Shared>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.calls.set(self.0.calls.get() - 1);
    }
}
