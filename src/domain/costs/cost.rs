//! What one usage costs.

use super::price::{Price, Prices};

/// Tokens of one request. Parts are contained in their whole, as providers and trackers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All input, cached or not.
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Of the input.
    pub cache_read_tokens: u64,
    /// Of the input.
    pub cache_write_tokens: u64,
    /// Of the output.
    pub reasoning_tokens: u64,
    /// Whether it was sent in a batch, for which some providers take less.
    pub is_batch: bool,
}

/// In pico-units of currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    pub input_pico: u128,
    pub output_pico: u128,
}

impl Cost {
    pub fn total_pico(self) -> u128 {
        self.input_pico + self.output_pico
    }
}

const MICRO: u128 = 1_000_000;

/// The exact cost. Parts beyond their whole are priced on top of it, so that no token is free because somebody counts
/// otherwise. A fee for the request belongs to the input.
///
/// ```
/// use token_budget::domain::costs::{cost::{Usage, cost_of}, price::{Price, Prices}};
/// let prices = Prices {
///     input: Some(Price::flat(3_000_000)),
///     output: Some(Price::flat(15_000_000)),
///     cache_read: Some(Price::flat(300_000)),
///     ..Prices::default()
/// };
/// let usage = Usage { input_tokens: 1_000, cache_read_tokens: 900, output_tokens: 10, ..Usage::default() };
/// let cost = cost_of(&prices, &usage, 100);
/// assert_eq!((cost.input_pico, cost.output_pico), (100 * 3_000_000 + 900 * 300_000, 10 * 15_000_000));
/// ```
pub fn cost_of(prices: &Prices, usage: &Usage, batch_percent: u64) -> Cost {
    let cached = usage.cache_read_tokens.saturating_add(usage.cache_write_tokens);
    let uncached = beside(usage.input_tokens, cached);
    let length = uncached.saturating_add(cached);
    let pico = |tokens: u64, own: &Option<Price>, whole: &Option<Price>| {
        let price = own.as_ref().or(whole.as_ref()).map_or(0, |price| price.at(length));
        u128::from(tokens) * u128::from(price)
    };
    let mut input_pico = pico(uncached, &prices.input, &None)
        + pico(usage.cache_read_tokens, &prices.cache_read, &prices.input)
        + pico(usage.cache_write_tokens, &prices.cache_write, &prices.input);
    let mut output_pico = pico(beside(usage.output_tokens, usage.reasoning_tokens), &prices.output, &None)
        + pico(usage.reasoning_tokens, &prices.reasoning, &prices.output);
    if usage.is_batch {
        input_pico = percent(input_pico, batch_percent);
        output_pico = percent(output_pico, batch_percent);
    }
    Cost { input_pico: input_pico + u128::from(prices.request_pico.unwrap_or(0)), output_pico }
}

/// The rest of `whole` without its part; all of it when the part cannot be one.
fn beside(whole: u64, part: u64) -> u64 {
    whole.checked_sub(part).unwrap_or(whole)
}

fn percent(pico: u128, percent: u64) -> u128 {
    (pico * u128::from(percent) + 50) / 100
}

/// The most that so many tokens of any kind can cost, in micro-units, rounded up: what a reservation has to hold when it
/// is not known yet which they will be.
pub fn most_micros(prices: &Prices, tokens: u64) -> u64 {
    let kinds = [&prices.input, &prices.output, &prices.cache_read, &prices.cache_write, &prices.reasoning];
    let dearest = kinds.into_iter().flatten().map(|price| price.dearest_up_to(tokens)).max().unwrap_or(0);
    let pico = u128::from(tokens) * u128::from(dearest) + u128::from(prices.request_pico.unwrap_or(0));
    micros_up(pico)
}

/// Rounded up.
pub fn micros_up(pico: u128) -> u64 {
    u64::try_from(pico.div_ceil(MICRO)).unwrap_or(u64::MAX)
}

