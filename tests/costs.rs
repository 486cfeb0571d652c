//! The prices that are shipped, looked up by the names that people write, and what usage costs by them.

use std::sync::Arc;

use token_budget::domain::costs::cost::{Usage, cost_of, micros_half_up};
use token_budget::domain::costs::price::{Price, Prices};
use token_budget::domain::costs::snapshot::Snapshot;
use token_budget::domain::costs::table::{OwnModel, PriceTable};

/// 2026-09-01.
const NOW_MS: u64 = 1_788_220_800_000;

fn table() -> PriceTable {
    let snapshot = Snapshot::parse(include_str!("../data/prices.json")).expect("the shipped prices");
    PriceTable::new(Arc::new(snapshot))
}

fn own(id: &str, input: u64) -> OwnModel {
    OwnModel {
        id: id.to_owned(),
        provider: "custom".to_owned(),
        currency: "USD".to_owned(),
        batch_percent: 100,
        prices: vec![Prices { input: Some(Price::flat(input)), ..Prices::default() }],
    }
}

/// `provider/model` of a name.
fn found(table: &mut PriceTable, name: &str, provider: Option<&str>) -> String {
    let handle = table.find(name, provider, false);
    let known = handle.and_then(|handle| table.known(handle, NOW_MS));
    known.map_or_else(|| "none".to_owned(), |known| format!("{} {}", known.provider, known.id))
}

#[test]
fn models_are_found_by_every_spelling() {
    let table = &mut table();
    for (name, provider, expected) in [
        ("claude-sonnet-4-5", None, "anthropic claude-sonnet-4-5"),
        ("claude-sonnet-4.5", None, "anthropic claude-sonnet-4-5"),
        (" Claude-Sonnet-4-5 ", None, "anthropic claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929", None, "anthropic claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", Some("vertex_ai"), "google claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4.5", None, "anthropic claude-sonnet-4-5"),
        ("anthropic:claude-sonnet-4-5", None, "anthropic claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4-5", Some("anthropic"), "anthropic claude-sonnet-4-5"),
        ("openai/gpt-4o", None, "openai gpt-4o"),
        ("gpt-4o-2024-08-06", None, "openai gpt-4o"),
        ("gpt-5.5-20260423", Some("openai"), "openai gpt-5.5"),
        ("azure/gpt-5", None, "azure gpt-5"),
        ("google/gemini-2.5-pro", None, "google gemini-2.5-pro"),
        ("models/gemini-2.5-pro", None, "google gemini-2.5-pro"),
        ("projects/p/locations/l/publishers/google/models/gemini-2.5-pro", None, "google gemini-2.5-pro"),
        (
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            None,
            "aws regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some("bedrock"),
            "aws global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", None, "aws regional.anthropic.claude-3-haiku-20240307-v1:0"),
        (
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
            None,
            "aws regional.anthropic.claude-3-haiku-20240307-v1:0",
        ),
        // Whoever names the wrong seller gets the maker's price, and no price is made up.
        ("claude-sonnet-4-5", Some("openai"), "anthropic claude-sonnet-4-5"),
        ("claude-sonnet-4-5", Some("custom"), "anthropic claude-sonnet-4-5"),
        ("my-own-model", None, "none"),
        ("", None, "none"),
        // Paid by the hour.
        ("whisper-1", None, "none"),
    ] {
        assert_eq!(found(table, name, provider), expected, "{name} of {provider:?}");
    }
}

#[test]
fn own_prices_come_first_for_each_spelling_of_their_model() {
    let table = &mut table();
    table.set_own(own("claude-sonnet-4-5", 1));
    table.set_own(own("Exactly-This", 2));
    for name in [
        "claude-sonnet-4-5",
        "claude-sonnet-4.5",
        "anthropic/claude-sonnet-4.5",
        "claude-sonnet-4-5-20250929",
        "anthropic/claude-sonnet-4-5-20250929",
    ] {
        assert_eq!(found(table, name, Some("anthropic")), "custom claude-sonnet-4-5", "{name}");
    }
    assert_eq!(found(table, "Exactly-This", None), "custom Exactly-This");
    assert_eq!(found(table, "exactly-this", None), "custom Exactly-This");
    assert_eq!(found(table, "claude-sonnet-4-6", None), "anthropic claude-sonnet-4-6");
}

