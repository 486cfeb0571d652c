//! Prices of one model, and when they hold.

use serde::{Deserialize, Serialize};

/// Micro-units of currency per million tokens, which is pico-units per token.
pub type MicrosPerMillion = u64;

/// The largest price: a billion units of currency per million tokens. With it no cost of 2^53 tokens overflows.
pub const PRICE_MAX: MicrosPerMillion = 1_000_000_000_000_000;

const DAY_MS: u64 = 86_400_000;

/// What a token costs, by the length of the request that it belongs to. As JSON a number, or
/// `[base, start, price, start, price ...]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Price {
    pub base: MicrosPerMillion,
    /// Ascending. A tier holds for the whole request once its input, cached or not, has *more* tokens than the start.
    pub tiers: Vec<Tier>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    pub start_tokens: u64,
    pub price: MicrosPerMillion,
}

impl Price {
    pub fn flat(base: MicrosPerMillion) -> Self {
        Self { base, tiers: Vec::new() }
    }

    /// The price of each token of a request with so many input tokens.
    ///
    /// ```
    /// use token_budget::domain::costs::price::Price;
    /// let price: Price = serde_json::from_str("[3000000,200000,6000000]").unwrap();
    /// assert_eq!((price.at(200_000), price.at(200_001)), (3_000_000, 6_000_000));
    /// ```
    pub fn at(&self, input_tokens: u64) -> MicrosPerMillion {
        let reached = self.tiers.iter().rev().find(|tier| input_tokens > tier.start_tokens);
        reached.map_or(self.base, |tier| tier.price)
    }

    /// The dearest price that a request of at most so many input tokens can meet.
    pub fn dearest_up_to(&self, input_tokens: u64) -> MicrosPerMillion {
        let met = self.tiers.iter().filter(|tier| input_tokens > tier.start_tokens);
        met.map(|tier| tier.price).fold(self.base, u64::max)
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Flat(u64),
    Tiered(Vec<u64>),
}

impl TryFrom<Written> for Price {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let numbers = match written {
            Written::Flat(base) => vec![base],
            Written::Tiered(numbers) => numbers,
        };
        let Some((base, tiers)) = numbers.split_first() else { return Err("a price without a number".to_owned()) };
        if tiers.len() % 2 != 0 {
            return Err("a tier without a price".to_owned());
        }
        let tiers: Vec<Tier> =
            tiers.chunks_exact(2).map(|pair| Tier { start_tokens: pair[0], price: pair[1] }).collect();
        if !tiers.is_sorted_by(|a, b| a.start_tokens < b.start_tokens) {
            return Err("tiers out of order".to_owned());
        }
        if *base > PRICE_MAX || tiers.iter().any(|tier| tier.price > PRICE_MAX) {
            return Err("a price beyond all measure".to_owned());
        }
        Ok(Self { base: *base, tiers })
    }
}

impl From<Price> for Written {
    fn from(price: Price) -> Self {
        if price.tiers.is_empty() {
            return Self::Flat(price.base);
        }
        let tiers = price.tiers.iter().flat_map(|tier| [tier.start_tokens, tier.price]);
        Self::Tiered([price.base].into_iter().chain(tiers).collect())
    }
}

/// The prices of a model while they hold. What has no price of its own costs what it is a part of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Price>,
    /// A fee for each request, in pico-units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_pico: Option<u64>,
    /// From when on they hold; without it always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<u64>,
    /// Between which times of a day, in UTC, they hold: `[start, end)`, around midnight when the end comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_ms: Option<[u64; 2]>,
}

impl Prices {
    pub fn has_tokens(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }

    fn holds_at(&self, at_ms: u64) -> bool {
        if self.from_ms.is_some_and(|from_ms| at_ms < from_ms) {
            return false;
        }
        let Some([start_ms, end_ms]) = self.daily_ms else { return true };
        let time_ms = at_ms % DAY_MS;
        if end_ms < start_ms {
            time_ms >= start_ms || time_ms < end_ms
        } else {
            time_ms >= start_ms && time_ms < end_ms
        }
    }
}

/// Of prices in the order of their history, the last that hold; the first where none do, for a usage of before.
pub fn in_force(prices: &[Prices], at_ms: u64) -> Option<&Prices> {
    prices.iter().rev().find(|prices| prices.holds_at(at_ms)).or(prices.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(from_ms: u64, daily_ms: Option<[u64; 2]>) -> Prices {
        Prices { from_ms: Some(from_ms), daily_ms, ..Prices::default() }
    }

    #[test]
    fn the_last_prices_that_hold_are_in_force() {
        let history = [from(10, None), from(20, None), from(30, None)];
        let at = |at_ms| in_force(&history, at_ms).and_then(|prices| prices.from_ms);
        assert_eq!([at(0), at(10), at(19), at(20), at(99)], [Some(10), Some(10), Some(10), Some(20), Some(30)]);
        assert!(in_force(&[], 5).is_none());
    }

    #[test]
    fn times_of_a_day_may_lie_around_midnight() {
        let day = from(0, Some([100, 200]));
        let night = from(0, Some([200, 100]));
        for (time_ms, is_day) in [(0, false), (99, false), (100, true), (199, true), (200, false)] {
            assert_eq!(day.holds_at(3 * DAY_MS + time_ms), is_day);
            assert_eq!(night.holds_at(3 * DAY_MS + time_ms), !is_day);
        }
    }

    #[test]
    fn a_price_that_is_none_is_refused() {
        for written in ["[]", "[1,2]", "[1,5,2,5,3]", "-1", "1.5", "1000000000000001"] {
            assert!(serde_json::from_str::<Price>(written).is_err(), "{written}");
        }
        let written = "[1,5,2,9,1]";
        let price: Price = serde_json::from_str(written).expect("a price");
        assert_eq!(serde_json::to_string(&price).expect("JSON"), written);
        assert_eq!([price.dearest_up_to(5), price.dearest_up_to(6), price.dearest_up_to(100)], [1, 2, 2]);
    }
}
