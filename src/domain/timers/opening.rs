//! Openings of a week: from and to when something may be done.

use chrono_tz::Tz;
use serde::Deserialize;

use super::recurrence::zone;
use crate::domain::calendar::{DAY_MS, offset};
use crate::domain::tokens::MAX_TOKENS;

/// Windows of one calendar.
const WINDOWS_MAX: usize = 100;

/// Every window recurs each week; one that a change of the clock swallows comes again a week later.
const DAYS_AHEAD: i64 = 15;

/// A window begins at most so many days before what it contains: one for midnight, one for a day that was skipped.
const DAYS_BEHIND: i64 = 2;

/// Windows of local time. Each begins when the clock first shows `from` on one of its days and ends when it first shows
/// `to` or later, on the next day when `to` is not after `from`. So a window on a day of 23 or 25 hours is as
/// long as the clock says, and one that the clock skips does not come.
///
/// ```
/// use token_budget::domain::timers::opening::Openings;
///
/// let night = Openings::parse(
///     r#"{"timeZone":"UTC","windows":[{"days":[1,2,3,4,5],"from":"02:00","to":"08:00"}]}"#,
/// ).unwrap();
/// // Thursday, 1970-01-01.
/// let hour_ms = 3_600_000;
/// assert_eq!(night.next_opening(hour_ms), Some(2 * hour_ms));
/// assert_eq!(night.next_opening(3 * hour_ms), Some(3 * hour_ms));
/// assert_eq!(night.current_closing(3 * hour_ms), Some(8 * hour_ms));
/// ```
#[derive(Debug, Clone)]
pub struct Openings {
    zone: Tz,
    windows: Vec<Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    /// Bit 0 is Sunday.
    days: u8,
    from_ms: i64,
    /// From the same midnight: more than a day when it ends on the next one.
    to_ms: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Described {
    time_zone: String,
    windows: Vec<DescribedWindow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedWindow {
    /// 0 is Sunday. Absent: every day.
    days: Option<Vec<u8>>,
    from: String,
    to: String,
}

impl Openings {
    /// Reads `{"timeZone": "Europe/Berlin", "windows": [{"days": [1, 2], "from": "22:00", "to": "06:00"}]}`. Days are
    /// those on which a window begins, 0 is Sunday; without them it is every day. `to` may be `24:00`; equal times
    /// are a whole day.
    ///
    /// # Errors
    ///
    /// `<field>: ...`
    pub fn parse(json: &str) -> Result<Self, String> {
        let described: Described = serde_json::from_str(json).map_err(|error| format!("windows: {error}"))?;
        let count = described.windows.len();
        if !(1..=WINDOWS_MAX).contains(&count) {
            return Err(format!("windows: expected 1 to {WINDOWS_MAX}, not {count}"));
        }
        let windows = described.windows.iter().enumerate();
        Ok(Self {
            zone: zone(&described.time_zone)?,
            windows: windows.map(|(index, window)| window.read(index)).collect::<Result<_, _>>()?,
        })
    }

    /// `now_ms` when it is open, else when it opens next; `None`: never.
    pub fn next_opening(&self, now_ms: u64) -> Option<u64> {
        let instant_ms = i64::try_from(now_ms).ok()?;
        if self.open_until(instant_ms).is_some() {
            return Some(now_ms);
        }
        let today = self.day(instant_ms);
        let days = today - DAYS_BEHIND..today + DAYS_AHEAD;
        let next_ms = days.filter_map(|day| self.first_after(day, instant_ms)).next()?;
        u64::try_from(next_ms).ok()
    }

    /// When it closes, when it is open; windows that touch or overlap are one. 2^53 - 1: it never does.
    pub fn current_closing(&self, now_ms: u64) -> Option<u64> {
        let instant_ms = i64::try_from(now_ms).ok()?;
        let mut end_ms = self.open_until(instant_ms)?;
        while let Some(later_ms) = self.open_until(end_ms) {
            end_ms = later_ms;
            if end_ms - instant_ms > DAYS_AHEAD * DAY_MS {
                return Some(MAX_TOKENS);
            }
        }
        u64::try_from(end_ms).ok()
    }

    /// The latest end of what is open at an instant.
    fn open_until(&self, instant_ms: i64) -> Option<i64> {
        let today = self.day(instant_ms);
        let openings = (today - DAYS_BEHIND..=today + 1).flat_map(|day| self.openings(day));
        openings.filter(|(start_ms, end_ms)| (*start_ms..*end_ms).contains(&instant_ms)).map(|(_, end_ms)| end_ms).max()
    }

    /// The first opening that begins on a day, after an instant. Days that follow open later, or at once with it.
    fn first_after(&self, day: i64, instant_ms: i64) -> Option<i64> {
        let starts = self.openings(day).filter(|(start_ms, end_ms)| start_ms < end_ms && *start_ms > instant_ms);
        starts.map(|(start_ms, _)| start_ms).min()
    }

    /// Openings that begin on a local day, as instants; empty ones included.
    fn openings(&self, day: i64) -> impl Iterator<Item = (i64, i64)> {
        // 1970-01-01 was a Thursday.
        let weekday = (day + 4).rem_euclid(7);
        let windows = self.windows.iter().filter(move |window| window.days & (1 << weekday) != 0);
        windows.map(move |window| {
            let start_ms = offset::first_reaching(self.zone, day * DAY_MS + window.from_ms);
            let end_ms = offset::first_reaching(self.zone, day * DAY_MS + window.to_ms);
            (start_ms, end_ms)
        })
    }

    fn day(&self, instant_ms: i64) -> i64 {
        (instant_ms + offset::at(self.zone, instant_ms)).div_euclid(DAY_MS)
    }
}

impl DescribedWindow {
    fn read(&self, index: usize) -> Result<Window, String> {
        let field = |name: &str| format!("windows[{index}].{name}");
        let days = match &self.days {
            None => 0b111_1111,
            Some(days) if days.is_empty() || days.iter().any(|day| *day > 6) => {
                return Err(format!("{}: expected numbers from 0 (Sunday) to 6", field("days")));
            }
            Some(days) => days.iter().fold(0, |mask, day| mask | 1 << day),
        };
        let from_ms = minutes(&self.from).filter(|minutes| *minutes < 1_440);
        let from_ms = from_ms.ok_or_else(|| format!("{}: expected 00:00 to 23:59", field("from")))? * 60_000;
        let to_ms = minutes(&self.to).ok_or_else(|| format!("{}: expected 00:00 to 24:00", field("to")))? * 60_000;
        Ok(Window { days, from_ms, to_ms: if to_ms <= from_ms { to_ms + DAY_MS } else { to_ms } })
    }
}

/// Minutes since midnight of `HH:MM`.
fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    Some(hours * 60 + minutes).filter(|sum| minutes < 60 && *sum <= 1_440)
}

#[cfg(test)]
mod tests;
