use super::desk::*;
use super::harness::Harness;
use token_budget::domain::calendar::{Calendar, Window};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::Limits;
use token_budget::domain::usage::{Parts, Usage};

fn between(start: &str, end: &str) -> Window {
    Window { start_ms: instant(start), end_ms: instant(end) }
}

pub async fn an_hour_ends_at_the_full_hour<H: Harness>(desk: Desk<H>) {
    desk.at("2024-05-15T10:59:59.999Z");
    desk.track(70).await;
    let view = desk.check(Period::Hourly).await;
    assert_eq!((view.used, view.limit, view.available()), (70, Some(100), Some(30)));
    assert_eq!(view.window, between("2024-05-15T10:00:00Z", "2024-05-15T11:00:00Z"));
    desk.advance(1);
    assert_eq!(desk.used().await, [0, 70, 70]);
    desk.track(5).await;
    assert_eq!(desk.used().await, [5, 75, 75]);
}

pub async fn a_day_ends_at_midnight<H: Harness>(desk: Desk<H>) {
    desk.at("2024-05-15T23:59:59.999Z");
    desk.track(70).await;
    let view = desk.check(Period::Daily).await;
    assert_eq!(view.window, between("2024-05-15T00:00:00Z", "2024-05-16T00:00:00Z"));
    desk.advance(1);
    assert_eq!(desk.used().await, [0, 0, 70]);
}

