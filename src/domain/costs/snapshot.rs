//! The prices that are shipped with the package, as `scripts/update-prices.mjs` writes them.

use serde::Deserialize;

use super::price::Prices;
use super::rule::Rule;

const FORMAT: u64 = 1;

#[derive(Debug, Deserialize)]
struct File {
    format: u64,
    version: String,
    date: String,
    currency: String,
    providers: Vec<Provider>,
}

/// Prices of many providers, all in one currency.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Of the data that it was made from, such as `0.1.8`.
    pub version: String,
    /// When that was published: `2026-09-23`.
    pub date: String,
    pub currency: String,
    pub providers: Vec<Provider>,
}

#[derive(Debug, Deserialize)]
pub struct Provider {
    pub id: String,
    /// The models that are this provider's when nobody says whose they are.
    pub models: Option<Rule>,
    /// Other names of the provider.
    pub names: Option<Rule>,
    /// Providers whose models it sells too, at their prices.
    #[serde(default)]
    pub fallbacks: Vec<String>,
    /// What a batch pays, in percent of the price.
    #[serde(default = "whole_price", rename = "batchPercent")]
    pub batch_percent: u64,
    pub list: Vec<Model>,
}

#[derive(Debug, Deserialize)]
pub struct Model {
    pub id: String,
    #[serde(rename = "match")]
    pub rule: Rule,
    /// In the order of their history. Empty: it is not paid by tokens.
    pub prices: Vec<Prices>,
}

fn whole_price() -> u64 {
    100
}

/// Places in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelAt {
    pub provider: usize,
    pub model: usize,
}

impl Snapshot {
    pub fn parse(json: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if file.format != FORMAT {
            return Err(format!("format {} is not {FORMAT}", file.format));
        }
        let File { version, date, currency, providers, .. } = file;
        Ok(Self { version, date, currency, providers })
    }

    pub fn provider(&self, at: ModelAt) -> &Provider {
        &self.providers[at.provider]
    }

    pub fn model(&self, at: ModelAt) -> &Model {
        &self.providers[at.provider].list[at.model]
    }

    /// By its id, or by one of its other names. In lower case.
    pub fn provider_named(&self, name: &str) -> Option<usize> {
        let by_id = self.providers.iter().position(|provider| provider.id == name);
        by_id.or_else(|| {
            self.providers.iter().position(|provider| provider.names.as_ref().is_some_and(|rule| rule.matches(name)))
        })
    }

    /// The provider whose model this is most likely.
    pub fn maker_of(&self, model: &str) -> Option<usize> {
        self.providers.iter().position(|provider| provider.models.as_ref().is_some_and(|rule| rule.matches(model)))
    }

    /// The model of a provider, or of those whose models it sells.
    pub fn model_of(&self, provider: usize, model: &str) -> Option<ModelAt> {
        let listed = |provider: usize| {
            let index = self.providers[provider].list.iter().position(|known| known.rule.matches(model))?;
            Some(ModelAt { provider, model: index })
        };
        listed(provider).or_else(|| {
            let others = self.providers[provider].fallbacks.iter();
            others.filter_map(|id| self.providers.iter().position(|provider| provider.id == *id)).find_map(listed)
        })
    }
}
