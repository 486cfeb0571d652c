use super::desk::*;
use super::harness::Harness;
use token_budget::domain::operation::{Operation, Outcome};
use token_budget::domain::period::Period;
use token_budget::domain::usage::{Usage, history_record};

async fn totals<H: Harness>(desk: &Desk<H>, offset: u64, limit: u64) -> Vec<u64> {
    let records = desk.history(Period::Hourly, offset, limit).await;
    records.iter().map(|record| record["totalTokens"].as_u64().unwrap()).collect()
}

pub async fn records_come_newest_first<H: Harness>(desk: Desk<H>) {
    let usage = Usage {
        model: "größe \"x\"".to_owned(),
        session_id: "s".to_owned(),
        request_id: Some("r".to_owned()),
        metadata_json: Some(r#"{"deep":[1,{"a":null}]}"#.to_owned()),
        reported_at_ms: 1_700_000_000_123,
        ..usage(7)
    };
    desk.track(1).await;
    desk.try_track(usage.clone()).await.unwrap();
    let history = Operation::History { period: Period::Daily, offset: 0, limit: 10 };
    let expected = vec![history_record(&usage, None), history_record(&Usage { total: 1, ..Usage::default() }, None)];
    assert_eq!(desk.one(history).await, Ok(Outcome::History(expected)));
}

pub async fn pages_are_cut<H: Harness>(desk: Desk<H>) {
    for total in 1..=5 {
        desk.track(total).await;
    }
    assert_eq!(totals(&desk, 0, 2).await, [5, 4]);
    assert_eq!(totals(&desk, 1, 3).await, [4, 3, 2]);
    assert_eq!(totals(&desk, 4, 3).await, [1]);
    assert!(totals(&desk, 5, 3).await.is_empty());
    assert!(totals(&desk, 0, 0).await.is_empty());
}

pub async fn only_the_newest_are_kept<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_history_limit(3);
    for total in 1..=5 {
        desk.track(total).await;
    }
    assert_eq!(totals(&desk, 0, 10).await, [5, 4, 3]);
    assert_eq!(desk.used().await, [15, 15, 15]);
}

pub async fn no_history_is_kept_when_the_limit_is_zero<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_history_limit(0);
    desk.track(7).await;
    assert!(totals(&desk, 0, 10).await.is_empty());
    assert_eq!(desk.used().await, [7, 7, 7]);
}

pub async fn each_period_keeps_its_own<H: Harness>(desk: Desk<H>) {
    desk.track(1).await;
    desk.advance(HOUR_MS);
    desk.track(2).await;
    desk.advance(DAY_MS);
    desk.track(3).await;
    let count = async |period| desk.history(period, 0, 10).await.len();
    assert_eq!(count(Period::Hourly).await, 1);
    assert_eq!(count(Period::Daily).await, 1);
    assert_eq!(count(Period::Monthly).await, 3);
}

pub async fn a_record_tells_its_reservation<H: Harness>(desk: Desk<H>) {
    let id = desk.reserve(9).await;
    desk.settle(&id, 7).await;
    let records = desk.history(Period::Monthly, 0, 10).await;
    assert_eq!(records[0]["reservationId"], id.as_str());
    assert_eq!(records[0]["totalTokens"], 7);
}

pub async fn a_duplicate_leaves_no_record<H: Harness>(desk: Desk<H>) {
    desk.try_track(usage_of("r", 7)).await.unwrap();
    desk.try_track(usage_of("r", 7)).await.unwrap();
    desk.try_track(usage_of("r", 8)).await.unwrap_err();
    assert_eq!(totals(&desk, 0, 10).await, [7]);
}

/// Whatever travels as a sum, is a duplicate, belongs to an earlier hour or names another model.
pub async fn records_of_one_batch_keep_their_order<H: Harness>(desk: Desk<H>) {
    let old = Usage { occurred_at_ms: Some(desk.now() - HOUR_MS), ..usage(5) };
    let other = Usage { model: "other".to_owned(), ..usage(7) };
    let usages = [usage(1), usage(2), usage_of("r", 3), usage_of("r", 3), usage(4), old, usage(6), other, usage(8)];
    let history = |period| Operation::History { period, offset: 0, limit: 10 };
    let tracks = usages.into_iter().map(Operation::Track);
    let receipt = desk.apply(tracks.chain([history(Period::Hourly)]).collect()).await;
    let Some(Ok(Outcome::History(seen))) = receipt.outcomes.last() else { panic!("expected a history") };
    assert_eq!(seen.len(), 7, "a batch sees its own records");
    assert_eq!(totals(&desk, 0, 10).await, [8, 7, 6, 4, 3, 2, 1]);
    let day = desk.history(Period::Daily, 0, 10).await;
    let day: Vec<_> = day.iter().map(|record| record["totalTokens"].as_u64().unwrap()).collect();
    assert_eq!(day, [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(desk.used().await, [31, 36, 36]);
}
