//! The few functions of libuv that watch a socket, found in the running program.
//!
//! They are looked up instead of linked: programs without libuv, such as our Rust tests, load this library
//! as well. `uv_poll_t` is only ever handled through them, so that its layout does not matter
//! (<https://docs.libuv.org/en/v1.x/poll.html>).

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

pub(super) type UvLoop = c_void;
/// A `uv_poll_t`.
pub(super) type Handle = c_void;
pub(super) type OnPoll = unsafe extern "C" fn(handle: *mut Handle, status: c_int, events: c_int);
pub(super) type OnClose = unsafe extern "C" fn(handle: *mut Handle);

pub(super) const READABLE: c_int = 1;
pub(super) const WRITABLE: c_int = 2;
/// `UV_POLL` among the types of handles.
const POLL: c_int = 8;

pub(super) struct Uv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    pub(super) poll_init_socket: unsafe extern "C" fn(*mut UvLoop, *mut Handle, c_int) -> c_int,
    pub(super) poll_start: unsafe extern "C" fn(*mut Handle, c_int, OnPoll) -> c_int,
    pub(super) handle_set_data: unsafe extern "C" fn(*mut Handle, *mut c_void),
    pub(super) handle_get_data: unsafe extern "C" fn(*const Handle) -> *mut c_void,
    pub(super) unref: unsafe extern "C" fn(*mut Handle),
    pub(super) close: unsafe extern "C" fn(*mut Handle, OnClose),
}

impl Uv {
    /// `None` where the program has no libuv. On Windows, where sockets are watched otherwise and
    /// nobody has tried it, there is none either.
    pub(super) fn of_program() -> Option<&'static Uv> {
        static UV: OnceLock<Option<Uv>> = OnceLock::new();
        UV.get_or_init(find).as_ref()
    }

    /// Bytes of a `uv_poll_t`.
    pub(super) fn poll_size_bytes(&self) -> usize {
        // SAFETY: knows every type of handle, and answers a huge number for others.
        unsafe { (self.handle_size)(POLL) }
    }
}

#[cfg(unix)]
fn find() -> Option<Uv> {
    let program = libloading::os::unix::Library::this();
    // SAFETY: the types are those of libuv's header, stable since version 1.19. The program is never
    // unloaded.
    unsafe {
        Some(Uv {
            handle_size: *program.get(b"uv_handle_size\0").ok()?,
            poll_init_socket: *program.get(b"uv_poll_init_socket\0").ok()?,
            poll_start: *program.get(b"uv_poll_start\0").ok()?,
            handle_set_data: *program.get(b"uv_handle_set_data\0").ok()?,
            handle_get_data: *program.get(b"uv_handle_get_data\0").ok()?,
            unref: *program.get(b"uv_unref\0").ok()?,
            close: *program.get(b"uv_close\0").ok()?,
        })
    }
}

#[cfg(not(unix))]
fn find() -> Option<Uv> {
    None
}

/// Memory for a `uv_poll_t`, aligned for anything.
pub(super) fn allocate(size_bytes: usize) -> Box<[u128]> {
    vec![0; size_bytes.div_ceil(size_of::<u128>())].into_boxed_slice()
}
