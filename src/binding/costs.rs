//! Prices and costs, for JavaScript. See "Costs" in `docs/boundary.md`.

// The macro registers functions with node, but not in unit tests.
#![cfg_attr(test, allow(dead_code))]

use std::sync::Arc;

use napi::Result;
use napi::bindgen_prelude::{BigUint64Array, Float64Array};
use napi_derive::napi;
use serde::Serialize;

use super::convert::{exact, invalid};
use super::text::Text;
use crate::domain::costs::cost::{Usage, cost_of, micros_up, most_micros};
use crate::domain::costs::currency::{self, NanoRate, RATE_MAX};
use crate::domain::costs::price::Prices;
use crate::domain::costs::snapshot::Snapshot;
use crate::domain::costs::table::{Known, OwnModel, PriceTable as Table};

/// Numbers of one usage: handle, sum that it belongs to, instant, input, output, cache read, cache write, reasoning,
/// batch (0 or 1), units of the model's currency per dollar in billionths.
const USAGE_NUMBERS: usize = 10;
/// Of one sum: input and output, each in a low and a high half.
const SUM_WORDS: usize = 4;

/// The prices that are shipped, read once for all tables.
#[napi]
pub struct PriceSnapshot(Arc<Snapshot>);

#[napi]
impl PriceSnapshot {
    #[napi(constructor, ts_args_type = "json: string")]
    pub fn new(json: Text) -> Result<Self> {
        Snapshot::parse(&json.to_text()).map(|snapshot| Self(Arc::new(snapshot))).map_err(invalid)
    }

    #[napi]
    pub fn version(&self) -> String {
        self.0.version.clone()
    }

    #[napi]
    pub fn date(&self) -> String {
        self.0.date.clone()
    }

    /// The models of a provider whose tokens have a price, as a JSON array.
    #[napi(catch_unwind, ts_args_type = "provider: string")]
    pub fn models_of(&self, provider: Text) -> Result<String> {
        let provider = provider.to_text();
        let listed = self.0.providers.iter().find(|known| known.id == provider).map_or(&[][..], |known| &known.list);
        let priced = listed.iter().filter(|model| model.prices.iter().any(Prices::has_tokens));
        to_json(&priced.map(|model| model.id.as_str()).collect::<Vec<_>>())
    }
}

/// Where the prices of a model are looked up, and what usage costs by them.
#[napi]
pub struct PriceTable(Table);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described<'a> {
    id: &'a str,
    provider: &'a str,
    currency: &'a str,
    batch_percent: u64,
    prices: &'a Prices,
}

#[napi]
impl PriceTable {
    #[napi(constructor)]
    pub fn new(snapshot: &PriceSnapshot) -> Self {
        Self(Table::new(Arc::clone(&snapshot.0)))
    }

    /// Handles of before mean nothing afterwards.
    #[napi(catch_unwind, ts_args_type = "modelJson: string, published: boolean")]
    pub fn set_prices(&mut self, model_json: Text, published: bool) -> Result<()> {
        let model: OwnModel =
            serde_json::from_str(&model_json.to_text()).map_err(|error| invalid(error.to_string()))?;
        if published {
            self.0.set_published(model);
        } else {
            self.0.set_own(model);
        }
        Ok(())
    }

    /// The handle of a model, -1 when it is unknown. An empty provider is none.
    #[napi(catch_unwind, ts_args_type = "model: string, provider: string, asPublished: boolean")]
    pub fn find(&mut self, model: Text, provider: Text, as_published: bool) -> f64 {
        let provider = provider.to_text();
        let provider = (!provider.is_empty()).then_some(provider.as_str());
        handle_number(self.0.find(&model.to_text(), provider, as_published))
    }

    /// The handle of the dearest model that an unknown one may be related to; -1 when there is none.
    #[napi(catch_unwind, ts_args_type = "model: string, atMs: number")]
    pub fn estimate(&mut self, model: Text, at_ms: f64) -> Result<f64> {
        Ok(handle_number(self.0.estimate(&model.to_text(), exact("atMs", at_ms)?)))
    }

    /// What is known of a model at an instant, as JSON.
    #[napi(catch_unwind)]
    pub fn describe(&self, handle: f64, at_ms: f64) -> Result<String> {
        let Known { id, provider, currency, batch_percent, prices } = self.known(handle, exact("atMs", at_ms)?)?;
        to_json(&Described { id, provider, currency, batch_percent, prices })
    }

