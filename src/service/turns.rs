//! Runs tasks in the thread of the caller, a turn at a time.
//!
//! A task that waits for a socket or a call goes on in the turn that brings it. Timers, look-ups of
//! names and attempts to connect are told by the runtime of the I/O thread, which then asks for a turn.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Wake, Waker};

use tokio::runtime::Handle;
use tokio::task::LocalSet;

use super::io_thread;

/// Asks, from any thread, for [`Turns::run`] to be called soon in the thread of the turns.
pub type Interrupt = Box<dyn Fn() + Send + Sync>;

/// Polls in one turn. A task that wakes itself for ever must not keep the caller for ever.
const POLLS_MAX: usize = 64;

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
const WOKEN: u8 = 2;

pub struct Turns {
    /// `None` once it has ended.
    tasks: RefCell<Option<LocalSet>>,
    runtime: Handle,
    alarm: Arc<Alarm>,
    waker: Waker,
    running: Cell<bool>,
}

impl Turns {
    pub fn new(interrupt: Interrupt) -> Result<Self, String> {
        let alarm = Arc::new(Alarm { state: AtomicU8::new(IDLE), interrupt });
        let waker = Waker::from(Arc::clone(&alarm));
        let runtime = io_thread::runtime()?;
        Ok(Self { tasks: RefCell::new(Some(LocalSet::new())), runtime, alarm, waker, running: Cell::new(false) })
    }

    /// Adds a task; it begins with the next turn.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        if let Some(tasks) = &*self.tasks.borrow() {
            let _runtime = self.runtime.enter();
            tasks.spawn_local(task);
        }
    }

    /// One turn: does what `cause` says, then every task that is ready.
    pub fn run(&self, cause: impl FnOnce()) {
        if self.running.replace(true) {
            // A turn is under way: it sees what this one was to bring.
            return cause();
        }
        let _running = Running(&self.running);
        self.alarm.state.store(RUNNING, Ordering::Relaxed);
        cause();
        let _runtime = self.runtime.enter();
        let mut context = Context::from_waker(&self.waker);
        let mut polls = 0;
        loop {
            if let Some(tasks) = &mut *self.tasks.borrow_mut() {
                let _ = Pin::new(tasks).poll(&mut context);
            }
            polls += 1;
            if self.alarm.rest() {
                break;
            }
            if polls == POLLS_MAX {
                (self.alarm.interrupt)();
                break;
            }
        }
    }

    /// Drops every task. Not to be called from one.
    pub fn end(&self) {
        let tasks = self.tasks.take();
        let _runtime = self.runtime.enter();
        drop(tasks);
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.end();
    }
}

/// However a turn ends, the next one can begin.
struct Running<'a>(&'a Cell<bool>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Notices what becomes ready, and asks for a turn unless one is under way or asked for.
struct Alarm {
    state: AtomicU8,
    interrupt: Interrupt,
}

impl Alarm {
    /// Whether nothing became ready during the turn.
    fn rest(&self) -> bool {
        let rested = self.state.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !rested {
            self.state.store(RUNNING, Ordering::Release);
        }
        rested
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE {
            (self.interrupt)();
        }
    }
}
