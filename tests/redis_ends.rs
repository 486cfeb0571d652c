//! No decision depends on the end of a key: the store agrees with the model while its keys end.

mod conformance;
#[path = "support/link_harness.rs"]
mod link_harness;
mod model;
#[path = "support/mortal_keys.rs"]
mod mortal_keys;
#[path = "support/servers.rs"]
mod servers;

use conformance::desk::{Desk, HOUR_MS, MINUTE_MS, SECOND_MS, instant, usage_of};
use conformance::harness::run;
use model::drive::{agree, stay_within_the_limit_from};
use model::steps::{later, later_play, reservations_only};
use mortal_keys::MortalKeys;
use proptest::prelude::*;
use token_budget::domain::operation::{Operation, Outcome};
use token_budget::domain::period::Period;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_the_ledger(play in later_play()) {
        agree::<MortalKeys>(&play);
    }

    #[test]
    fn settled_and_pending_never_exceed_the_limit(steps in reservations_only()) {
        stay_within_the_limit_from::<MortalKeys>(later(instant("2024-05-31T22:30:00Z")), &steps);
    }
}

/// A desk whose clock is ahead of the server's.
fn case<F: Future<Output = ()>>(at: &'static str, play: impl FnOnce(Desk<MortalKeys>) -> F) {
    run(|desk: Desk<MortalKeys>| {
        desk.set_now(later(instant(at)));
        play(desk)
    });
}

async fn reserve(desk: &Desk<MortalKeys>, tokens: u64, ttl_ms: u64) -> token_budget::domain::identifier::ReservationId {
    let id = desk.new_id(Period::Hourly.into());
    assert!(matches!(desk.reserve_as(&id, tokens, ttl_ms).await, Outcome::Reserved { .. }));
    id
}

fn delete(desk: &Desk<MortalKeys>, rest: &str) {
    let key = desk.harness.key("team-a", rest);
    assert_eq!(desk.harness.query::<i64>(redis::cmd("DEL").arg(&key)), 1, "{key}");
}

/// Whether a key is still there. What is lost is found again, so that answers alone would not tell.
fn is_there(desk: &Desk<MortalKeys>, rest: &str) -> bool {
    desk.harness.query(redis::cmd("EXISTS").arg(desk.harness.key("team-a", rest)))
}

#[test]
fn held_tokens_stay_held_when_one_batch_releases_and_reserves() {
    case("2024-05-15T10:15:00Z", |desk| async move {
        let first = reserve(&desk, 50, 2 * SECOND_MS).await;
        let id = desk.new_id(Period::Hourly.into());
        let release = Operation::Settle { id: first, usage: None };
        let next = Operation::Reserve { periods: id.periods(), id, tokens: 30, ttl_ms: 10 * MINUTE_MS, cost_micros: 0 };
        desk.apply(vec![release, next]).await;
        desk.advance(3 * SECOND_MS);
        assert!(is_there(&desk, "hourly:reservations:total"));
        assert_eq!(desk.hour().await, [0, 30]);
        assert!(desk.try_reserve(71, Period::Hourly.into()).await.is_err());
    });
}

#[test]
fn held_tokens_stay_held_across_the_end_of_a_month() {
    case("2024-05-31T23:58:00Z", |desk| async move {
        reserve(&desk, 30, 5 * MINUTE_MS).await;
        desk.advance(4 * MINUTE_MS + 59 * SECOND_MS);
        desk.advance(2 * SECOND_MS);
        assert!(is_there(&desk, "state"), "it tells of a reservation that nobody has swept");
        reserve(&desk, 30, SECOND_MS).await;
        reserve(&desk, 70, 10 * MINUTE_MS).await;
        desk.advance(2 * SECOND_MS);
        assert_eq!(desk.hour().await, [0, 70]);
        assert_eq!(desk.stats(Period::Hourly).await.open_reservations, 1);
    });
}

