use super::desk::*;
use super::harness::Harness;
use token_budget::domain::error::OperationError;
use token_budget::domain::operation::{OVERRIDE_LIMIT, Operation, Outcome, Override};
use token_budget::domain::period::Period;
use token_budget::domain::tokens::MAX_TOKENS;

async fn remove<H: Harness>(desk: &Desk<H>, id: &str) -> bool {
    match desk.one(Operation::RemoveOverride { id: id.to_owned() }).await {
        Ok(Outcome::OverrideRemoved(was_live)) => was_live,
        other => panic!("{other:?}"),
    }
}

async fn list<H: Harness>(desk: &Desk<H>, period: Option<Period>) -> Vec<Override> {
    match desk.one(Operation::ListOverrides { period }).await {
        Ok(Outcome::Overrides(list)) => list,
        other => panic!("{other:?}"),
    }
}

pub async fn an_override_raises_the_limit_of_its_period_only<H: Harness>(desk: Desk<H>) {
    for period in Period::ALL {
        let desk = &desk;
        let entry = desk.override_of(period.name(), period, 50 + period.index() as u64, DAY_MS);
        desk.one(Operation::SetOverride(entry)).await.unwrap();
    }
    let desk = desk.with_limits([Some(100), Some(200), Some(300)]);
    assert_eq!(desk.limit(Period::Hourly).await, Some(150));
    assert_eq!(desk.limit(Period::Daily).await, Some(251));
    assert_eq!(desk.limit(Period::Monthly).await, Some(352));
    desk.reserve(150).await;
    assert!(desk.try_reserve(1, Period::Hourly.into()).await.is_err());
}

pub async fn it_ends_at_its_expiry<H: Harness>(desk: Desk<H>) {
    desk.raise("o", 50, MINUTE_MS).await;
    desk.advance(MINUTE_MS - 1);
    assert_eq!(desk.limit(Period::Hourly).await, Some(150));
    desk.advance(1);
    assert_eq!(desk.limit(Period::Hourly).await, Some(100));
    assert_eq!(list(&desk, None).await, []);
    assert!(desk.try_reserve(101, Period::Hourly.into()).await.is_err());
    assert!(!remove(&desk, "o").await);
}

pub async fn it_outlives_the_window<H: Harness>(desk: Desk<H>) {
    desk.raise("o", 50, 3 * HOUR_MS).await;
    for _ in 0..2 {
        desk.advance(HOUR_MS);
        desk.track(1).await;
        assert_eq!(desk.limit(Period::Hourly).await, Some(150));
    }
}

pub async fn it_can_be_ended_before<H: Harness>(desk: Desk<H>) {
    desk.raise("o", 50, HOUR_MS).await;
    assert!(remove(&desk, "o").await);
    assert_eq!(desk.limit(Period::Hourly).await, Some(100));
    assert!(!remove(&desk, "o").await);
}

pub async fn removing_an_unknown_one_says_so<H: Harness>(desk: Desk<H>) {
    desk.raise("o", 50, HOUR_MS).await;
    assert!(!remove(&desk, "p").await);
    assert_eq!(desk.limit(Period::Hourly).await, Some(150));
}

pub async fn the_same_id_replaces<H: Harness>(desk: Desk<H>) {
    desk.raise("o", 50, HOUR_MS).await;
    desk.raise("o", 20, HOUR_MS).await;
    assert_eq!(desk.limit(Period::Hourly).await, Some(120));
    let desk = desk.with_limits([Some(100), Some(200), None]);
    let moved = desk.override_of("o", Period::Daily, 7, HOUR_MS);
    desk.one(Operation::SetOverride(moved.clone())).await.unwrap();
    assert_eq!(desk.limit(Period::Hourly).await, Some(100));
    assert_eq!(desk.limit(Period::Daily).await, Some(207));
    assert_eq!(list(&desk, None).await, [moved]);
}

pub async fn an_expired_one_has_no_effect<H: Harness>(desk: Desk<H>) {
    desk.raise("now", 50, 0).await;
    let past = Override { expires_at_ms: 1, ..desk.override_of("past", Period::Hourly, 50, 0) };
    assert_eq!(desk.one(Operation::SetOverride(past)).await, Ok(Outcome::OverrideSet));
    assert_eq!(desk.limit(Period::Hourly).await, Some(100));
    assert_eq!(list(&desk, None).await, []);
}

pub async fn an_expired_one_ends_its_predecessor<H: Harness>(desk: Desk<H>) {
    desk.raise("o", 50, HOUR_MS).await;
    desk.raise("o", 50, 0).await;
    assert_eq!(desk.limit(Period::Hourly).await, Some(100));
}

pub async fn several_add_up<H: Harness>(desk: Desk<H>) {
    desk.raise("a", 50, HOUR_MS).await;
    desk.raise("b", 7, MINUTE_MS).await;
    assert_eq!(desk.limit(Period::Hourly).await, Some(157));
    desk.advance(MINUTE_MS);
    assert_eq!(desk.limit(Period::Hourly).await, Some(150));
}

pub async fn unlimited_stays_unlimited<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_limits([None, None, None]);
    desk.raise("o", 50, HOUR_MS).await;
    assert_eq!(desk.limit(Period::Hourly).await, None);
    desk.reserve(1_000).await;
}

pub async fn limits_stop_at_max_tokens<H: Harness>(desk: Desk<H>) {
    desk.raise("a", MAX_TOKENS, HOUR_MS).await;
    desk.raise("b", MAX_TOKENS, HOUR_MS).await;
    assert_eq!(desk.limit(Period::Hourly).await, Some(MAX_TOKENS));
    desk.reserve(MAX_TOKENS).await;
}

pub async fn they_are_listed_by_expiry_then_id<H: Harness>(desk: Desk<H>) {
    let entry = |id, period, lasts_ms| desk.override_of(id, period, 1, lasts_ms);
    let entries = [
        entry("c", Period::Hourly, HOUR_MS),
        entry("a", Period::Daily, 2 * HOUR_MS),
        entry("b", Period::Hourly, HOUR_MS),
        entry("d", Period::Daily, MINUTE_MS),
    ];
    for entry in &entries {
        desk.one(Operation::SetOverride(entry.clone())).await.unwrap();
    }
    let [c, a, b, d] = entries;
    assert_eq!(list(&desk, None).await, [d.clone(), b.clone(), c.clone(), a.clone()]);
    assert_eq!(list(&desk, Some(Period::Hourly)).await, [b, c]);
    assert_eq!(list(&desk, Some(Period::Daily)).await, [d, a]);
}

pub async fn there_is_an_end_to_their_number<H: Harness>(desk: Desk<H>) {
    let operations = (0..OVERRIDE_LIMIT)
        .map(|index| desk.override_of(&format!("o{index}"), Period::Hourly, 1, HOUR_MS))
        .map(Operation::SetOverride);
    for outcome in desk.apply(operations.collect()).await.outcomes {
        assert_eq!(outcome, Ok(Outcome::OverrideSet));
    }
    let more = desk.override_of("more", Period::Daily, 1, HOUR_MS);
    let set = Operation::SetOverride(more);
    assert_eq!(desk.one(set.clone()).await, Err(OperationError::TooManyOverrides));
    // Replacing one, or adding one that has no effect, is no addition.
    desk.raise("o7", 2, HOUR_MS).await;
    desk.raise("dead", 2, 0).await;
    assert_eq!(desk.limit(Period::Hourly).await, Some(100 + OVERRIDE_LIMIT as u64 + 1));
    assert!(remove(&desk, "o7").await);
    assert_eq!(desk.one(set).await, Ok(Outcome::OverrideSet));
}
