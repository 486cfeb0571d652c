//! Calendar windows in a time zone.

use super::period::{PERIOD_COUNT, Period};

/// One calendar period `[start_ms, end_ms)`, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub start_ms: u64,
    pub end_ms: u64,
}

impl Window {
    pub fn contains(&self, instant_ms: u64) -> bool {
        (self.start_ms..self.end_ms).contains(&instant_ms)
    }
}

/// The windows of an instant, one per period.
pub type Windows = [Window; PERIOD_COUNT];

/// Knows where hours, days and months begin in one IANA time zone.
///
/// Windows of one period tile time: each ends where the next begins, on days of 23, 24 and 25
/// hours alike. An hour is an hour of the local clock; the hour a clock repeats in autumn is two
/// windows. Where a zone shifts by less than an hour, the window it shifts in ends at the shift.
#[derive(Debug, Clone, Copy)]
pub struct Calendar {
    zone: chrono_tz::Tz,
}

impl Calendar {
    pub fn new(zone: chrono_tz::Tz) -> Self {
        Self { zone }
    }

    /// The window of `period` that contains `instant_ms`.
    pub fn window(&self, period: Period, instant_ms: u64) -> Window {
        let _ = (self.zone, period, instant_ms);
        todo!()
    }

    /// The windows of all periods that contain `instant_ms`.
    pub fn windows(&self, instant_ms: u64) -> Windows {
        Period::ALL.map(|period| self.window(period, instant_ms))
    }
}
