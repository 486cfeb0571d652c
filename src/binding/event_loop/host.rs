//! A tracker that lives in the thread of JavaScript, and the event loop that runs it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::TcpStream;
use std::ptr::{null, null_mut};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use napi::{Result, check_status, sys};

use super::busy_poll::BusyPoll;
use super::uv::{Uv, UvLoop};
use super::watch::{self, SocketWatch, Watched};
use crate::binding::convert::invalid;
use crate::service::remote::{Home, Outbox, RemoteTracker, Submission, Wake};
use crate::service::settings::RemoteSettings;
use crate::service::turns::Interrupt;
use crate::store::redis::link::{EventLoop, Watch};

/// With more sockets, looking at them again and again takes too long.
const BUSY_POLLED_MAX: usize = 8;

/// Lives until its tracker has ended and every handle is closed; the end of the environment waits for that.
pub(in crate::binding) struct Host {
    pub(super) uv: &'static Uv,
    pub(super) uv_loop: *mut UvLoop,
    env: sys::napi_env,
    /// The function that fetches answers; null once the tracker has ended.
    on_answers: Cell<sys::napi_ref>,
    has_answers: Arc<AtomicBool>,
    /// JavaScript was told that it should fetch answers, and has not yet.
    is_told: Cell<bool>,
    tracker: RefCell<Option<RemoteTracker>>,
    busy_poll: BusyPoll,
    /// The sockets that are watched.
    sockets: RefCell<Vec<Weak<Watched>>>,
    open_handles: Cell<usize>,
    /// Makes the end of the environment wait. It has a reference to the host.
    cleanup: Cell<sys::napi_async_cleanup_hook_handle>,
}

impl Host {
    /// Opens a tracker, or answers `None` where no event loop of libuv runs this thread.
    ///
    /// # Safety
    ///
    /// `env` and `on_answers`, a function, belong to the call into the addon that runs.
    pub(in crate::binding) unsafe fn open<O: Outbox>(
        env: sys::napi_env,
        on_answers: sys::napi_value,
        settings: &RemoteSettings,
        outbox: Arc<Mutex<O>>,
        interrupt: Interrupt,
        busy_poll_limit: Duration,
    ) -> Result<Option<Rc<Self>>> {
        let mut uv_loop = null_mut();
        let Some(uv) = Uv::of_program() else { return Ok(None) };
        // SAFETY: `env` is that of the running call.
        let status = unsafe { sys::napi_get_uv_event_loop(env, &mut uv_loop) };
        if status != sys::Status::napi_ok || uv_loop.is_null() {
            return Ok(None);
        }
        let mut reference = null_mut();
        // SAFETY: both belong to the running call.
        check_status!(unsafe { sys::napi_create_reference(env, on_answers, 1, &mut reference) })?;
        let host = Rc::new(Self {
            uv,
            uv_loop: uv_loop.cast(),
            env,
            on_answers: Cell::new(reference),
            has_answers: Arc::default(),
            is_told: Cell::new(false),
            tracker: RefCell::new(None),
            busy_poll: BusyPoll::new(busy_poll_limit),
            sockets: RefCell::default(),
            open_handles: Cell::new(0),
            cleanup: Cell::new(null_mut()),
        });
        host.add_cleanup().inspect_err(|_| host.end())?;
        let has_answers = Arc::clone(&host.has_answers);
        let wake: Wake = Box::new(move || has_answers.store(true, Ordering::Relaxed));
        let home = Home::Caller { event_loop: Rc::new(Weakly(Rc::downgrade(&host))), interrupt };
        match RemoteTracker::open(settings.clone(), outbox, wake, home) {
            Ok(tracker) => host.tracker.replace(Some(tracker)),
            Err(message) => {
                host.end();
                return Err(invalid(message));
            }
        };
        Ok(Some(host))
    }

    fn add_cleanup(self: &Rc<Self>) -> Result<()> {
        let mut handle = null_mut();
        let argument = Rc::into_raw(Rc::clone(self)).cast_mut().cast();
        // SAFETY: the hook gets a reference of its own, given back in `end_if_idle`.
        check_status!(unsafe { sys::napi_add_async_cleanup_hook(self.env, Some(on_cleanup), argument, &mut handle) })?;
        self.cleanup.set(handle);
        Ok(())
    }

    /// Hands calls over. Whether there are answers to fetch already. `alone`: no other call is awaited.
    pub(in crate::binding) fn submit(&self, submission: Submission, alone: bool) -> std::result::Result<bool, String> {
        let tracker = self.tracker.borrow();
        let Some(tracker) = &*tracker else { return Err("the tracker has ended".to_owned()) };
        tracker.submit(submission)?;
        let are_few = self.sockets.borrow().len() <= BUSY_POLLED_MAX;
        if alone && are_few && !self.has_answers.load(Ordering::Relaxed) {
            self.busy_poll.run(|| {
                self.look(tracker);
                self.has_answers.load(Ordering::Relaxed)
            });
        }
        self.is_told.set(self.has_answers.swap(false, Ordering::Relaxed));
        Ok(self.is_told.get())
    }

