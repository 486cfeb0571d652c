use super::*;
use chrono::{Offset, TimeZone, Timelike};
use proptest::prelude::*;

/// Milliseconds of an RFC 3339 instant.
fn at(instant: &str) -> u64 {
    DateTime::parse_from_rfc3339(instant).expect(instant).timestamp_millis() as u64
}

fn text(instant_ms: u64) -> String {
    DateTime::from_timestamp_millis(instant_ms as i64).expect("a date").format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The first `count` runs after an instant.
fn runs(pattern: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let rule = CronRule::parse(pattern, zone).expect(pattern);
    let mut after_ms = at(after);
    let mut runs = Vec::new();
    for _ in 0..count {
        let Some(next_ms) = rule.next_after(after_ms) else { break };
        assert!(next_ms > after_ms);
        runs.push(text(next_ms));
        after_ms = next_ms;
    }
    runs
}

#[test]
fn fields_mean_what_they_mean_in_cron() {
    let cases = [
        ("*/15 * * * *", "2024-01-01T00:00:00Z", ["2024-01-01T00:15:00Z", "2024-01-01T00:30:00Z"]),
        ("0 2 * * 1-5", "2024-01-05T02:00:00Z", ["2024-01-08T02:00:00Z", "2024-01-09T02:00:00Z"]),
        ("0 0 1 * *", "2024-01-31T23:59:59.999Z", ["2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"]),
        ("0 0 29 2 *", "2024-02-29T00:00:00Z", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("30 10 * * 7", "2024-01-01T00:00:00Z", ["2024-01-07T10:30:00Z", "2024-01-14T10:30:00Z"]),
        ("30 10 * * SUN", "2024-01-01T00:00:00Z", ["2024-01-07T10:30:00Z", "2024-01-14T10:30:00Z"]),
        // Either of the days will do.
        ("0 0 13 * 5", "2024-09-01T00:00:00Z", ["2024-09-06T00:00:00Z", "2024-09-13T00:00:00Z"]),
        ("0 12 L * *", "2024-02-01T00:00:00Z", ["2024-02-29T12:00:00Z", "2024-03-31T12:00:00Z"]),
        ("*/20 30 4 * * *", "2024-01-01T04:30:20Z", ["2024-01-01T04:30:40Z", "2024-01-02T04:30:00Z"]),
        ("  0   5 *  * * ", "2024-01-01T00:00:00Z", ["2024-01-01T05:00:00Z", "2024-01-02T05:00:00Z"]),
    ];
    for (pattern, after, expected) in cases {
        assert_eq!(runs(pattern, "UTC", after, 2), expected, "{pattern}");
    }
}

#[test]
fn a_pattern_that_names_no_day_never_runs() {
    assert!(runs("0 0 30 2 *", "Europe/Berlin", "2024-01-01T00:00:00Z", 1).is_empty());
    assert!(runs("* * 31 11 *", "Europe/Berlin", "2024-01-01T00:00:00Z", 1).is_empty());
    let rule = CronRule::parse("* * * * *", "Asia/Tokyo").expect("a pattern");
    assert_eq!(rule.next_after(crate::domain::tokens::MAX_TOKENS), None);
    assert_eq!(rule.next_after(u64::MAX), None);
}

#[test]
fn instants_between_seconds_are_passed() {
    let rule = CronRule::parse("0 12 * * *", "UTC").expect("a pattern");
    let noon_ms = at("2024-01-01T12:00:00Z");
    assert_eq!(rule.next_after(noon_ms - 1), Some(noon_ms));
    assert_eq!(rule.next_after(noon_ms), Some(noon_ms + 86_400_000));
    assert_eq!(rule.next_after(noon_ms + 1), Some(noon_ms + 86_400_000));
    let each_second = CronRule::parse("* * * * * *", "Asia/Kolkata").expect("a pattern");
    assert_eq!(each_second.next_after(noon_ms - 1), Some(noon_ms));
    assert_eq!(each_second.next_after(noon_ms), Some(noon_ms + 1_000));
    assert_eq!(each_second.next_after(noon_ms + 999), Some(noon_ms + 1_000));
}

/// Zone, pattern, after, runs.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

#[test]
fn a_reading_that_is_skipped_runs_after_the_gap_once() {
    let rows: [Row; 9] = [
        // 02:00 to 03:00 at 01:00Z.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2024-03-30T00:00:00Z",
            &["2024-03-30T01:30:00Z", "2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z"],
        ),
        ("Europe/Berlin", "0 2,14 * * *", "2024-03-31T00:00:00Z", &["2024-03-31T01:00:00Z", "2024-03-31T12:00:00Z"]),
        ("Europe/Berlin", "*/10 2 * * *", "2024-03-31T00:00:00Z", &["2024-03-31T01:00:00Z", "2024-04-01T00:00:00Z"]),
        ("Europe/Berlin", "30 2,3 * * *", "2024-03-31T00:00:00Z", &["2024-03-31T01:00:00Z", "2024-03-31T01:30:00Z"]),
        // The first instant after the gap is a run of its own: both are one.
        ("Europe/Berlin", "0 2,3 * * *", "2024-03-31T00:00:00Z", &["2024-03-31T01:00:00Z", "2024-04-01T00:00:00Z"]),
        // 02:00 to 03:00 at 07:00Z.
        ("America/New_York", "15 2 * * *", "2024-03-10T05:00:00Z", &["2024-03-10T07:00:00Z", "2024-03-11T06:15:00Z"]),
        // 02:00 to 02:30 at 15:30Z the day before.
        (
            "Australia/Lord_Howe",
            "10 2 * * *",
            "2024-10-05T14:00:00Z",
            &["2024-10-05T15:30:00Z", "2024-10-06T15:10:00Z"],
        ),
        // 00:00 to 01:00 at 03:00Z: midnight did not exist.
        ("America/Sao_Paulo", "0 0 * * *", "2018-11-03T12:00:00Z", &["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"]),
        // The whole 30th of December was skipped, at 10:00Z.
        (
            "Pacific/Apia",
            "0 12 * * *",
            "2011-12-29T00:00:00Z",
            &["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"],
        ),
    ];
    for (zone, pattern, after, expected) in rows {
        assert_eq!(runs(pattern, zone, after, expected.len()), expected, "{zone} {pattern}");
    }
}

#[test]
fn a_reading_that_comes_twice_runs_the_first_time() {
    let rows: [Row; 5] = [
        // 03:00 to 02:00 at 01:00Z.
        ("Europe/Berlin", "30 2 * * *", "2024-10-26T12:00:00Z", &["2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"]),
        (
            "Europe/Berlin",
            "*/20 1-2 * * *",
            "2024-10-27T00:10:00Z",
            &["2024-10-27T00:20:00Z", "2024-10-27T00:40:00Z", "2024-10-28T00:00:00Z"],
        ),
        // 02:00 to 01:00 at 06:00Z.
        ("America/New_York", "0 1,2 * * *", "2024-11-03T04:00:00Z", &["2024-11-03T05:00:00Z", "2024-11-03T07:00:00Z"]),
        // 02:00 to 01:30 at 15:00Z the day before.
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2024-04-06T14:00:00Z",
            &["2024-04-06T14:45:00Z", "2024-04-07T15:15:00Z"],
        ),
        // 00:00 to 23:00 of the day before at 02:00Z.
        ("America/Sao_Paulo", "30 23 * * *", "2018-02-17T12:00:00Z", &["2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"]),
    ];
    for (zone, pattern, after, expected) in rows {
        assert_eq!(runs(pattern, zone, after, expected.len()), expected, "{zone} {pattern}");
    }
}