/// Rounded half up.
pub fn micros_half_up(pico: u128) -> u64 {
    u64::try_from((pico + MICRO / 2) / MICRO).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tokens::MAX_TOKENS;

    fn sonnet() -> Prices {
        serde_json::from_str(
            r#"{"input":[3000000,200000,6000000],"output":[15000000,200000,22500000],
                "cacheRead":[300000,200000,600000],"cacheWrite":[3750000,200000,7500000]}"#,
        )
        .expect("prices")
    }

    #[test]
    fn the_whole_request_has_the_price_of_its_tier() {
        let usage = |input_tokens| Usage { input_tokens, output_tokens: 1, ..Usage::default() };
        assert_eq!(cost_of(&sonnet(), &usage(200_000), 100).output_pico, 15_000_000);
        let long = cost_of(&sonnet(), &usage(200_001), 100);
        assert_eq!((long.input_pico, long.output_pico), (200_001 * 6_000_000, 22_500_000));
    }

    #[test]
    fn what_has_no_price_of_its_own_costs_what_it_is_a_part_of() {
        let prices = Prices { input: Some(Price::flat(10)), output: Some(Price::flat(20)), ..Prices::default() };
        let usage = Usage {
            input_tokens: 100,
            cache_read_tokens: 30,
            cache_write_tokens: 20,
            output_tokens: 10,
            reasoning_tokens: 4,
            is_batch: false,
        };
        assert_eq!(cost_of(&prices, &usage, 100), Cost { input_pico: 1_000, output_pico: 200 });
        let reasoning = Prices { reasoning: Some(Price::flat(1)), ..prices };
        assert_eq!(cost_of(&reasoning, &usage, 100).output_pico, 6 * 20 + 4);
    }

    #[test]
    fn parts_beyond_their_whole_are_priced_on_top_of_it() {
        let prices = Prices {
            input: Some(Price::flat(10)),
            output: Some(Price::flat(1)),
            cache_read: Some(Price::flat(1)),
            ..Prices::default()
        };
        let usage = Usage { input_tokens: 5, cache_read_tokens: 100, ..Usage::default() };
        assert_eq!(cost_of(&prices, &usage, 100).input_pico, 5 * 10 + 100);
    }

    #[test]
    fn a_batch_pays_its_share_and_a_request_its_fee() {
        let prices = Prices {
            input: Some(Price::flat(3)),
            output: Some(Price::flat(5)),
            request_pico: Some(1_000),
            ..Prices::default()
        };
        let usage = Usage { input_tokens: 1, output_tokens: 1, is_batch: true, ..Usage::default() };
        assert_eq!(cost_of(&prices, &usage, 50), Cost { input_pico: 1_002, output_pico: 3 });
        assert_eq!(cost_of(&prices, &Usage::default(), 50).input_pico, 1_000);
    }

    #[test]
    fn the_largest_usage_at_the_largest_price_is_exact() {
        let dearest = Price::flat(crate::domain::costs::price::PRICE_MAX);
        let prices = Prices { input: Some(dearest.clone()), output: Some(dearest), ..Prices::default() };
        let usage = Usage { input_tokens: MAX_TOKENS, output_tokens: MAX_TOKENS, ..Usage::default() };
        let exact = u128::from(MAX_TOKENS) * 1_000_000_000_000_000;
        assert_eq!(cost_of(&prices, &usage, 100), Cost { input_pico: exact, output_pico: exact });
        assert_eq!(most_micros(&prices, MAX_TOKENS), u64::try_from(exact / MICRO).unwrap_or(u64::MAX));
    }

    #[test]
    fn holds_round_up_and_usage_rounds_half_up() {
        assert_eq!([micros_up(0), micros_up(1), micros_up(MICRO), micros_up(MICRO + 1)], [0, 1, 1, 2]);
        assert_eq!([499_999, 500_000, 1_499_999].map(micros_half_up), [0, 1, 1]);
        assert_eq!(most_micros(&sonnet(), 1), 15);
        assert_eq!(most_micros(&sonnet(), 200_001), 4_500_023);
    }
}
