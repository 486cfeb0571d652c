//! The dearest relative of a model that nobody knows.

use super::price::{Price, Prices, in_force};
use super::snapshot::{ModelAt, Snapshot};
use crate::domain::tokens::MAX_TOKENS;

/// Of the models that begin with the same words (`claude-opus-9` with `claude` and `opus`), as many of them as some model
/// has, the one whose tokens are dearest; of all models when none does. Only the makers' own prices are looked at.
pub fn dearest(snapshot: &Snapshot, name: &str, at_ms: u64) -> Option<ModelAt> {
    let words = words_of(name);
    let mut best: Option<(usize, u128, ModelAt)> = None;
    for (provider, maker) in snapshot.providers.iter().enumerate().filter(|(_, maker)| maker.models.is_some()) {
        for (model, known) in maker.list.iter().enumerate() {
            let Some(price) = in_force(&known.prices, at_ms).map(worth) else { continue };
            let shared = shared_words(&words, &words_of(&known.id));
            if best.is_none_or(|(most, dearest, _)| (shared, price) > (most, dearest)) {
                best = Some((shared, price, ModelAt { provider, model }));
            }
        }
    }
    best.map(|(_, _, at)| at)
}

fn words_of(name: &str) -> Vec<&str> {
    name.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

/// How many words `known` begins with follow one another in `words`.
fn shared_words(words: &[&str], known: &[&str]) -> usize {
    (0..words.len())
        .map(|start| words[start..].iter().zip(known).take_while(|(word, other)| word == other).count())
        .max()
        .unwrap_or(0)
}

fn worth(prices: &Prices) -> u128 {
    let most = |price: &Option<Price>| price.as_ref().map_or(0, |price| u128::from(price.dearest_up_to(MAX_TOKENS)));
    most(&prices.input) + most(&prices.output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_common_beginning_decides_and_then_the_price() {
        let model = |id: &str, price: u64| {
            format!(r#"{{"id":"{id}","match":{{"equals":"{id}"}},"prices":[{{"input":{price},"output":{price}}}]}}"#)
        };
        let json = format!(
            r#"{{"format":1,"version":"1","date":"d","currency":"USD","providers":[
                {{"id":"a","models":{{"contains":"x"}},"list":[{},{},{},{}]}},
                {{"id":"seller","list":[{}]}}]}}"#,
            model("claude-opus-4", 7),
            model("claude-opus-3", 9),
            model("claude-haiku-1", 99),
            model("o1-pro", 500),
            model("claude-opus-dear", 9_999),
        );
        let snapshot = Snapshot::parse(&json).expect("a snapshot");
        let found = |name| dearest(&snapshot, name, 0).map(|at| snapshot.model(at).id.as_str());
        assert_eq!(found("claude-opus-9"), Some("claude-opus-3"));
        assert_eq!(found("us.anthropic.claude-next"), Some("claude-haiku-1"));
        assert_eq!(found("claude-opus-4-turbo"), Some("claude-opus-4"));
        assert_eq!(found("something-else"), Some("o1-pro"));
        assert_eq!(found(""), Some("o1-pro"));
        assert_eq!(dearest(&Snapshot::default(), "claude", 0), None);
    }
}
