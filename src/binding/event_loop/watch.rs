//! The watch over one socket, by the event loop of JavaScript.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::io;
use std::net::TcpStream;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use super::host::Host;
use super::uv::{Handle, READABLE, WRITABLE, allocate};
use crate::store::redis::link::Watch;

/// Our end of a handle of libuv. Dropping it begins the end of the handle.
pub(super) struct SocketWatch(Rc<Watched>);

/// What a handle leads to.
pub(super) struct Watched {
    host: Rc<Host>,
    handle: *mut Handle,
    /// Where the handle is; given back once libuv has let go of it.
    memory: RefCell<Box<[u128]>>,
    /// What libuv was asked to tell.
    wanted: Cell<c_int>,
    readable: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
    /// Of the socket, while the watch lasts.
    descriptor: c_int,
    ended: Cell<bool>,
}

impl SocketWatch {
    pub(super) fn begin(host: &Rc<Host>, socket: &TcpStream) -> io::Result<Self> {
        let uv = host.uv;
        let mut memory = allocate(uv.poll_size_bytes());
        let handle = memory.as_mut_ptr().cast::<Handle>();
        // SAFETY: there is room for the handle. The loop is that of this thread and outlives the environment,
        // which waits for the end of the handle (see `Host`).
        let status = unsafe { (uv.poll_init_socket)(host.uv_loop, handle, descriptor(socket)) };
        if status != 0 {
            return Err(io::Error::other(format!("the event loop cannot watch the socket: {status}")));
        }
        let watched = Rc::new(Watched {
            host: Rc::clone(host),
            handle,
            memory: RefCell::new(memory),
            wanted: Cell::new(0),
            // Nobody has looked yet.
            readable: Cell::new(true),
            reader: RefCell::new(None),
            writer: RefCell::new(None),
            descriptor: descriptor(socket),
            ended: Cell::new(false),
        });
        host.handle_opened(Rc::downgrade(&watched));
        // SAFETY: the handle was just made. It keeps a reference of its own, given back in `on_close`.
        unsafe {
            (uv.handle_set_data)(handle, Rc::into_raw(Rc::clone(&watched)).cast_mut().cast());
            // It keeps no process alive; what does is the promise somebody waits for.
            (uv.unref)(handle);
        }
        Ok(Self(watched))
    }
}

impl Watch for SocketWatch {
    fn poll_readable(&self, waker: &Waker) -> Poll<()> {
        let watched = &self.0;
        if watched.readable.get() {
            return Poll::Ready(());
        }
        remember(&watched.reader, waker);
        watched.want(watched.wanted.get() | READABLE);
        Poll::Pending
    }

    fn clear_readable(&self) {
        self.0.readable.set(false);
    }

    fn wake_when_writable(&self, waker: &Waker) {
        remember(&self.0.writer, waker);
        self.0.want(self.0.wanted.get() | WRITABLE);
    }
}

impl Drop for SocketWatch {
    fn drop(&mut self) {
        self.0.ended.set(true);
        // SAFETY: the handle is open: only this closes it. The watch ends at once, `on_close` comes later.
        unsafe { (self.0.host.uv.close)(self.0.handle, on_close) };
    }
}

impl Watched {
    fn want(&self, events: c_int) {
        if self.wanted.replace(events) != events {
            // SAFETY: the handle is open: `SocketWatch` closes it and is the last to come here.
            // Without events it is told of none but errors.
            let status = unsafe { (self.host.uv.poll_start)(self.handle, events, on_poll) };
            if status != 0 {
                // Reading will tell what is wrong with the socket.
                self.ready(READABLE | WRITABLE);
            }
        }
    }

    /// Somebody else than the event loop saw that there is something to read.
    pub(super) fn note_readable(&self) {
        if !self.ended.get() {
            self.readable.set(true);
            wake(&self.reader);
        }
    }

    fn ready(&self, events: c_int) {
        if events & READABLE != 0 {
            if self.readable.replace(true) {
                // Nobody has read since it was told last: libuv would tell it again and again.
                self.want(self.wanted.get() & !READABLE);
            }
            wake(&self.reader);
        }
        if events & WRITABLE != 0 {
            self.want(self.wanted.get() & !WRITABLE);
            if let Some(writer) = self.writer.take() {
                writer.wake();
            }
        }
    }
}

unsafe extern "C" fn on_poll(handle: *mut Handle, status: c_int, events: c_int) {
    // SAFETY: libuv calls with a handle of ours that is open, so that its reference is still there.
    let watched = unsafe { shared(handle) };
    let events = if status < 0 { READABLE | WRITABLE } else { events };
    watched.host.turn(|| watched.ready(events));
}

unsafe extern "C" fn on_close(handle: *mut Handle) {
    // SAFETY: called once, as the last of all. The reference that the handle had is taken back.
    let watched = unsafe { shared(handle) };
    unsafe { Rc::decrement_strong_count(Rc::as_ptr(&watched)) };
    watched.memory.take();
    watched.host.handle_closed();
}

/// What a handle leads to.
///
/// # Safety
///
/// The handle's reference was not given back yet.
unsafe fn shared(handle: *mut Handle) -> Rc<Watched> {
    // SAFETY: there is a `Host` only where there is libuv. The data of the handle are a reference
    // to a `Watched`, which the caller says is there.
    unsafe {
        let uv = super::uv::Uv::of_program().expect("a handle of libuv exists");
        let watched = (uv.handle_get_data)(handle).cast::<Watched>().cast_const();
        Rc::increment_strong_count(watched);
        Rc::from_raw(watched)
    }
}

/// Those of the sockets that can be read now, found in one call of the kernel.
#[cfg(unix)]
pub(super) fn readable(sockets: &[Weak<Watched>]) -> Vec<Rc<Watched>> {
    let entry = |socket: &Weak<Watched>| {
        // An entry with a negative descriptor is passed over.
        let open = socket.upgrade().filter(|socket| !socket.ended.get());
        libc::pollfd { fd: open.map_or(-1, |socket| socket.descriptor), events: libc::POLLIN, revents: 0 }
    };
    let mut polled: Vec<_> = sockets.iter().map(entry).collect();
    // SAFETY: there are as many entries as said.
    if unsafe { libc::poll(polled.as_mut_ptr(), sockets.len() as libc::nfds_t, 0) } <= 0 {
        return Vec::new();
    }
    let is_readable = polled.iter().zip(sockets).filter(|(entry, _)| entry.revents != 0);
    is_readable.filter_map(|(_, socket)| socket.upgrade()).collect()
}

#[cfg(not(unix))]
pub(super) fn readable(_: &[Weak<Watched>]) -> Vec<Rc<Watched>> {
    Vec::new()
}

fn wake(waker: &RefCell<Option<Waker>>) {
    if let Some(waker) = &*waker.borrow() {
        waker.wake_by_ref();
    }
}

fn remember(place: &RefCell<Option<Waker>>, waker: &Waker) {
    let mut place = place.borrow_mut();
    if !place.as_ref().is_some_and(|known| known.will_wake(waker)) {
        *place = Some(waker.clone());
    }
}

#[cfg(unix)]
fn descriptor(socket: &TcpStream) -> c_int {
    use std::os::fd::AsRawFd;
    socket.as_raw_fd()
}

#[cfg(not(unix))]
fn descriptor(_: &TcpStream) -> c_int {
    -1
}
