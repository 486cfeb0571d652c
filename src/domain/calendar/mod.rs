//! Calendar windows in a time zone.

mod civil;
mod memo;
pub(crate) mod offset;

pub(crate) use civil::{DAY_MS, Date};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::period::{PERIOD_COUNT, Period};
use super::tokens::MAX_TOKENS;

const HOUR_MS: i64 = 3_600_000;

/// One calendar period `[start_ms, end_ms)`, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub start_ms: u64,
    pub end_ms: u64,
}

impl Window {
    pub fn contains(&self, instant_ms: u64) -> bool {
        (self.start_ms..self.end_ms).contains(&instant_ms)
    }

    /// Instants before 1970 do not exist: a window that began earlier begins there.
    fn between(start_ms: i64, end_ms: i64) -> Self {
        Self { start_ms: start_ms.max(0) as u64, end_ms: end_ms.max(0) as u64 }
    }
}

/// The windows of an instant, one per period.
pub type Windows = [Window; PERIOD_COUNT];

/// Knows where hours, days and months begin in one IANA time zone.
///
/// Windows of one period tile time: each ends where the next begins, on days of 23, 24 and 25
/// hours alike. An hour is an hour of the local clock; the hour a clock repeats in autumn is two
/// windows. Where a zone shifts by less than an hour, the window it shifts in ends at the shift.
/// A day or month begins when the local clock first shows its date; a clock that is set back
/// across midnight does not return to the day before.
///
/// ```
/// use token_budget::domain::calendar::Calendar;
/// use token_budget::domain::period::Period;
///
/// let new_york = Calendar::parse("America/New_York").unwrap();
/// // 2024-03-10, the day clocks go forward, has 23 hours.
/// let day = new_york.window(Period::Daily, 1_710_093_600_000);
/// assert_eq!(day.end_ms - day.start_ms, 23 * 3_600_000);
/// ```
/// Written as the name of its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Calendar {
    zone: Tz,
}

impl Calendar {
    pub fn new(zone: Tz) -> Self {
        Self { zone }
    }

    /// The calendar of an IANA time zone, or `None` when there is no such zone. Names are told
    /// apart by case.
    ///
    /// ```
    /// use token_budget::domain::calendar::Calendar;
    /// assert!(Calendar::parse("Asia/Tokyo").is_some());
    /// assert!(Calendar::parse("Asia/Atlantis").is_none());
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self::new)
    }

    /// The name of its zone.
    pub fn name(&self) -> &'static str {
        self.zone.name()
    }

    /// The window of `period` that contains `instant_ms`. Instants end at 2^53 - 1, later ones
    /// count as that.
    pub fn window(&self, period: Period, instant_ms: u64) -> Window {
        let instant_ms = instant_ms.min(MAX_TOKENS) as i64;
        match (period, self.zone == Tz::UTC) {
            (Period::Hourly, true) => utc_window(instant_ms, HOUR_MS),
            (Period::Daily, true) => utc_window(instant_ms, DAY_MS),
            (Period::Monthly, true) => utc_month(instant_ms),
            (Period::Hourly, false) => self.hour(instant_ms),
            (Period::Daily, false) => self.dates(instant_ms, next_day),
            (Period::Monthly, false) => self.dates(instant_ms, next_month),
        }
    }

    /// The windows of all periods that contain `instant_ms`.
    ///
    /// The last answers are kept per thread and zone, so that asking for one instant after the
    /// other searches for shifts once an hour only.
    pub fn windows(&self, instant_ms: u64) -> Windows {
        memo::windows(self.zone, instant_ms, || Period::ALL.map(|period| self.window(period, instant_ms)))
    }

    fn hour(&self, instant_ms: i64) -> Window {
        let local_ms = instant_ms + offset::at(self.zone, instant_ms);
        let mut start_ms = instant_ms - local_ms.rem_euclid(HOUR_MS);
        let end_ms = start_ms + HOUR_MS;
        while let Some(shift_ms) = offset::first_shift(self.zone, start_ms, instant_ms) {
            start_ms = shift_ms;
        }
        let shift_ms = offset::first_shift(self.zone, instant_ms, end_ms);
        Window::between(start_ms, shift_ms.unwrap_or(end_ms))
    }

    /// The window between two dates that `next` names: the beginning of the one that contains a
    /// day, and of the one after it.
    fn dates(&self, instant_ms: i64, next: fn(i64) -> (i64, i64)) -> Window {
        let local_ms = instant_ms + offset::at(self.zone, instant_ms);
        let mut day = local_ms.div_euclid(DAY_MS);
        loop {
            let (first_day, next_day) = next(day);
            let end_ms = offset::first_reaching(self.zone, next_day * DAY_MS);
            if end_ms > instant_ms {
                return Window::between(offset::first_reaching(self.zone, first_day * DAY_MS), end_ms);
            }
            // The clock was set back across midnight: the next day has begun already.
            day = next_day;
        }
    }
}

impl TryFrom<String> for Calendar {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::parse(&name).ok_or_else(|| format!("no IANA time zone is called {name}"))
    }
}

impl From<Calendar> for String {
    fn from(calendar: Calendar) -> Self {
        calendar.name().to_owned()
    }
}

fn next_day(day: i64) -> (i64, i64) {
    (day, day + 1)
}

fn next_month(day: i64) -> (i64, i64) {
    let date = Date::from_days(day);
    (date.month_start().to_days(), date.next_month().to_days())
}

fn utc_window(instant_ms: i64, length_ms: i64) -> Window {
    let start_ms = instant_ms - instant_ms % length_ms;
    Window::between(start_ms, start_ms + length_ms)
}

fn utc_month(instant_ms: i64) -> Window {
    let (first_day, next_day) = next_month(instant_ms / DAY_MS);
    Window::between(first_day * DAY_MS, next_day * DAY_MS)
}

#[cfg(test)]
mod tests;
