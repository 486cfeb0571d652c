//! Text across the boundary: UTF-16, as JavaScript keeps it, so that even lone surrogates survive.

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, TypeName, ValidateNapiValue};
use napi::{Result, ValueType, check_status, sys};

/// A string argument.
pub struct Text(Vec<u16>);

impl Text {
    pub(super) fn as_units(&self) -> &[u16] {
        &self.0
    }

    pub(super) fn into_units(self) -> Vec<u16> {
        self.0
    }

    /// For text that the facade has found well-formed.
    pub(super) fn to_text(&self) -> String {
        to_text(&self.0)
    }
}

impl TypeName for Text {
    fn type_name() -> &'static str {
        "string"
    }

    fn value_type() -> ValueType {
        ValueType::String
    }
}

impl ValidateNapiValue for Text {}

/// Units fetched without asking for the length first.
const SHORT_UNITS: usize = 256;

impl FromNapiValue for Text {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let mut units = Vec::new();
        // SAFETY: as the caller promises.
        unsafe { read_units(env, value, &mut units)? };
        Ok(Self(units))
    }
}

/// Replaces `units` by those of a string.
///
/// # Safety
///
/// `env` and `value` belong to the call into the addon that runs.
pub(super) unsafe fn read_units(env: sys::napi_env, value: sys::napi_value, units: &mut Vec<u16>) -> Result<()> {
    units.clear();
    units.reserve(SHORT_UNITS);
    let mut written = 0;
    // SAFETY: the buffer holds `capacity` units; node writes at most that many with the NUL it
    // adds, and says how many it wrote without it.
    unsafe {
        check_status!(
            sys::napi_get_value_string_utf16(env, value, units.as_mut_ptr(), units.capacity(), &mut written),
            "expected a string"
        )?;
        if written + 1 < units.capacity() {
            units.set_len(written);
            return Ok(());
        }
        let mut length = 0;
        check_status!(sys::napi_get_value_string_utf16(env, value, std::ptr::null_mut(), 0, &mut length))?;
        units.reserve(length + 1);
        check_status!(sys::napi_get_value_string_utf16(
            env,
            value,
            units.as_mut_ptr(),
            units.capacity(),
            &mut written
        ))?;
        units.set_len(written);
    }
    Ok(())
}

/// `units`, which the facade has found well-formed, as text.
pub(super) fn to_text(units: &[u16]) -> String {
    let mut text = String::new();
    set_text(&mut text, units);
    text
}

/// Replaces `text` by `units`, which the facade has found well-formed.
pub(super) fn set_text(text: &mut String, units: &[u16]) {
    let mut bytes = std::mem::take(text).into_bytes();
    bytes.clear();
    if units.iter().all(|unit| *unit < 0x80) {
        bytes.extend(units.iter().map(|unit| *unit as u8));
        *text = String::from_utf8(bytes).unwrap_or_default();
    } else {
        *text = String::from_utf16_lossy(units);
    }
}

/// A string result.
pub struct TextOut(pub(super) Vec<u16>);

impl TypeName for TextOut {
    fn type_name() -> &'static str {
        "string"
    }

    fn value_type() -> ValueType {
        ValueType::String
    }
}

impl ToNapiValue for TextOut {
    unsafe fn to_napi_value(env: sys::napi_env, text: Self) -> Result<sys::napi_value> {
        let units = &text.0;
        let length = units.len() as isize;
        let mut value = std::ptr::null_mut();
        // SAFETY: the pointers are valid for `length` characters, which node copies.
        if units.iter().all(|unit| *unit < 0x100) {
            // One byte a character where that is enough: smaller and faster in JavaScript.
            let latin1: Vec<u8> = units.iter().map(|unit| *unit as u8).collect();
            check_status!(unsafe { sys::napi_create_string_latin1(env, latin1.as_ptr().cast(), length, &mut value) })?;
        } else {
            check_status!(unsafe { sys::napi_create_string_utf16(env, units.as_ptr(), length, &mut value) })?;
        }
        Ok(value)
    }
}