#[test]
fn published_prices_count_only_where_they_are_wanted() {
    let table = &mut table();
    table.set_published(own("gemini-pro", 500_000));
    let mut input = |as_published| {
        let handle = table.find("gemini-pro", None, as_published).expect("known");
        table.known(handle, NOW_MS).and_then(|known| known.prices.input.clone()).map(|price| price.base)
    };
    assert_eq!((input(true), input(false)), (Some(500_000), Some(125_000)));
}

#[test]
fn handles_name_one_model_each() {
    let table = &mut table();
    let first = table.find("gpt-4o", None, false);
    assert_eq!(table.find("openai/gpt-4o", None, false), first);
    assert_ne!(table.find("gpt-5", None, false), first);
    table.set_own(own("x", 1));
    assert!(table.known(0, NOW_MS).is_none());
}

#[test]
fn prices_change_with_the_day_and_with_the_time_of_day() {
    let table = &mut table();
    let handle = table.find("o3", None, false).expect("known");
    let input = |at_ms| table.known(handle, at_ms).and_then(|known| known.prices.input.clone()).map(|p| p.base);
    // 2025-06-10.
    assert_eq!(input(1_749_513_600_000 - 1), Some(10_000_000));
    assert_eq!(input(1_749_513_600_000), Some(2_000_000));
    let handle = table.find("deepseek-chat", None, false).expect("known");
    let input = |at_ms| table.known(handle, at_ms).and_then(|known| known.prices.input.clone()).map(|p| p.base);
    assert_eq!(input(NOW_MS), Some(135_000));
    assert_eq!(input(NOW_MS + 12 * 3_600_000), Some(270_000));
}

#[test]
fn a_long_context_with_cache_costs_what_the_tier_says() {
    let table = &mut table();
    let handle = table.find("claude-sonnet-4-5", None, false).expect("known");
    let known = table.known(handle, NOW_MS).expect("known");
    let usage = Usage {
        input_tokens: 250_000,
        cache_read_tokens: 200_000,
        cache_write_tokens: 10_000,
        output_tokens: 1_000,
        ..Usage::default()
    };
    let cost = cost_of(known.prices, &usage, known.batch_percent);
    assert_eq!(cost.input_pico, 40_000 * 6_000_000 + 200_000 * 600_000 + 10_000 * 7_500_000);
    assert_eq!(micros_half_up(cost.total_pico()), 240_000 + 120_000 + 75_000 + 22_500);
    let batch = cost_of(known.prices, &Usage { is_batch: true, ..usage }, known.batch_percent);
    assert_eq!(batch.total_pico() * 2, cost.total_pico());
}

#[test]
fn an_unknown_model_is_estimated_by_its_dearest_relative() {
    let table = &mut table();
    let mut relative = |name: &str| {
        let handle = table.estimate(name, NOW_MS).expect("one");
        table.known(handle, NOW_MS).map(|known| format!("{} {}", known.provider, known.id)).unwrap_or_default()
    };
    assert!(relative("claude-opus-99").starts_with("anthropic claude-opus-"));
    assert!(relative("gemini-99-ultra").starts_with("google gemini-"));
    assert_eq!(relative("nothing like it"), "openai o1-pro");
}

#[test]
fn shipped_prices_are_all_readable() {
    let table = table();
    let snapshot = table.snapshot();
    assert_eq!(snapshot.currency, "USD");
    assert!(snapshot.providers.len() > 40);
    let priced = snapshot.providers.iter().flat_map(|provider| &provider.list).filter(|model| !model.prices.is_empty());
    assert!(priced.count() > 1_500);
}
