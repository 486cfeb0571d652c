use super::desk::*;
use super::harness::Harness;
use token_budget::domain::period::Period;

pub async fn usage_counts_over_the_limit<H: Harness>(desk: Desk<H>) {
    desk.track(90).await;
    desk.track(90).await;
    let view = desk.check(Period::Hourly).await;
    assert_eq!((view.used, view.available()), (180, Some(0)));
    assert_eq!(desk.used().await, [180, 180, 180]);
}

pub async fn usage_of_an_earlier_hour_counts_in_the_day_only<H: Harness>(desk: Desk<H>) {
    desk.try_track(usage_at("2024-05-15T10:00:00Z", 1)).await.unwrap();
    assert_eq!(desk.used().await, [1, 1, 1]);
    desk.try_track(usage_at("2024-05-15T09:59:59.999Z", 2)).await.unwrap();
    assert_eq!(desk.used().await, [1, 3, 3]);
    desk.try_track(usage_at("2024-05-14T23:59:59.999Z", 4)).await.unwrap();
    assert_eq!(desk.used().await, [1, 3, 7]);
    assert_eq!(desk.stats(Period::Daily).await.unattributed, 3);
    assert_eq!(desk.stats(Period::Monthly).await.models, [("unknown".to_owned(), 7)]);
    assert_eq!(desk.history(Period::Hourly, 0, 9).await.len(), 1);
    assert_eq!(desk.history(Period::Monthly, 0, 9).await.len(), 3);
}

pub async fn usage_of_an_earlier_month_counts_nowhere<H: Harness>(desk: Desk<H>) {
    desk.try_track(usage_at("2024-04-30T23:59:59.999Z", 8)).await.unwrap();
    assert_eq!(desk.used().await, [0, 0, 0]);
    assert_eq!(desk.stats(Period::Monthly).await.models, []);
    assert!(desk.history(Period::Monthly, 0, 9).await.is_empty());
}

pub async fn usage_of_the_future_counts_now<H: Harness>(desk: Desk<H>) {
    desk.try_track(usage_at("2030-01-01T00:00:00Z", 8)).await.unwrap();
    assert_eq!(desk.used().await, [8, 8, 8]);
}

pub async fn a_usage_of_zero_is_a_record<H: Harness>(desk: Desk<H>) {
    assert_eq!(desk.try_track(usage_of("r", 0)).await, Ok((false, vec![])));
    assert_eq!(desk.try_track(usage_of("r", 0)).await, Ok((true, vec![])));
    assert!(desk.try_track(usage_of("r", 1)).await.is_err());
    assert_eq!(desk.history(Period::Daily, 0, 9).await.len(), 1);
    assert_eq!(desk.stats(Period::Daily).await.models, []);
    assert_eq!(desk.used().await, [0, 0, 0]);
}