#[test]
fn nothing_stays_held_when_the_index_ended_before_anybody_looked() {
    case("2024-05-15T10:15:00Z", |desk| async move {
        reserve(&desk, 30, MINUTE_MS).await;
        reserve(&desk, 20, 2 * MINUTE_MS).await;
        desk.advance(2 * HOUR_MS);
        assert_eq!(desk.hour().await, [0, 0]);
        assert_eq!(desk.stats(Period::Hourly).await.open_reservations, 0);
        reserve(&desk, 10, MINUTE_MS).await;
        assert_eq!(desk.stats(Period::Hourly).await.open_reservations, 1);
    });
}

#[test]
fn a_counter_of_held_tokens_that_was_deleted_is_found_again() {
    case("2024-05-15T10:15:00Z", |desk| async move {
        let id = reserve(&desk, 30, MINUTE_MS).await;
        reserve(&desk, 40, 2 * MINUTE_MS).await;
        delete(&desk, "hourly:reservations:total");
        assert_eq!(desk.hour().await, [0, 70]);
        assert!(desk.try_reserve(31, Period::Hourly.into()).await.is_err());
        desk.settle(&id, 5).await;
        assert_eq!(desk.hour().await, [5, 40]);
    });
}

#[test]
fn a_state_that_was_deleted_loses_neither_used_nor_held_tokens() {
    case("2024-05-15T10:15:00Z", |desk| async move {
        desk.track(20).await;
        let id = reserve(&desk, 30, MINUTE_MS).await;
        delete(&desk, "state");
        assert_eq!(desk.hour().await, [20, 30]);
        desk.track(1).await;
        assert_eq!(desk.used().await, [21, 21, 21]);
        assert_eq!(desk.history(Period::Hourly, 0, 9).await.len(), 2);
        desk.settle(&id, 5).await;
        assert_eq!(desk.hour().await, [26, 0]);
        desk.advance(HOUR_MS);
        assert_eq!(desk.hour().await, [0, 0]);
    });
}

#[test]
fn a_request_is_known_until_its_ttl_is_over_across_the_end_of_a_month() {
    case("2024-05-31T23:58:00Z", |mut desk| async move {
        desk.policy.idempotency_ttl_ms = 3 * HOUR_MS;
        desk.try_track(usage_of("r", 7)).await.unwrap();
        desk.advance(10 * MINUTE_MS);
        desk.policy.idempotency_ttl_ms = SECOND_MS;
        desk.try_track(usage_of("s", 7)).await.unwrap();
        desk.advance(2 * HOUR_MS);
        desk.policy.idempotency_ttl_ms = 3 * HOUR_MS;
        assert_eq!(desk.try_track(usage_of("r", 7)).await, Ok((true, vec![])));
    });
}

#[test]
fn what_a_deleted_index_listed_is_not_held_for_ever() {
    case("2024-05-15T10:15:00Z", |desk| async move {
        reserve(&desk, 50, 2 * SECOND_MS).await;
        delete(&desk, "pending");
        for _ in 0..4 {
            reserve(&desk, 1, MINUTE_MS).await;
            desk.advance(SECOND_MS);
        }
        assert_eq!(desk.hour().await, [0, 4]);
        assert_eq!(desk.stats(Period::Hourly).await.open_reservations, 4);
    });
}

#[test]
fn a_bucket_of_requests_that_was_deleted_ends_all_the_same() {
    case("2024-05-15T10:15:00Z", |desk| async move {
        desk.try_track(usage_of("r", 1)).await.unwrap();
        let bucket = if (desk.now() / HOUR_MS).is_multiple_of(2) { "requests:a" } else { "requests:b" };
        delete(&desk, bucket);
        desk.try_track(usage_of("s", 1)).await.unwrap();
        let key = desk.harness.key("team-a", bucket);
        let ends_ms = desk.harness.query::<i64>(redis::cmd("PEXPIRETIME").arg(&key));
        // -1 would be a key without an end.
        assert!(ends_ms >= (desk.now() + HOUR_MS) as i64, "{ends_ms}");
    });
}
