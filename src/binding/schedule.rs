//! When something is due, for JavaScript: durations, recurrences, midnights and openings.
//!
//! Instants are milliseconds since the Unix epoch. -1 stands for never. Errors name the field.

// The macro registers functions with node, but not in unit tests.
#![cfg_attr(test, allow(dead_code))]

use napi::Result;
use napi_derive::napi;

use super::convert::{exact, invalid};
use super::text::Text;
use crate::domain::timers::opening::Openings;
use crate::domain::timers::recurrence::Recurrence;
use crate::domain::timers::{duration, midnight};

/// The first instant after `afterMs` of `{"every": ms, "anchor": ms}` or `{"cron": "...", "timeZone": "..."}`.
#[napi(catch_unwind, ts_args_type = "recurrenceJson: string, afterMs: number")]
pub fn next_occurrence(recurrence_json: Text, after_ms: f64) -> Result<f64> {
    let recurrence = Recurrence::parse(&recurrence_json.to_text()).map_err(invalid)?;
    Ok(instant(recurrence.next_after(exact("afterMs", after_ms)?)))
}

/// Whole milliseconds of `20ms`, `30s`, `5m`, `6m0s`, `1h30m`, `1.5h`, `2d`, `1w`.
#[napi(catch_unwind, ts_args_type = "text: string")]
pub fn parse_duration(text: Text) -> Result<f64> {
    duration::parse(&text.to_text()).map(|duration_ms| duration_ms as f64).map_err(invalid)
}

/// When the next day begins in a time zone: the first instant at which the clock shows its date.
#[napi(catch_unwind, ts_args_type = "timeZone: string, afterMs: number")]
pub fn next_local_midnight(time_zone: Text, after_ms: f64) -> Result<f64> {
    let midnight_ms = midnight::next_after(&time_zone.to_text(), exact("afterMs", after_ms)?);
    midnight_ms.map(|midnight_ms| midnight_ms as f64).map_err(invalid)
}

/// `nowMs` when one of the windows is open, else when the next opens.
#[napi(catch_unwind, ts_args_type = "windowsJson: string, nowMs: number")]
pub fn next_opening(windows_json: Text, now_ms: f64) -> Result<f64> {
    let openings = Openings::parse(&windows_json.to_text()).map_err(invalid)?;
    Ok(instant(openings.next_opening(exact("nowMs", now_ms)?)))
}

/// When what is open now closes; -1 when nothing is open, 2^53 - 1 when it never closes.
#[napi(catch_unwind, ts_args_type = "windowsJson: string, nowMs: number")]
pub fn current_closing(windows_json: Text, now_ms: f64) -> Result<f64> {
    let openings = Openings::parse(&windows_json.to_text()).map_err(invalid)?;
    Ok(instant(openings.current_closing(exact("nowMs", now_ms)?)))
}

fn instant(instant_ms: Option<u64>) -> f64 {
    instant_ms.map_or(-1.0, |instant_ms| instant_ms as f64)
}
