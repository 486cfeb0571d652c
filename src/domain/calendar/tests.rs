use super::*;
use chrono::{Datelike, TimeZone, Timelike};
use proptest::prelude::*;

const ZONES: [&str; 14] = [
    "UTC",
    "America/New_York",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/St_Johns",
    "Pacific/Apia",
    "Africa/Cairo",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "Pacific/Kwajalein",
    "Africa/Monrovia",
    "Antarctica/Troll",
];
/// 2100-01-01.
const LAST_MS: u64 = 4_102_444_800_000;

fn calendar(zone: &str) -> Calendar {
    Calendar::parse(zone).unwrap()
}

/// Milliseconds of an RFC 3339 instant.
fn at(instant: &str) -> u64 {
    chrono::DateTime::parse_from_rfc3339(instant).unwrap().timestamp_millis() as u64
}

fn window(zone: &str, period: Period, instant: &str) -> Window {
    calendar(zone).window(period, at(instant))
}

fn between(start: &str, end: &str) -> Window {
    Window { start_ms: at(start), end_ms: at(end) }
}

#[test]
fn hours_days_and_months_of_utc_end_at_their_next() {
    let instant = "2024-02-29T23:59:59.999Z";
    let midnight = "2024-03-01T00:00:00Z";
    assert_eq!(window("UTC", Period::Hourly, instant), between("2024-02-29T23:00:00Z", midnight));
    assert_eq!(window("UTC", Period::Daily, instant), between("2024-02-29T00:00:00Z", midnight));
    assert_eq!(window("UTC", Period::Monthly, instant), between("2024-02-01T00:00:00Z", midnight));
}

#[test]
fn the_hour_repeated_in_autumn_is_two_windows() {
    let first = window("America/New_York", Period::Hourly, "2024-11-03T05:30:00Z");
    let second = window("America/New_York", Period::Hourly, "2024-11-03T06:30:00Z");
    assert_eq!(first, between("2024-11-03T05:00:00Z", "2024-11-03T06:00:00Z"));
    assert_eq!(second, between("2024-11-03T06:00:00Z", "2024-11-03T07:00:00Z"));
    let day = window("America/New_York", Period::Daily, "2024-11-03T12:00:00Z");
    assert_eq!(day, between("2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"));
}

#[test]
fn a_shift_of_half_an_hour_ends_the_window_it_falls_in() {
    // Lord Howe, 2024-04-07 02:00 (+11) -> 01:30 (+10:30), at 15:00 UTC.
    let zone = "Australia/Lord_Howe";
    let before = window(zone, Period::Hourly, "2024-04-06T14:59:00Z");
    let after = window(zone, Period::Hourly, "2024-04-06T15:00:00Z");
    assert_eq!(before, between("2024-04-06T14:00:00Z", "2024-04-06T15:00:00Z"));
    assert_eq!(after, between("2024-04-06T15:00:00Z", "2024-04-06T15:30:00Z"));
}

#[test]
fn hours_of_a_zone_with_half_hour_offset_begin_at_half_past() {
    let hour = window("Asia/Kolkata", Period::Hourly, "2024-01-01T00:10:00Z");
    assert_eq!(hour, between("2023-12-31T23:30:00Z", "2024-01-01T00:30:00Z"));
}

#[test]
fn a_day_without_midnight_begins_at_the_shift() {
    // Cairo, 2024-04-26: 00:00 -> 01:00.
    let day = window("Africa/Cairo", Period::Daily, "2024-04-26T12:00:00Z");
    assert_eq!(day, between("2024-04-25T22:00:00Z", "2024-04-26T21:00:00Z"));
}

#[test]
fn a_day_that_a_zone_skips_has_no_window() {
    // Apia went from 2011-12-29 (-10) to 2011-12-31 (+14) at midnight.
    let before = window("Pacific/Apia", Period::Daily, "2011-12-30T09:00:00Z");
    let after = window("Pacific/Apia", Period::Daily, "2011-12-30T10:00:00Z");
    assert_eq!(before, between("2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"));
    assert_eq!(after, between("2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"));
}

