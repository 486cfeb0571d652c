//! Cron patterns in a time zone.
//!
//! `croner` knows which clock readings a pattern names; which instants these are on days when the clock is changed is
//! decided here, because croner passes over lists of hours on such days, runs them twice, or gives up on long gaps.

use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::domain::calendar::{DAY_MS, Date, offset};

/// Characters of the longest pattern.
const LENGTH_MAX: usize = 256;

/// What is further ahead is not looked at hour by hour. Longer than any clock was ever changed by, twice.
const NEAR_MS: i64 = 2 * DAY_MS;

/// croner looks no further than this year.
const YEAR_MAX: i64 = 5_000;

/// When a pattern of 5 fields (minute, hour, day of month, month, day of week) or 6 (second first) runs.
///
/// - Hours that are named (`2`, `9-17`, `2,14`, `0-23/2`) mean clock readings. One that the clock skips runs at the
///   first instant after the gap, several of them once; one that comes twice runs the first time.
/// - Hours that are not (`*`, `*/2`) mean whatever the clock shows: what is skipped does not run, and what comes twice
///   runs twice. So `*/15 * * * *` runs every quarter of an hour on every day.
///
/// Days: 0 and 7 are Sunday; when both day of month and day of week are given, either will do, as in cron. Further
/// signs are those of croner: `L`, `W`, `#`, `+`, and names of months and days.
///
/// ```
/// use token_budget::domain::timers::cron::CronRule;
///
/// // 2024-03-31 in Berlin: clocks go from 02:00 to 03:00, at 01:00 UTC.
/// let nightly = CronRule::parse("30 2 * * *", "Europe/Berlin").unwrap();
/// assert_eq!(nightly.next_after(1_711_839_600_000), Some(1_711_846_800_000));
/// ```
pub struct CronRule {
    cron: Cron,
    zone: Tz,
    follows_clock: bool,
}

impl CronRule {
    /// # Errors
    ///
    /// `cron: ...` or `timeZone: ...`
    pub fn parse(pattern: &str, time_zone: &str) -> Result<Self, String> {
        let zone = super::recurrence::zone(time_zone)?;
        if pattern.len() > LENGTH_MAX {
            return Err(format!("cron: expected at most {LENGTH_MAX} characters"));
        }
        let fields: Vec<_> = pattern.split_whitespace().collect();
        let hours = match fields.len() {
            5 => fields[1],
            6 => fields[2],
            count => {
                return Err(format!(
                    "cron: expected 5 fields (minute hour day month weekday) or 6 (second first), not {count}"
                ));
            }
        };
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(&fields.join(" ")).map_err(|error| format!("cron: {error}"))?;
        Ok(Self { cron, zone, follows_clock: hours.starts_with(['*', '?']) })
    }

    /// The first instant after `after_ms` at which it runs, in milliseconds since the Unix epoch; `None`: never again,
    /// or not before the year 5000.
    pub fn next_after(&self, after_ms: u64) -> Option<u64> {
        let after_ms = i64::try_from(after_ms).ok()?;
        let last_ms = Date { year: YEAR_MAX, month: 1, day: 1 }.to_days() * DAY_MS;
        if after_ms >= last_ms {
            return None;
        }
        let next_ms = if self.follows_clock { self.next_instant(after_ms)? } else { self.next_reading(after_ms)? };
        u64::try_from(next_ms).ok()
    }

    /// The first time that a reading is reached which was not reached before.
    fn next_reading(&self, after_ms: i64) -> Option<i64> {
        let reading_ms = self.reading_after(offset::furthest_shown(self.zone, after_ms))?;
        Some(offset::first_reaching(self.zone, reading_ms))
    }

    /// The first instant at which the clock shows what the pattern names.
    fn next_instant(&self, after_ms: i64) -> Option<i64> {
        let mut from_ms = after_ms + 1;
        loop {
            let offset_ms = offset::at(self.zone, from_ms);
            let next_ms = self.reading_after(from_ms + offset_ms - 1)? - offset_ms;
            let near_ms = from_ms + NEAR_MS;
            match offset::first_shift(self.zone, from_ms, next_ms.min(near_ms)) {
                Some(shift_ms) => from_ms = shift_ms,
                None if next_ms <= near_ms => return Some(next_ms),
                // Until then the clock shows nothing that matches, however often it is changed.
                None => from_ms = next_ms - NEAR_MS,
            }
        }
    }

    /// The first clock reading after another, in milliseconds, as if no clock were ever changed.
    fn reading_after(&self, reading_ms: i64) -> Option<i64> {
        let reading: NaiveDateTime = DateTime::from_timestamp(reading_ms.div_euclid(1_000), 0)?.naive_utc();
        let next = self.cron.find_next_occurrence(&reading, false).ok()?;
        Some(next.and_utc().timestamp_millis())
    }
}

#[cfg(test)]
mod tests;
