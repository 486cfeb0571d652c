use super::*;
use chrono::DateTime;
use proptest::prelude::*;

fn at(instant: &str) -> u64 {
    DateTime::parse_from_rfc3339(instant).expect(instant).timestamp_millis() as u64
}

fn text(instant_ms: u64) -> String {
    DateTime::from_timestamp_millis(instant_ms as i64).expect("a date").format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn openings(zone: &str, windows: &str) -> Openings {
    Openings::parse(&format!(r#"{{"timeZone":"{zone}","windows":{windows}}}"#)).expect(windows)
}

const NIGHT: &str = r#"[{"from":"02:00","to":"08:00"}]"#;

/// Zone, windows, now, next opening, closing (empty: closed now).
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

fn check(rows: &[Row]) {
    for (zone, windows, now, opening, closing) in rows {
        let calendar = openings(zone, windows);
        assert_eq!(calendar.next_opening(at(now)).map(text).as_deref(), Some(*opening), "{zone} {windows} {now}");
        let closes = calendar.current_closing(at(now)).map(text).unwrap_or_default();
        assert_eq!(closes, *closing, "closing of {zone} {windows} {now}");
    }
}

#[test]
fn inside_it_is_now_and_outside_the_next() {
    check(&[
        ("UTC", NIGHT, "2024-01-01T01:59:59Z", "2024-01-01T02:00:00Z", ""),
        ("UTC", NIGHT, "2024-01-01T02:00:00Z", "2024-01-01T02:00:00Z", "2024-01-01T08:00:00Z"),
        ("UTC", NIGHT, "2024-01-01T07:59:59Z", "2024-01-01T07:59:59Z", "2024-01-01T08:00:00Z"),
        ("UTC", NIGHT, "2024-01-01T08:00:00Z", "2024-01-02T02:00:00Z", ""),
        ("Asia/Tokyo", NIGHT, "2024-01-01T16:30:00Z", "2024-01-01T17:00:00Z", ""),
    ]);
}

#[test]
fn days_and_midnight() {
    let weekend = r#"[{"days":[6,0],"from":"22:00","to":"06:00"}]"#;
    let evening = r#"[{"days":[3],"from":"20:00","to":"24:00"}]"#;
    check(&[
        // Friday evening, Saturday night, Sunday night into Monday.
        ("UTC", weekend, "2024-01-05T23:00:00Z", "2024-01-06T22:00:00Z", ""),
        ("UTC", weekend, "2024-01-07T03:00:00Z", "2024-01-07T03:00:00Z", "2024-01-07T06:00:00Z"),
        ("UTC", weekend, "2024-01-08T05:59:00Z", "2024-01-08T05:59:00Z", "2024-01-08T06:00:00Z"),
        ("UTC", weekend, "2024-01-08T06:00:00Z", "2024-01-13T22:00:00Z", ""),
        ("UTC", evening, "2024-01-03T23:59:59Z", "2024-01-03T23:59:59Z", "2024-01-04T00:00:00Z"),
        ("UTC", evening, "2024-01-04T00:00:00Z", "2024-01-10T20:00:00Z", ""),
    ]);
}

#[test]
fn windows_that_touch_or_overlap_are_one() {
    let two = r#"[{"from":"01:00","to":"03:00"},{"from":"02:00","to":"05:00"},{"from":"05:00","to":"06:00"}]"#;
    check(&[("UTC", two, "2024-01-01T01:30:00Z", "2024-01-01T01:30:00Z", "2024-01-01T06:00:00Z")]);
    let friday_to_sunday = r#"[{"days":[5,6],"from":"00:00","to":"24:00"}]"#;
    check(&[("UTC", friday_to_sunday, "2024-01-05T12:00:00Z", "2024-01-05T12:00:00Z", "2024-01-07T00:00:00Z")]);
    let always = openings("Europe/Berlin", r#"[{"from":"09:00","to":"09:00"}]"#);
    assert_eq!(always.current_closing(at("2024-01-05T12:00:00Z")), Some(MAX_TOKENS));
}

#[test]
fn days_of_23_and_25_hours() {
    let early = r#"[{"from":"02:15","to":"02:45"}]"#;
    let half = r#"[{"from":"01:00","to":"02:30"}]"#;
    check(&[
        // Berlin, 02:00 to 03:00 at 01:00Z: five hours instead of six.
        ("Europe/Berlin", NIGHT, "2024-03-31T00:59:59Z", "2024-03-31T01:00:00Z", ""),
        ("Europe/Berlin", NIGHT, "2024-03-31T01:00:00Z", "2024-03-31T01:00:00Z", "2024-03-31T06:00:00Z"),
        // Skipped as a whole.
        ("Europe/Berlin", early, "2024-03-31T00:30:00Z", "2024-04-01T00:15:00Z", ""),
        // Berlin, 03:00 to 02:00 at 01:00Z: seven hours, and the first 02:30 ends it.
        ("Europe/Berlin", NIGHT, "2024-10-27T00:30:00Z", "2024-10-27T00:30:00Z", "2024-10-27T07:00:00Z"),
        ("Europe/Berlin", half, "2024-10-27T00:00:00Z", "2024-10-27T00:00:00Z", "2024-10-27T00:30:00Z"),
        ("Europe/Berlin", half, "2024-10-27T01:10:00Z", "2024-10-28T00:00:00Z", ""),
        // New York, 02:00 to 03:00 at 07:00Z and 02:00 to 01:00 at 06:00Z.
        ("America/New_York", NIGHT, "2024-03-10T06:00:00Z", "2024-03-10T07:00:00Z", ""),
        ("America/New_York", NIGHT, "2024-11-03T06:30:00Z", "2024-11-03T07:00:00Z", ""),
        // Lord Howe, 02:00 to 02:30 at 15:30Z.
        ("Australia/Lord_Howe", NIGHT, "2024-10-05T15:00:00Z", "2024-10-05T15:30:00Z", ""),
        // Sao Paulo, 00:00 to 01:00 at 03:00Z.
        ("America/Sao_Paulo", r#"[{"from":"00:00","to":"02:00"}]"#, "2018-11-04T02:30:00Z", "2018-11-04T03:00:00Z", ""),
        // Apia: the night to the 30th and that from the skipped 30th are one.
        (
            "Pacific/Apia",
            r#"[{"from":"22:00","to":"06:00"}]"#,
            "2011-12-30T09:00:00Z",
            "2011-12-30T09:00:00Z",
            "2011-12-30T16:00:00Z",
        ),
        ("Pacific/Apia", NIGHT, "2011-12-29T20:00:00Z", "2011-12-30T12:00:00Z", ""),
    ]);
}

#[test]
fn a_week_later_when_the_clock_swallows_one() {
    let sunday = r#"[{"days":[0],"from":"02:10","to":"02:50"}]"#;
    check(&[("Europe/Berlin", sunday, "2024-03-30T00:00:00Z", "2024-04-07T00:10:00Z", "")]);
}

#[test]
fn every_bad_field_is_named() {
    let cases = [
        ("", "windows: "),
        (r#"{"timeZone":"UTC"}"#, "windows: missing field"),
        (r#"{"timeZone":"UTC","windows":[]}"#, "windows: expected 1 to 100"),
        (r#"{"timeZone":"Nowhere","windows":[{"from":"01:00","to":"02:00"}]}"#, "timeZone: no IANA time zone"),
        (r#"{"timeZone":"UTC","windows":[{"from":"24:00","to":"02:00"}]}"#, "windows[0].from: expected"),
        (r#"{"timeZone":"UTC","windows":[{"from":"1:00","to":"02:00"}]}"#, "windows[0].from: expected"),
        (r#"{"timeZone":"UTC","windows":[{"from":"01:60","to":"02:00"}]}"#, "windows[0].from: expected"),
        (r#"{"timeZone":"UTC","windows":[{"from":"-1:00","to":"02:00"}]}"#, "windows[0].from: expected"),
        (r#"{"timeZone":"UTC","windows":[{"from":"01:00","to":"24:01"}]}"#, "windows[0].to: expected"),
        (r#"{"timeZone":"UTC","windows":[{"from":"01:00","to":""}]}"#, "windows[0].to: expected"),
        (r#"{"timeZone":"UTC","windows":[{"days":[7],"from":"01:00","to":"02:00"}]}"#, "windows[0].days: expected"),
        (r#"{"timeZone":"UTC","windows":[{"days":[],"from":"01:00","to":"02:00"}]}"#, "windows[0].days: expected"),
        (r#"{"timeZone":"UTC","windows":[{"day":1,"from":"01:00","to":"02:00"}]}"#, "windows: unknown field `day`"),
    ];
    for (json, message) in cases {
        let error = Openings::parse(json).expect_err(json);
        assert!(error.starts_with(message), "{json}: {error}");
    }
}

const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo"];

const MINUTE_MS: i64 = 60_000;

fn clock(minutes: i64) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Days, from and to in minutes.
type Spec = (Vec<u8>, i64, i64);

/// What the local clock says, on days when it is not changed.
fn is_open_by_the_clock(specs: &[Spec], local_ms: i64) -> bool {
    specs.iter().any(|(days, from, to)| {
        let length = if to <= from { to + 1_440 - from } else { to - from };
        (0..2).any(|back| {
            let day = local_ms.div_euclid(DAY_MS) - back;
            let since = (local_ms - day * DAY_MS).div_euclid(MINUTE_MS) - from;
            days.contains(&((day + 4).rem_euclid(7) as u8)) && (0..length).contains(&since)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    /// Nothing is open before the next opening; then it is, until it closes.
    #[test]
    fn openings_and_closings_fit_together(
        zone in prop::sample::select(ZONES.to_vec()),
        specs in prop::collection::vec(
            (prop::collection::vec(0..7_u8, 1..4), 0..1_440_i64, 0..=1_440_i64),
            1..4,
        ),
        minute in 18_410_000_i64..31_560_000,
        minutes_before_shift in prop::option::of(0_i64..2_880),
    ) {
        let windows = specs.iter().map(|(days, from, to)| {
            format!(r#"{{"days":{days:?},"from":"{}","to":"{}"}}"#, clock(*from), clock(*to))
        });
        let calendar = openings(zone, &format!("[{}]", windows.collect::<Vec<_>>().join(",")));
        let now_ms = minute * MINUTE_MS;
        let shift_ms = offset::first_shift(calendar.zone, now_ms, now_ms + 300 * DAY_MS);
        let near_ms = shift_ms.zip(minutes_before_shift).map(|(shift_ms, minutes)| shift_ms - minutes * MINUTE_MS);
        let now_ms = near_ms.unwrap_or(now_ms);
        let opening_ms = calendar.next_opening(now_ms as u64).expect("some time") as i64;
        prop_assert!(opening_ms >= now_ms);
        let is_quiet = offset::first_shift(calendar.zone, now_ms - 3 * DAY_MS, opening_ms + DAY_MS).is_none();
        let mut instant_ms = now_ms;
        while instant_ms < opening_ms {
            prop_assert_eq!(calendar.current_closing(instant_ms as u64), None, "{}", text(instant_ms as u64));
            if is_quiet {
                prop_assert!(!is_open_by_the_clock(&specs, instant_ms + offset::at(calendar.zone, instant_ms)));
            }
            instant_ms += 7 * MINUTE_MS;
        }
        if is_quiet {
            prop_assert!(is_open_by_the_clock(&specs, opening_ms + offset::at(calendar.zone, opening_ms)));
        }
        let closing_ms = calendar.current_closing(opening_ms as u64).expect("open");
        if closing_ms < MAX_TOKENS {
            prop_assert!(calendar.current_closing(closing_ms - 1) == Some(closing_ms));
            prop_assert_eq!(calendar.current_closing(closing_ms), None);
        }
    }
}
