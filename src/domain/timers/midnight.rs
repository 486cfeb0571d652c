//! When the next day begins.

use super::recurrence::zone;
use crate::domain::calendar::Calendar;
use crate::domain::period::Period;

/// The first instant after `after_ms` at which the clock of a time zone shows another date, in milliseconds since the
/// Unix epoch. Where midnight is skipped that is the first instant of the day; a clock that is set back across
/// midnight does not return to the day before.
///
/// ```
/// use token_budget::domain::timers::midnight::next_after;
///
/// assert_eq!(next_after("UTC", 0), Ok(86_400_000));
/// assert_eq!(next_after("Asia/Tokyo", 0), Ok(15 * 3_600_000));
/// ```
///
/// # Errors
///
/// `timeZone: ...`
pub fn next_after(time_zone: &str, after_ms: u64) -> Result<u64, String> {
    Ok(Calendar::new(zone(time_zone)?).window(Period::Daily, after_ms).end_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_when_the_clock_first_shows_them() {
        let at =
            |instant: &str| chrono::DateTime::parse_from_rfc3339(instant).expect(instant).timestamp_millis() as u64;
        let rows = [
            // A day of 23 hours, one of 25.
            ("Europe/Berlin", "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"),
            ("Europe/Berlin", "2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z"),
            ("America/New_York", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z"),
            ("America/New_York", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"),
            // Half an hour.
            ("Australia/Lord_Howe", "2024-10-05T13:30:00Z", "2024-10-06T13:00:00Z"),
            // Midnight was skipped: the day began at 01:00.
            ("America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"),
            // Set back across midnight: the 18th began once, in the hour that came twice.
            ("America/Sao_Paulo", "2018-02-17T12:00:00Z", "2018-02-18T03:00:00Z"),
            // The day that was skipped.
            ("Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-30T10:00:00Z"),
        ];
        for (zone, after, expected) in rows {
            assert_eq!(next_after(zone, at(after)), Ok(at(expected)), "{zone} {after}");
        }
        assert_eq!(next_after("Mars", 0), Err("timeZone: no IANA time zone is called \"Mars\"".to_owned()));
    }
}
