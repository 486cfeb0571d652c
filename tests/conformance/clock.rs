use super::desk::*;
use super::harness::Harness;
use token_budget::domain::period::Period;

/// Uses up the hour of 11, then sets the clock back into the hour of 10.
async fn behind<H: Harness>(desk: &Desk<H>) {
    desk.at("2024-05-15T11:00:00Z");
    desk.track(90).await;
    desk.at("2024-05-15T10:59:00Z");
}

pub async fn a_clock_that_goes_back_grants_nothing_twice<H: Harness>(desk: Desk<H>) {
    behind(&desk).await;
    let view = desk.check(Period::Hourly).await;
    assert_eq!((view.used, view.available()), (90, Some(10)));
    assert_eq!(view.window.start_ms, instant("2024-05-15T11:00:00Z"));
    assert_eq!(desk.try_reserve(11, Period::Hourly.into()).await.unwrap_err().used, 90);
    assert_eq!(desk.stats(Period::Hourly).await.unattributed, 90);
    assert_eq!(desk.history(Period::Hourly, 0, 9).await.len(), 1);
}

pub async fn usage_counts_while_the_clock_is_behind<H: Harness>(desk: Desk<H>) {
    behind(&desk).await;
    desk.track(1).await;
    assert_eq!(desk.used().await, [91, 91, 91]);
    desk.try_track(usage_at("2024-05-15T10:59:00Z", 1)).await.unwrap();
    desk.try_track(usage_at("2024-05-15T10:59:30Z", 1)).await.unwrap();
    assert_eq!(desk.used().await, [93, 93, 93]);
    desk.try_track(usage_at("2024-05-15T10:58:59.999Z", 1)).await.unwrap();
    assert_eq!(desk.used().await, [93, 94, 94]);
}

pub async fn a_clock_that_has_caught_up_goes_on_as_before<H: Harness>(desk: Desk<H>) {
    behind(&desk).await;
    desk.track(1).await;
    desk.at("2024-05-15T11:30:00Z");
    assert_eq!(desk.hour().await, [91, 0]);
    desk.at("2024-05-15T12:00:00Z");
    assert_eq!(desk.hour().await, [0, 0]);
}