#[test]
fn a_clock_set_back_across_midnight_stays_in_the_new_day() {
    // St. John's, 2010-11-07 00:01 (-2:30) -> 2010-11-06 23:01 (-3:30), at 02:31 UTC.
    let zone = "America/St_Johns";
    let day = window(zone, Period::Daily, "2010-11-07T02:45:00Z");
    assert_eq!(day, between("2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"));
    let minute = window(zone, Period::Hourly, "2010-11-07T02:30:30Z");
    assert_eq!(minute, between("2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z"));
}

#[test]
fn the_first_window_begins_with_1970_and_the_last_is_reachable() {
    assert_eq!(calendar("America/New_York").window(Period::Monthly, 0).start_ms, 0);
    for zone in ZONES {
        for period in Period::ALL {
            assert!(calendar(zone).window(period, MAX_TOKENS).contains(MAX_TOKENS), "{zone}");
            calendar(zone).window(period, u64::MAX);
        }
    }
}

#[test]
fn names_that_are_no_zone_are_refused() {
    for name in ["", "Mars/Olympus", "utc+1", " UTC"] {
        assert!(Calendar::parse(name).is_none(), "{name}");
    }
}

fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&ZONES[..])
}

fn period() -> impl Strategy<Value = Period> {
    prop::sample::select(&Period::ALL[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn windows_tile_time(zone in zone(), period in period(), instant_ms in 0..LAST_MS) {
        let calendar = calendar(zone);
        let window = calendar.window(period, instant_ms);
        prop_assert!(window.contains(instant_ms));
        prop_assert_eq!(calendar.window(period, window.start_ms), window);
        prop_assert_eq!(calendar.window(period, window.end_ms - 1), window);
        prop_assert_eq!(calendar.window(period, window.end_ms).start_ms, window.end_ms);
        if window.start_ms > 0 {
            prop_assert_eq!(calendar.window(period, window.start_ms - 1).end_ms, window.start_ms);
        }
    }

    #[test]
    fn a_window_shows_one_hour_day_or_month(zone in zone(), instant_ms in 40_000_000_000..LAST_MS) {
        let calendar = calendar(zone);
        let tz: Tz = zone.parse().unwrap();
        let local = |ms: u64| tz.timestamp_millis_opt(ms as i64).unwrap();
        let now = local(instant_ms);
        let hour = calendar.window(Period::Hourly, instant_ms);
        for edge_ms in [hour.start_ms, hour.end_ms - 1] {
            prop_assert_eq!((local(edge_ms).date_naive(), local(edge_ms).hour()), (now.date_naive(), now.hour()));
        }
        let month = calendar.window(Period::Monthly, instant_ms);
        prop_assert!(month.end_ms - month.start_ms >= 27 * 86_400_000);
        prop_assert_eq!(local(month.start_ms).day(), 1);
    }

    #[test]
    fn windows_nest(zone in zone(), instant_ms in 0..LAST_MS) {
        let [hour, day, month] = calendar(zone).windows(instant_ms);
        prop_assert!(day.start_ms <= hour.start_ms && hour.end_ms <= day.end_ms);
        prop_assert!(month.start_ms <= day.start_ms && day.end_ms <= month.end_ms);
    }

    #[test]
    fn remembered_windows_are_the_computed_ones(
        zone in zone(), base_ms in 0..LAST_MS, steps in prop::collection::vec(-7_200_000..7_200_000_i64, 1..20)
    ) {
        let calendar = calendar(zone);
        let mut instant_ms = base_ms;
        for step in steps {
            instant_ms = instant_ms.saturating_add_signed(step);
            prop_assert_eq!(calendar.windows(instant_ms), Period::ALL.map(|period| calendar.window(period, instant_ms)));
        }
    }
}
