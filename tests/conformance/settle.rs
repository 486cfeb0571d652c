use super::desk::*;
use super::harness::Harness;
use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::ReservationId;
use token_budget::domain::operation::Settlement;
use token_budget::domain::period::{Period, Periods};

/// The settlement of 60 tokens held in the hour.
fn settlement(recorded: u64, overage: u64) -> Settlement {
    Settlement {
        reserved: 60,
        periods: Period::Hourly.into(),
        recorded,
        overage,
        reserved_cost: 0,
        recorded_cost: 0,
        late: false,
        duplicate: false,
        transitions: Vec::new(),
    }
}

fn not_found(id: &ReservationId) -> OperationError {
    OperationError::ReservationNotFound { id: id.as_str().to_owned() }
}

pub async fn usage_is_recorded_in_full_in_every_period<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    assert_eq!(desk.settle(&id, 45).await, settlement(45, 0));
    assert_eq!(desk.used().await, [45, 45, 45]);
    assert_eq!(desk.hour().await, [45, 0]);
}

pub async fn overage_is_recorded_and_told<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    assert_eq!(desk.settle(&id, 160).await, settlement(160, 100));
    assert_eq!(desk.used().await, [160, 160, 160]);
}

pub async fn a_reservation_is_settled_once<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    desk.settle(&id, 45).await;
    assert_eq!(desk.try_settle(&id, Some(usage(45))).await, Err(not_found(&id)));
    assert_eq!(desk.try_settle(&id, None).await, Err(not_found(&id)));
    assert_eq!(desk.hour().await, [45, 0]);
}

pub async fn without_usage_nothing_is_recorded<H: Harness>(desk: Desk<H>) {
    let id = desk.try_reserve(60, Periods::ALL).await.unwrap();
    let settlement = desk.release(&id).await;
    assert_eq!((settlement.reserved, settlement.recorded, settlement.late), (60, 0, false));
    assert_eq!(settlement.periods, Periods::ALL);
    assert_eq!(desk.used().await, [0, 0, 0]);
    assert_eq!(desk.check(Period::Monthly).await.reserved, 0);
    assert!(desk.history(Period::Daily, 0, 10).await.is_empty());
}

pub async fn a_usage_of_zero_records_nothing<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    let settlement = desk.try_settle(&id, Some(usage_of("r", 0))).await.unwrap();
    assert_eq!((settlement.recorded, settlement.duplicate), (0, false));
    assert!(desk.history(Period::Hourly, 0, 10).await.is_empty());
    // The request id was not taken.
    assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((false, vec![])));
    // And a known one is not looked at.
    let id = desk.reserve(60).await;
    let settlement = desk.try_settle(&id, Some(usage_of("r", 0))).await.unwrap();
    assert_eq!((settlement.recorded, settlement.duplicate), (0, false));
}

pub async fn a_late_settle_is_recorded_once<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    desk.advance(TTL_MS);
    let late = desk.settle(&id, 70).await;
    assert_eq!(late, Settlement { late: true, ..settlement(70, 10) });
    assert_eq!(desk.hour().await, [70, 0]);
    assert_eq!(desk.try_settle(&id, Some(usage(70))).await, Err(not_found(&id)));
    assert_eq!(desk.hour().await, [70, 0]);
}

pub async fn what_expired_too_long_ago_is_not_found<H: Harness>(desk: Desk<H>) {
    let (a, b) = (desk.reserve(30).await, desk.reserve(30).await);
    let end_ms = desk.now() + TTL_MS + desk.policy.late_settle_ttl_ms;
    desk.set_now(end_ms - 1);
    assert!(desk.release(&a).await.late);
    desk.set_now(end_ms);
    assert_eq!(desk.try_settle(&b, Some(usage(1))).await, Err(not_found(&b)));
    assert_eq!(desk.hour().await, [0, 0]);
}

pub async fn an_unknown_reservation_is_not_found<H: Harness>(desk: Desk<H>) {
    let id = desk.new_id(Periods::ALL);
    assert_eq!(desk.try_settle(&id, Some(usage(9))).await, Err(not_found(&id)));
    assert_eq!(desk.hour().await, [0, 0]);
}

pub async fn a_known_request_ends_the_reservation_uncounted<H: Harness>(desk: Desk<H>) {
    desk.try_track(usage_of("r", 80)).await.unwrap();
    let id = desk.new_id(Period::Daily.into());
    desk.reserve_as(&id, 60, TTL_MS).await;
    let settlement = desk.try_settle(&id, Some(usage_of("r", 80))).await.unwrap();
    assert!(settlement.duplicate);
    assert_eq!((settlement.recorded, settlement.overage, settlement.reserved), (0, 0, 60));
    let day = desk.check(Period::Daily).await;
    assert_eq!((day.used, day.reserved), (80, 0));
    assert_eq!(desk.try_settle(&id, None).await, Err(not_found(&id)));
}

pub async fn a_conflict_keeps_the_reservation<H: Harness>(desk: Desk<H>) {
    desk.try_track(usage_of("r", 10)).await.unwrap();
    let id = desk.reserve(60).await;
    let conflict = OperationError::RequestConflict { request_id: "r".to_owned() };
    assert_eq!(desk.try_settle(&id, Some(usage_of("r", 11))).await, Err(conflict));
    assert_eq!(desk.hour().await, [10, 60]);
    assert_eq!(desk.settle(&id, 11).await, settlement(11, 0));
}

pub async fn a_settle_is_seen_by_a_later_track<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    desk.try_settle(&id, Some(usage_of("r", 45))).await.unwrap();
    assert_eq!(desk.try_track(usage_of("r", 45)).await, Ok((true, vec![])));
    assert_eq!(desk.hour().await, [45, 0]);
}

pub async fn a_late_duplicate_ends_the_reservation<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(60).await;
    desk.advance(TTL_MS);
    desk.try_track(usage_of("r", 45)).await.unwrap();
    let settlement = desk.try_settle(&id, Some(usage_of("r", 45))).await.unwrap();
    assert!(settlement.late && settlement.duplicate);
    assert_eq!(desk.try_settle(&id, None).await, Err(not_found(&id)));
    assert_eq!(desk.hour().await, [45, 0]);
}

pub async fn usage_of_an_earlier_window_still_gives_back<H: Harness>(desk: Desk<H>) {
    desk.at("2024-05-31T23:59:00Z");
    let id = desk.try_reserve(60, Periods::ALL).await.unwrap();
    desk.at("2024-06-01T00:01:00Z");
    let usage = usage_at("2024-05-31T23:59:30Z", 70);
    let settlement = desk.try_settle(&id, Some(usage)).await.unwrap();
    assert_eq!((settlement.recorded, settlement.overage), (70, 10));
    for period in Period::ALL {
        let view = desk.check(period).await;
        assert_eq!((view.used, view.reserved), (0, 0));
    }
}