    /// A turn with what can be read from the sockets now, if anything can.
    fn look(&self, tracker: &RemoteTracker) {
        let readable = watch::readable(&self.sockets.borrow());
        if !readable.is_empty() {
            tracker.turn(|| readable.iter().for_each(|socket| socket.note_readable()));
        }
    }

    /// JavaScript fetches answers. When it does so because of an interrupt, there is a turn first, in which
    /// replies come before timers: a thread that was busy notices both late.
    pub(in crate::binding) fn prepare_take(&self) {
        if self.is_told.replace(false) {
            return;
        }
        if let Some(tracker) = &*self.tracker.borrow() {
            self.look(tracker);
            tracker.turn(|| {});
        }
        self.has_answers.store(false, Ordering::Relaxed);
    }

    /// A turn that the event loop asks for; tells JavaScript when it brings answers.
    pub(super) fn turn(self: &Rc<Self>, cause: impl FnOnce()) {
        self.busy_poll.note_turn_of_loop();
        match &*self.tracker.borrow() {
            Some(tracker) => tracker.turn(cause),
            None => cause(),
        }
        if self.has_answers.swap(false, Ordering::Relaxed) {
            self.is_told.set(true);
            self.tell_answers();
        }
    }

    fn tell_answers(&self) {
        let reference = self.on_answers.get();
        if reference.is_null() {
            return;
        }
        let env = self.env;
        // SAFETY: called by the event loop of `env`, outside of JavaScript, so that a scope has to be
        // opened and a callback made. The reference is not deleted before the tracker ends.
        unsafe {
            let mut scope = null_mut();
            if sys::napi_open_handle_scope(env, &mut scope) != sys::Status::napi_ok {
                return;
            }
            let (mut function, mut global, mut result) = (null_mut(), null_mut(), null_mut());
            let is_there = sys::napi_get_reference_value(env, reference, &mut function) == sys::Status::napi_ok
                && sys::napi_get_global(env, &mut global) == sys::Status::napi_ok;
            if is_there
                && sys::napi_make_callback(env, null_mut(), global, function, 0, null(), &mut result)
                    == sys::Status::napi_pending_exception
            {
                // As for any other callback that throws.
                let mut error = null_mut();
                sys::napi_get_and_clear_last_exception(env, &mut error);
                sys::napi_fatal_exception(env, error);
            }
            sys::napi_close_handle_scope(env, scope);
        }
        // Should the callback not have run, the next interrupt makes up for it.
        self.is_told.set(false);
    }

    /// Ends the tracker. Idempotent.
    pub(in crate::binding) fn end(&self) {
        let tracker = self.tracker.take();
        drop(tracker);
        let reference = self.on_answers.replace(null_mut());
        if !reference.is_null() {
            // SAFETY: made in `open`, deleted once.
            unsafe { sys::napi_delete_reference(self.env, reference) };
        }
        self.end_if_idle();
    }

    pub(super) fn handle_opened(&self, socket: Weak<Watched>) {
        let mut sockets = self.sockets.borrow_mut();
        sockets.retain(|socket| socket.strong_count() > 0);
        sockets.push(socket);
        self.open_handles.set(self.open_handles.get() + 1);
    }

    pub(super) fn handle_closed(&self) {
        self.open_handles.set(self.open_handles.get() - 1);
        self.end_if_idle();
    }

    /// Lets the environment end when nothing of the host is left that it could disturb.
    fn end_if_idle(&self) {
        if !self.on_answers.get().is_null() || self.open_handles.get() > 0 {
            return;
        }
        let cleanup = self.cleanup.replace(null_mut());
        if !cleanup.is_null() {
            // SAFETY: the hook is removed once, and its reference with it. Whoever called holds another.
            unsafe {
                sys::napi_remove_async_cleanup_hook(cleanup);
                Rc::decrement_strong_count(std::ptr::from_ref(self));
            }
        }
    }
}

/// The environment ends.
unsafe extern "C" fn on_cleanup(_: sys::napi_async_cleanup_hook_handle, host: *mut std::ffi::c_void) {
    let host = host.cast::<Host>().cast_const();
    // SAFETY: the hook is there, and so is its reference.
    let host = unsafe {
        Rc::increment_strong_count(host);
        Rc::from_raw(host)
    };
    host.end();
}

/// A tracker must not keep its host.
struct Weakly(Weak<Host>);

impl EventLoop for Weakly {
    fn watch(&self, socket: &TcpStream) -> io::Result<Box<dyn Watch>> {
        let host = self.0.upgrade().ok_or_else(|| io::Error::other("the event loop has ended"))?;
        Ok(Box::new(SocketWatch::begin(&host, socket)?))
    }
}
