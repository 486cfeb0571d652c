use super::desk::*;
use super::harness::Harness;
use token_budget::domain::operation::{MODEL_LIMIT, OTHER_MODELS, Operation};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::usage::{Parts, Usage};

fn by(model: &str, total: u64) -> Usage {
    Usage { model: model.to_owned(), ..usage(total) }
}

async fn models<H: Harness>(desk: &Desk<H>, period: Period) -> Vec<(String, u64)> {
    desk.stats(period).await.models
}

fn named(models: &[(&str, u64)]) -> Vec<(String, u64)> {
    models.iter().map(|(name, tokens)| ((*name).to_owned(), *tokens)).collect()
}

pub async fn parts_are_summed_and_the_rest_is_unattributed<H: Harness>(desk: Desk<H>) {
    let parts = Parts { prompt: 1, completion: 2, cache_read: 3, cache_write: 4, reasoning: 5 };
    desk.try_track(Usage { parts, ..usage(20) }).await.unwrap();
    // Parts describe the total: more than it leave nothing unattributed.
    desk.try_track(Usage { parts, ..usage(10) }).await.unwrap();
    let id = desk.reserve(9).await;
    desk.settle(&id, 7).await;
    let stats = desk.stats(Period::Hourly).await;
    let twice = Parts { prompt: 2, completion: 4, cache_read: 6, cache_write: 8, reasoning: 10 };
    assert_eq!((stats.parts, stats.unattributed, stats.view.used), (twice, 5 + 7, 37));
}

pub async fn models_are_ranked_by_tokens_then_name<H: Harness>(desk: Desk<H>) {
    for (model, total) in [("b", 5), ("c", 9), ("a", 5), ("b", 1), ("a", 1), ("zero", 0)] {
        desk.try_track(by(model, total)).await.unwrap();
    }
    assert_eq!(models(&desk, Period::Hourly).await, named(&[("c", 9), ("a", 6), ("b", 6)]));
}

pub async fn only_five_models_are_told<H: Harness>(desk: Desk<H>) {
    for (index, model) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        desk.try_track(by(model, index as u64 + 1)).await.unwrap();
    }
    let expected = named(&[("f", 6), ("e", 5), ("d", 4), ("c", 3), ("b", 2)]);
    assert_eq!(models(&desk, Period::Monthly).await, expected);
}

pub async fn a_model_without_name_is_unknown<H: Harness>(desk: Desk<H>) {
    desk.track(3).await;
    desk.try_track(by("unknown", 2)).await.unwrap();
    assert_eq!(models(&desk, Period::Daily).await, named(&[("unknown", 5)]));
}

pub async fn models_beyond_the_limit_are_counted_together<H: Harness>(desk: Desk<H>) {
    // A usage of 0 tokens takes no place.
    desk.try_track(by("zero", 0)).await.unwrap();
    let tracks = (0..MODEL_LIMIT).map(|index| Operation::Track(by(&format!("m{index}"), 1)));
    desk.apply(tracks.collect()).await;
    desk.try_track(by("m0", 1)).await.unwrap();
    assert_eq!(models(&desk, Period::Hourly).await[0], ("m0".to_owned(), 2));
    for (model, total) in [("late", 3), ("later", 4), (OTHER_MODELS, 1)] {
        desk.try_track(by(model, total)).await.unwrap();
    }
    assert_eq!(models(&desk, Period::Hourly).await[0], (OTHER_MODELS.to_owned(), 8));
}

pub async fn model_names_last_a_month<H: Harness>(desk: Desk<H>) {
    let tracks = (0..MODEL_LIMIT).map(|index| Operation::Track(by(&format!("m{index}"), 1)));
    desk.apply(tracks.collect()).await;
    desk.advance(HOUR_MS);
    desk.try_track(by("late", 3)).await.unwrap();
    assert_eq!(models(&desk, Period::Hourly).await, named(&[(OTHER_MODELS, 3)]));
    desk.at("2024-06-01T00:00:00Z");
    desk.try_track(by("late", 3)).await.unwrap();
    assert_eq!(models(&desk, Period::Monthly).await, named(&[("late", 3)]));
}

pub async fn open_reservations_are_counted_per_period<H: Harness>(desk: Desk<H>) {
    let count = async |period| desk.stats(period).await.open_reservations;
    let all = desk.try_reserve(1, Periods::ALL).await.unwrap();
    desk.reserve(0).await;
    assert_eq!((count(Period::Hourly).await, count(Period::Daily).await), (2, 1));
    desk.release(&all).await;
    assert_eq!((count(Period::Hourly).await, count(Period::Daily).await), (1, 0));
    desk.advance(TTL_MS);
    assert_eq!(count(Period::Hourly).await, 0);
}