#[test]
fn asked_in_the_second_half_it_does_not_run_again() {
    // 02:30 for the second time.
    let second_half = "2024-10-27T01:20:00Z";
    assert_eq!(runs("30 2 * * *", "Europe/Berlin", second_half, 1), ["2024-10-28T01:30:00Z"]);
    assert_eq!(runs("30 3 * * *", "Europe/Berlin", second_half, 1), ["2024-10-27T02:30:00Z"]);
}

#[test]
fn whatever_the_clock_shows_means_every_hour_there_is() {
    let rows: [Row; 5] = [
        (
            "Europe/Berlin",
            "*/30 * * * *",
            "2024-10-27T00:00:00Z",
            &["2024-10-27T00:30:00Z", "2024-10-27T01:00:00Z", "2024-10-27T01:30:00Z", "2024-10-27T02:00:00Z"],
        ),
        ("Europe/Berlin", "*/30 * * * *", "2024-03-31T00:30:00Z", &["2024-03-31T01:00:00Z", "2024-03-31T01:30:00Z"]),
        // 00, 04 (02 is skipped), 06.
        (
            "Europe/Berlin",
            "0 */2 * * *",
            "2024-03-30T22:30:00Z",
            &["2024-03-30T23:00:00Z", "2024-03-31T02:00:00Z", "2024-03-31T04:00:00Z"],
        ),
        // The clock shows a full hour at 14:00Z (01:00), at 15:30Z (02:00) and 16:30Z.
        (
            "Australia/Lord_Howe",
            "0 * * * *",
            "2024-04-06T13:30:00Z",
            &["2024-04-06T14:00:00Z", "2024-04-06T15:30:00Z", "2024-04-06T16:30:00Z"],
        ),
        ("Pacific/Apia", "0 * 30 12 *", "2011-12-01T00:00:00Z", &["2012-12-29T10:00:00Z", "2012-12-29T11:00:00Z"]),
    ];
    for (zone, pattern, after, expected) in rows {
        assert_eq!(runs(pattern, zone, after, expected.len()), expected, "{zone} {pattern}");
    }
}