    /// Adds the costs of `count` usages, in pico-units of a currency of which `to_rate` billionths are a dollar, to the
    /// sums that they name.
    #[napi(catch_unwind)]
    pub fn add_costs(&self, usages: Float64Array, count: f64, to_rate: f64, mut sums: BigUint64Array) -> Result<()> {
        let count = usize::try_from(exact("count", count)?).unwrap_or(usize::MAX);
        let to_rate = rate("toRate", to_rate)?;
        let written = count.checked_mul(USAGE_NUMBERS).and_then(|length| usages.get(..length));
        let written = written.ok_or_else(|| invalid("count: more than there are".to_owned()))?;
        // SAFETY: the facade's array, which nothing else looks at while this call runs.
        let sums = unsafe { sums.as_mut() };
        for numbers in written.chunks_exact(USAGE_NUMBERS) {
            let [handle, sum, at_ms, input, output, cache_read, cache_write, reasoning, batch, from_rate] = numbers
            else {
                return Err(invalid("usages: malformed".to_owned()));
            };
            let known = self.known(*handle, exact("timestamp", *at_ms)?)?;
            let usage = Usage {
                input_tokens: exact("inputTokens", *input)?,
                output_tokens: exact("outputTokens", *output)?,
                cache_read_tokens: exact("cacheReadTokens", *cache_read)?,
                cache_write_tokens: exact("cacheWriteTokens", *cache_write)?,
                reasoning_tokens: exact("reasoningTokens", *reasoning)?,
                is_batch: *batch != 0.0,
            };
            let cost = cost_of(known.prices, &usage, known.batch_percent);
            let from_rate = rate("fromRate", *from_rate)?;
            let sum = usize::try_from(exact("sum", *sum)?).unwrap_or(usize::MAX);
            let words = sum.checked_mul(SUM_WORDS).and_then(|start| sums.get_mut(start..)?.get_mut(..SUM_WORDS));
            let [input_low, input_high, output_low, output_high] = words.unwrap_or_default() else {
                return Err(invalid("sum: more than there are".to_owned()));
            };
            add(input_low, input_high, converted(cost.input_pico, from_rate, to_rate)?)?;
            add(output_low, output_high, converted(cost.output_pico, from_rate, to_rate)?)?;
        }
        Ok(())
    }

    /// The most that so many tokens can cost now, in micro-units, rounded up.
    #[napi(catch_unwind)]
    pub fn most_micros(&self, handle: f64, at_ms: f64, tokens: f64, from_rate: f64, to_rate: f64) -> Result<f64> {
        let known = self.known(handle, exact("atMs", at_ms)?)?;
        let micros = most_micros(known.prices, exact("tokens", tokens)?);
        let (from_rate, to_rate) = (rate("fromRate", from_rate)?, rate("toRate", to_rate)?);
        let pico = converted(u128::from(micros) * 1_000_000, from_rate, to_rate)?;
        Ok(at_most_exact(micros_up(pico)))
    }

    fn known(&self, handle: f64, at_ms: u64) -> Result<Known<'_>> {
        let number = usize::try_from(exact("handle", handle)?).unwrap_or(usize::MAX);
        self.0.known(number, at_ms).ok_or_else(|| invalid("handle: unknown".to_owned()))
    }
}

fn add(low: &mut u64, high: &mut u64, pico: u128) -> Result<()> {
    let before = u128::from(*low) | (u128::from(*high) << 64);
    let sum = before.checked_add(pico).ok_or_else(|| invalid("a cost beyond all measure".to_owned()))?;
    *low = (sum & u128::from(u64::MAX)) as u64;
    *high = (sum >> 64) as u64;
    Ok(())
}

fn converted(pico: u128, from: NanoRate, to: NanoRate) -> Result<u128> {
    currency::convert(pico, from, to).ok_or_else(|| invalid("a cost beyond all measure".to_owned()))
}

fn rate(name: &str, value: f64) -> Result<NanoRate> {
    let rate = exact(name, value)?;
    if rate == 0 || rate > RATE_MAX {
        return Err(invalid(format!("{name}: expected a rate from 1 to {RATE_MAX} billionths")));
    }
    Ok(rate)
}

fn at_most_exact(micros: u64) -> f64 {
    micros.min(crate::domain::tokens::MAX_TOKENS) as f64
}

fn handle_number(handle: Option<usize>) -> f64 {
    handle.map_or(-1.0, |handle| handle as f64)
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| invalid(error.to_string()))
}
