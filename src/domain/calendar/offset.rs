//! The offset of a zone's clock from UTC, and the instants at which it shifts.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

const HOUR_MS: i64 = 3_600_000;
/// No clock has ever been further from UTC than this.
const OFFSET_MAX_MS: i64 = 16 * HOUR_MS;
/// The last second chrono can name (end of the year 262142); zones no longer shift long before.
const LAST_SECOND: i64 = 8_210_266_876_799;

/// `local clock - UTC` at an instant, in milliseconds.
pub fn at(zone: Tz, instant_ms: i64) -> i64 {
    let second = instant_ms.div_euclid(1_000).clamp(-LAST_SECOND, LAST_SECOND);
    DateTime::from_timestamp(second, 0).map_or(0, |instant| {
        let offset = zone.offset_from_utc_datetime(&instant.naive_utc());
        i64::from(offset.fix().local_minus_utc()) * 1_000
    })
}

/// The first shift in `(from_ms, to_ms]`. Looks once an hour: no zone shifts twice within one.
pub fn first_shift(zone: Tz, from_ms: i64, to_ms: i64) -> Option<i64> {
    let offset_ms = at(zone, from_ms);
    let mut same_ms = from_ms;
    while same_ms < to_ms {
        let next_ms = (same_ms + HOUR_MS).min(to_ms);
        if at(zone, next_ms) != offset_ms {
            return Some(bisect(zone, same_ms, next_ms));
        }
        same_ms = next_ms;
    }
    None
}

/// The shift in `(before_ms, after_ms]`, where the offsets of both ends differ.
fn bisect(zone: Tz, before_ms: i64, after_ms: i64) -> i64 {
    let offset_ms = at(zone, before_ms);
    let (mut before_ms, mut after_ms) = (before_ms, after_ms);
    while after_ms - before_ms > 1 {
        let middle_ms = before_ms + (after_ms - before_ms) / 2;
        if at(zone, middle_ms) == offset_ms {
            before_ms = middle_ms;
        } else {
            after_ms = middle_ms;
        }
    }
    after_ms
}

/// The furthest clock reading up to and including an instant: what the clock shows, unless it was set back within the
/// last day and has not caught up.
pub fn furthest_shown(zone: Tz, instant_ms: i64) -> i64 {
    let mut furthest_ms = instant_ms + at(zone, instant_ms);
    let mut segment_ms = instant_ms - 2 * OFFSET_MAX_MS;
    while let Some(shift_ms) = first_shift(zone, segment_ms, instant_ms) {
        furthest_ms = furthest_ms.max(shift_ms - 1 + at(zone, shift_ms - 1));
        segment_ms = shift_ms;
    }
    furthest_ms
}

/// The first instant at which the local clock shows `local_ms` or later, both in milliseconds
/// since their epoch.
pub fn first_reaching(zone: Tz, local_ms: i64) -> i64 {
    let end_ms = local_ms + OFFSET_MAX_MS;
    let mut segment_ms = local_ms - OFFSET_MAX_MS;
    loop {
        let offset_ms = at(zone, segment_ms);
        // A clock set forward across `local_ms` reaches it with the shift.
        let reached_ms = (local_ms - offset_ms).max(segment_ms);
        match first_shift(zone, segment_ms, reached_ms.min(end_ms)) {
            Some(shift_ms) if shift_ms <= reached_ms => segment_ms = shift_ms,
            _ => return reached_ms,
        }
    }
}