/// What croner does by itself on these days, and why instants are decided here. When one of these fails, croner has
/// learned it.
#[test]
fn croner_alone_would_do_otherwise() {
    let berlin: Tz = "Europe/Berlin".parse().expect("a zone");
    let next = |pattern: &str, zone: Tz, after: &str| {
        let cron = CronParser::builder().seconds(Seconds::Optional).build().parse(pattern).expect(pattern);
        let after = zone.from_utc_datetime(&DateTime::parse_from_rfc3339(after).expect(after).naive_utc());
        cron.find_next_occurrence(&after, false).map(|next| text(next.timestamp_millis() as u64)).ok()
    };
    // One hour and minute: as here.
    assert_eq!(next("30 2 * * *", berlin, "2024-03-31T00:00:00Z").as_deref(), Some("2024-03-31T01:00:00Z"));
    // A list of hours: the skipped one is lost, the repeated one runs twice.
    assert_eq!(next("30 2,14 * * *", berlin, "2024-03-31T00:00:00Z").as_deref(), Some("2024-03-31T12:30:00Z"));
    assert_eq!(next("30 2,14 * * *", berlin, "2024-10-27T00:30:00Z").as_deref(), Some("2024-10-27T01:30:00Z"));
    // A gap of a day: an error.
    let apia: Tz = "Pacific/Apia".parse().expect("a zone");
    assert_eq!(next("0 12 * * *", apia, "2011-12-30T01:00:00Z"), None);
}

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Asia/Kolkata",
    "Africa/Cairo",
];

fn local(zone: Tz, instant_ms: i64) -> NaiveDateTime {
    let utc = DateTime::from_timestamp_millis(instant_ms).expect("a date").naive_utc();
    utc + chrono::Duration::seconds(i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Against every minute of some days, by the definition.
    #[test]
    fn agrees_with_a_walk_over_every_minute(
        zone in prop::sample::select(ZONES.to_vec()),
        // 2005 to 2030, or shortly before the next time that the clock is changed.
        start_minute in 18_410_000_i64..31_560_000,
        minutes_before_shift in prop::option::weighted(0.8, 0_i64..2_880),
        minute in 0_u32..60,
        hours in prop_oneof![
            (0_u32..24).prop_map(|hour| vec![hour]),
            (0_u32..24, 0_u32..24).prop_map(|(a, b)| vec![a, b]),
            Just(Vec::new()),
        ],
    ) {
        let zone_of: Tz = zone.parse().expect("a zone");
        let list = hours.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let pattern = format!("{minute} {} * * *", if hours.is_empty() { "*" } else { &list });
        let rule = CronRule::parse(&pattern, zone).expect("a pattern");
        let start_ms = start_minute * 60_000;
        let shift_ms = offset::first_shift(zone_of, start_ms, start_ms + 300 * DAY_MS);
        let near_ms = shift_ms.zip(minutes_before_shift).map(|(shift_ms, minutes)| shift_ms - minutes * 60_000);
        let start_ms = near_ms.unwrap_or(start_ms);
        let mut expected = Vec::new();
        // Long enough before the start that what was shown is known.
        let mut furthest = local(zone_of, start_ms - 3 * DAY_MS);
        for step in -3 * 1_440..3 * 1_440_i64 {
            let instant_ms = start_ms + step * 60_000;
            let now = local(zone_of, instant_ms);
            let named = |reading: NaiveDateTime| reading.minute() == minute && hours.contains(&reading.hour());
            let runs = if hours.is_empty() {
                now.minute() == minute
            } else {
                // Whatever was reached since the furthest reading so far, be it shown or skipped.
                let mut reading = furthest;
                let mut any = false;
                while reading < now {
                    reading += chrono::Duration::minutes(1);
                    any |= named(reading);
                }
                any
            };
            if runs && step > 0 {
                expected.push(instant_ms as u64);
            }
            furthest = furthest.max(now);
        }
        let mut after_ms = start_ms as u64;
        for expected_ms in expected {
            let next_ms = rule.next_after(after_ms);
            prop_assert_eq!(next_ms.map(text), Some(text(expected_ms)), "{} {} after {}", zone, pattern, text(after_ms));
            after_ms = expected_ms;
        }
    }
}
