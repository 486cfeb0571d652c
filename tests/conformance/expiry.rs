use super::desk::*;
use super::harness::Harness;
use token_budget::domain::operation::{Operation, Outcome};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::reservation::ExpiredReservation;

pub async fn tokens_come_back_at_the_expiry<H: Harness>(desk: Desk<H>) {
    desk.try_reserve(100, Periods::ALL).await.unwrap();
    desk.advance(TTL_MS - 1);
    assert!(desk.try_reserve(1, Period::Hourly.into()).await.is_err());
    desk.advance(1);
    desk.reserve(100).await;
    assert_eq!(desk.check(Period::Hourly).await.reserved, 100);
    assert_eq!(desk.check(Period::Daily).await.reserved, 0);
}

pub async fn an_expiry_is_told_once<H: Harness>(desk: Desk<H>) {
    let created_at_ms = desk.now();
    let id = desk.try_reserve(60, Periods::ALL).await.unwrap();
    desk.advance(TTL_MS + 7);
    let expired = ExpiredReservation {
        id,
        tokens: 60,
        cost_micros: 0,
        periods: Periods::ALL,
        created_at_ms,
        expires_at_ms: created_at_ms + TTL_MS,
    };
    assert_eq!(desk.apply(vec![Operation::Sweep]).await.expired, [expired]);
    assert_eq!(desk.apply(vec![Operation::Sweep]).await.expired, []);
}

pub async fn reads_count_it_as_given_back<H: Harness>(desk: Desk<H>) {
    desk.reserve(60).await;
    desk.advance(TTL_MS);
    let reads = vec![
        Operation::Check { period: Period::Hourly, tokens: 1 },
        Operation::Stats { period: Period::Hourly },
        Operation::ListReservations { period: None, offset: 0, limit: 10 },
        Operation::GetBudget,
    ];
    for _ in 0..2 {
        let receipt = desk.apply(reads.clone()).await;
        assert_eq!(receipt.expired, []);
        assert!(matches!(&receipt.outcomes[0], Ok(Outcome::Check(view)) if view.reserved == 0));
        assert!(matches!(&receipt.outcomes[1], Ok(Outcome::Stats(stats)) if stats.open_reservations == 0));
        assert_eq!(receipt.outcomes[2], Ok(Outcome::Reservations(vec![])));
    }
    assert_eq!(desk.apply(vec![Operation::Sweep]).await.expired.len(), 1);
}

pub async fn only_what_expired_is_given_back<H: Harness>(desk: Desk<H>) {
    let short = desk.new_id(Periods::ALL);
    desk.reserve_as(&short, 10, SECOND_MS).await;
    let long = desk.new_id(Periods::ALL);
    desk.reserve_as(&long, 20, MINUTE_MS).await;
    desk.advance(SECOND_MS);
    assert_eq!(desk.hour().await, [0, 20]);
    let receipt = desk.apply(vec![Operation::Sweep]).await;
    assert_eq!(receipt.expired.iter().map(|expired| &expired.id).collect::<Vec<_>>(), [&short]);
    assert_eq!(desk.hour().await, [0, 20]);
    assert!(!desk.settle(&long, 5).await.late);
}

pub async fn a_sweep_does_nothing_else<H: Harness>(desk: Desk<H>) {
    desk.track(10).await;
    desk.reserve(20).await;
    let receipt = desk.apply(vec![Operation::Sweep]).await;
    assert_eq!(receipt.outcomes, [Ok(Outcome::Swept)]);
    assert_eq!(receipt.expired, []);
    assert_eq!(desk.hour().await, [10, 20]);
}

pub async fn the_next_expiry_is_told<H: Harness>(desk: Desk<H>) {
    let start_ms = desk.now();
    let next = async || desk.apply(vec![Operation::Sweep]).await.next_expiry_ms;
    assert_eq!(next().await, None);
    let id = desk.new_id(Periods::ALL);
    desk.reserve_as(&id, 1, 2 * SECOND_MS).await;
    desk.reserve_as(&desk.new_id(Period::Daily.into()), 1, MINUTE_MS).await;
    assert_eq!(next().await, Some(start_ms + 2 * SECOND_MS));
    desk.release(&id).await;
    assert_eq!(next().await, Some(start_ms + MINUTE_MS));
    desk.advance(MINUTE_MS);
    assert_eq!(next().await, None);
}

pub async fn an_expiry_frees_room_for_the_same_batch<H: Harness>(desk: Desk<H>) {
    let old = desk.reserve(100).await;
    desk.advance(TTL_MS);
    let id = desk.new_id(Period::Hourly.into());
    let reserve = Operation::Reserve { periods: id.periods(), id, tokens: 100, ttl_ms: TTL_MS, cost_micros: 0 };
    let receipt = desk.apply(vec![reserve]).await;
    assert!(matches!(receipt.outcomes[0], Ok(Outcome::Reserved { remaining: Some(0), .. })));
    assert_eq!(receipt.expired[0].id, old);
    assert_eq!(receipt.next_expiry_ms, Some(desk.now() + TTL_MS));
}
