//! JavaScript functions over a Rust value, without classes.
//!
//! A method of a napi class costs more than most of our operations: the receiver is unwrapped, its
//! type tag compared, its borrow registered. Here the function itself leads to the value.

use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::rc::Rc;

use napi::bindgen_prelude::panic_to_error;
use napi::{JsError, Result, check_status, sys};

use super::convert::invalid;
use super::text::read_units;

/// The most arguments a function takes.
const ARGUMENTS_MAX: usize = 5;

/// A call from JavaScript that runs.
pub(super) struct Call {
    env: sys::napi_env,
    /// Those that are not given are `undefined`.
    arguments: [sys::napi_value; ARGUMENTS_MAX],
}

impl Call {
    /// Replaces `units` by those of argument `index`, a string.
    pub(super) fn read_text(&self, index: usize, units: &mut Vec<u16>) -> Result<()> {
        // SAFETY: both belong to the call that runs: only `enter` makes a `Call`, and lends it.
        unsafe { read_units(self.env, self.arguments[index], units) }
    }

    /// A JavaScript string.
    pub(super) fn text(&self, text: &str) -> Result<sys::napi_value> {
        let mut value = null_mut();
        let length = text.len() as isize;
        // SAFETY: node copies `length` bytes, which are valid; ASCII is Latin-1 as well.
        check_status!(unsafe {
            if text.is_ascii() {
                sys::napi_create_string_latin1(self.env, text.as_ptr().cast(), length, &mut value)
            } else {
                sys::napi_create_string_utf8(self.env, text.as_ptr().cast(), length, &mut value)
            }
        })?;
        Ok(value)
    }
}

/// What a function returns when it returns nothing.
pub(super) fn nothing() -> sys::napi_value {
    null_mut()
}

/// A function that runs `callback`, in which [`enter`] finds `subject`.
///
/// # Safety
///
/// `env` belongs to the call into the addon that runs. `callback` passes what it is given to
/// [`enter`] with the same `T`.
pub(super) unsafe fn function<T>(
    env: sys::napi_env,
    name: &str,
    callback: sys::napi_callback,
    subject: &Rc<RefCell<T>>,
) -> Result<sys::napi_value> {
    let data = Rc::into_raw(Rc::clone(subject)).cast_mut().cast::<c_void>();
    let mut function = null_mut();
    // SAFETY: the name is valid for its length. `data` is a reference of its own, which the
    // finalizer gives back once nobody can call the function any more.
    unsafe {
        let name_length = name.len() as isize;
        check_status!(sys::napi_create_function(
            env,
            name.as_ptr().cast(),
            name_length,
            callback,
            data,
            &mut function
        ))?;
        check_status!(sys::napi_add_finalizer(env, function, data, Some(release::<T>), null_mut(), null_mut()))?;
    }
    Ok(function)
}

unsafe extern "C" fn release<T>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: `function` made it of an `Rc` of this type, and node finalizes once.
    drop(unsafe { Rc::from_raw(data.cast::<RefCell<T>>()) });
}

/// Runs `operation` for a call of a function made by [`function`]. An error or a panic is thrown.
///
/// # Safety
///
/// `env` and `info` are those node called with; the function was made with the same `T`.
pub(super) unsafe fn enter<T>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    operation: fn(&mut T, &Call) -> Result<sys::napi_value>,
) -> sys::napi_value {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut arguments = [null_mut(); ARGUMENTS_MAX];
        let mut count = ARGUMENTS_MAX;
        let mut data = null_mut();
        // SAFETY: there is room for `count` arguments. `data` is the function's reference to its
        // subject, which lives as long as the function, which is being called.
        let subject = unsafe {
            check_status!(sys::napi_get_cb_info(env, info, &mut count, arguments.as_mut_ptr(), null_mut(), &mut data))?;
            &*data.cast::<RefCell<T>>()
        };
        let mut subject = subject.try_borrow_mut().map_err(|_| invalid("called while it runs".into()))?;
        operation(&mut subject, &Call { env, arguments })
    }));
    match outcome.unwrap_or_else(|panic| Err(panic_to_error(panic))) {
        Ok(value) => value,
        Err(error) => {
            // SAFETY: `env` is that of the running call.
            unsafe { JsError::from(error).throw_into(env) };
            null_mut()
        }
    }
}
