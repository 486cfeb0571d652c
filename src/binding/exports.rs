//! Small functions the facade needs.

// The macro registers functions with node, but not in unit tests.
#![cfg_attr(test, allow(dead_code))]

use napi_derive::napi;

use super::text::{Text, TextOut};
use crate::domain::calendar::Calendar;
use crate::domain::identifier::{OrchestratorId, encode_utf16};

/// Whether `name` is a time zone that windows can be cut in.
#[napi(ts_args_type = "name: string")]
pub fn is_time_zone(name: Text) -> bool {
    Calendar::parse(&name.to_text()).is_some()
}

/// An identifier as it stands in keys.
#[napi(ts_args_type = "id: string", ts_return_type = "string")]
pub fn encode_identifier(id: Text) -> String {
    encode_utf16(id.as_units())
}

/// The identifier that `encoded` stands for; `encoded` itself where it stands for none.
#[napi(ts_args_type = "encoded: string", ts_return_type = "string")]
pub fn decode_identifier(encoded: Text) -> TextOut {
    let decoded = OrchestratorId::from_encoded(&encoded.to_text()).map(|id| id.decoded_utf16());
    TextOut(decoded.unwrap_or_else(|| encoded.into_units()))
}