pub async fn months_end_after_their_own_length<H: Harness>(desk: Desk<H>) {
    let months = [
        ("2023-01-31T23:59:59.999Z", "2023-01-01T00:00:00Z", "2023-02-01T00:00:00Z"),
        ("2023-02-28T23:59:59.999Z", "2023-02-01T00:00:00Z", "2023-03-01T00:00:00Z"),
        ("2024-02-29T23:59:59.999Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("2024-04-30T23:59:59.999Z", "2024-04-01T00:00:00Z", "2024-05-01T00:00:00Z"),
        ("2024-12-31T23:59:59.999Z", "2024-12-01T00:00:00Z", "2025-01-01T00:00:00Z"),
    ];
    for (last_moment, start, end) in months {
        desk.at(last_moment);
        desk.track(7).await;
        let view = desk.check(Period::Monthly).await;
        assert_eq!((view.used, view.window), (7, between(start, end)));
        desk.advance(1);
        assert_eq!(desk.used().await, [0, 0, 0]);
    }
}

pub async fn reads_see_a_new_window_before_any_write<H: Harness>(desk: Desk<H>) {
    desk.track(70).await;
    desk.advance(HOUR_MS);
    let view = desk.check(Period::Hourly).await;
    assert_eq!((view.used, view.available()), (0, Some(100)));
    assert!(view.window.contains(desk.now()));
    assert_eq!(desk.stats(Period::Hourly).await.models, []);
    assert!(desk.history(Period::Hourly, 0, 10).await.is_empty());
}

pub async fn what_is_held_stays_held_in_the_next_window<H: Harness>(desk: Desk<H>) {
    desk.at("2024-05-15T10:58:00Z");
    let id = desk.reserve(60).await;
    desk.at("2024-05-15T11:01:00Z");
    assert_eq!(desk.hour().await, [0, 60]);
    assert_eq!(desk.try_reserve(41, Period::Hourly.into()).await.unwrap_err().reserved, 60);
    desk.settle(&id, 50).await;
    assert_eq!(desk.hour().await, [50, 0]);
}

pub async fn days_of_new_york_have_23_and_25_hours<H: Harness>(desk: Desk<H>) {
    let desk = desk.in_zone("America/New_York");
    for (noon, start, end) in [
        ("2024-03-10T16:00:00Z", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z"),
        ("2024-11-03T17:00:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"),
    ] {
        desk.at(noon);
        desk.track(7).await;
        let view = desk.check(Period::Daily).await;
        assert_eq!((view.used, view.window), (7, between(start, end)));
        desk.set_now(view.window.end_ms - 1);
        assert_eq!(desk.check(Period::Daily).await.used, 7);
        desk.advance(1);
        assert_eq!(desk.check(Period::Daily).await.used, 0);
    }
}

pub async fn the_hour_new_york_repeats_is_two_windows<H: Harness>(desk: Desk<H>) {
    let desk = desk.in_zone("America/New_York");
    desk.at("2024-11-03T05:30:00Z");
    desk.track(7).await;
    desk.at("2024-11-03T06:30:00Z");
    assert_eq!(desk.used().await, [0, 7, 7]);
    let view = desk.check(Period::Hourly).await;
    assert_eq!(view.window, between("2024-11-03T06:00:00Z", "2024-11-03T07:00:00Z"));
}

pub async fn days_of_tokyo_begin_at_15_utc<H: Harness>(desk: Desk<H>) {
    let desk = desk.in_zone("Asia/Tokyo");
    desk.at("2024-05-31T14:59:59.999Z");
    desk.track(7).await;
    assert_eq!(desk.used().await, [7, 7, 7]);
    desk.advance(1);
    assert_eq!(desk.used().await, [0, 0, 0]);
    let view = desk.check(Period::Monthly).await;
    assert_eq!(view.window, between("2024-05-31T15:00:00Z", "2024-06-30T15:00:00Z"));
}

pub async fn a_new_window_empties_breakdown_models_and_history<H: Harness>(desk: Desk<H>) {
    let parts = Parts { prompt: 3, completion: 1, ..Parts::default() };
    let opus = Usage { parts, model: "opus".to_owned(), ..usage(7) };
    desk.try_track(opus).await.unwrap();
    desk.try_reserve(1, Periods::ALL).await.unwrap();
    desk.advance(HOUR_MS);
    desk.track(1).await;
    let hour = desk.stats(Period::Hourly).await;
    assert_eq!((hour.parts, hour.unattributed), (Parts::default(), 1));
    assert_eq!(hour.models, [("unknown".to_owned(), 1)]);
    assert_eq!(desk.history(Period::Hourly, 0, 10).await.len(), 1);
    let day = desk.stats(Period::Daily).await;
    assert_eq!((day.parts, day.unattributed), (parts, 4));
    assert_eq!(day.models, [("opus".to_owned(), 7), ("unknown".to_owned(), 1)]);
    assert_eq!(desk.history(Period::Daily, 0, 10).await.len(), 2);
}

pub async fn windows_of_two_zones_that_begin_together_end_apart<H: Harness>(mut desk: Desk<H>) {
    desk.limits = Limits::tokens([None, Some(100), None]);
    // On this day London leaves summer time: its day begins with that of Lagos and ends an hour later.
    desk.at("2026-10-25T12:00:00Z");
    desk.policy.calendar = Calendar::parse("Africa/Lagos").unwrap();
    desk.track(90).await;
    desk.policy.calendar = Calendar::parse("Europe/London").unwrap();
    desk.at("2026-10-25T22:59:59Z");
    assert_eq!(desk.check(Period::Daily).await.used, 90);
    desk.at("2026-10-25T23:10:00Z");
    for round in 1..=3 {
        desk.track(10).await;
        let view = desk.check(Period::Daily).await;
        assert_eq!((view.used, view.window.end_ms), (10 * round, instant("2026-10-26T00:00:00Z")));
    }
    assert!(desk.try_reserve(71, Period::Daily.into()).await.is_err());
}

pub async fn a_window_ends_when_it_ends_also_for_another_zone<H: Harness>(mut desk: Desk<H>) {
    desk.at("2024-05-15T10:15:00Z");
    desk.limits = Limits::tokens([None, Some(100), None]);
    desk.policy.calendar = Calendar::parse("Asia/Tokyo").unwrap();
    desk.track(90).await;
    // Of the day in Tokyo, which ends at 15:00, not of the one that began at midnight.
    desk.policy.calendar = Calendar::parse("UTC").unwrap();
    desk.track(1).await;
    assert_eq!(desk.check(Period::Daily).await.used, 91);
    assert_eq!(desk.check(Period::Daily).await.window.end_ms, instant("2024-05-15T15:00:00Z"));
    desk.at("2024-05-15T15:00:00Z");
    desk.track(2).await;
    assert_eq!(desk.check(Period::Daily).await.used, 2);
    desk.policy.calendar = Calendar::parse("Asia/Tokyo").unwrap();
    desk.track(3).await;
    assert_eq!(desk.check(Period::Daily).await.used, 5);
    assert_eq!(desk.check(Period::Daily).await.window.end_ms, instant("2024-05-16T00:00:00Z"));
}
