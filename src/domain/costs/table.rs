//! Which prices a model has, from whichever place they come.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::family;
use super::price::{Prices, in_force};
use super::snapshot::{ModelAt, Snapshot};
use super::spelling::{canonical, is_bedrock, normal, with_dashed_dates, without_date};

/// A model with prices that somebody has given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnModel {
    pub id: String,
    pub provider: String,
    pub currency: String,
    /// What a batch pays, in percent of the price.
    pub batch_percent: u64,
    /// In the order of their history; at least one.
    pub prices: Vec<Prices>,
}

/// Whose prices are used.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Given(Arc<OwnModel>),
    Known { at: ModelAt, seller: usize },
}

/// The number of a model in a table, until its prices are changed.
pub type Handle = usize;

/// What is known of a model at an instant.
#[derive(Debug)]
pub struct Known<'a> {
    pub id: &'a str,
    pub provider: &'a str,
    pub currency: &'a str,
    pub batch_percent: u64,
    pub prices: &'a Prices,
}

/// Looks prices up. Names that were found are remembered by the caller, as handles.
#[derive(Default)]
pub struct PriceTable {
    snapshot: Arc<Snapshot>,
    own: HashMap<String, Arc<OwnModel>>,
    published: HashMap<String, Arc<OwnModel>>,
    found: Vec<Origin>,
}

const BEDROCK: &str = "aws";
const VERTEX: &str = "google";
const OPENROUTER: &str = "openrouter";

impl PriceTable {
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, ..Self::default() }
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Prices over all others, for this name, its other spellings, its days and behind any provider's name. Handles of
    /// before mean nothing afterwards.
    pub fn set_own(&mut self, model: OwnModel) {
        self.found.clear();
        let model = Arc::new(model);
        self.own.insert(canonical(&model.id), Arc::clone(&model));
        self.own.insert(model.id.clone(), model);
    }

    /// Prices for exactly this name, where the published module's are wanted.
    pub fn set_published(&mut self, model: OwnModel) {
        self.found.clear();
        self.published.insert(model.id.clone(), Arc::new(model));
    }

    /// The prices of a model that `provider` sells; the likeliest seller's without one, or where it does not sell it.
    pub fn find(&mut self, name: &str, provider: Option<&str>, as_published: bool) -> Option<Handle> {
        let origin = match self.given(name, as_published) {
            Some(model) => Origin::Given(model),
            None => {
                let (at, seller) = Search { snapshot: &self.snapshot }.find(name, provider)?;
                // Paid by hours or pictures: its tokens have no price.
                if self.snapshot.model(at).prices.is_empty() {
                    return None;
                }
                Origin::Known { at, seller }
            }
        };
        Some(self.handle(origin))
    }

    /// The prices of the dearest model that an unknown one may be related to.
    pub fn estimate(&mut self, name: &str, at_ms: u64) -> Option<Handle> {
        let at = family::dearest(&self.snapshot, &normal(name), at_ms)?;
        Some(self.handle(Origin::Known { at, seller: at.provider }))
    }

    pub fn known(&self, handle: Handle, at_ms: u64) -> Option<Known<'_>> {
        match self.found.get(handle)? {
            Origin::Given(model) => Some(Known {
                id: &model.id,
                provider: &model.provider,
                currency: &model.currency,
                batch_percent: model.batch_percent,
                prices: in_force(&model.prices, at_ms)?,
            }),
            Origin::Known { at, seller } => Some(Known {
                id: &self.snapshot.model(*at).id,
                provider: &self.snapshot.providers[*seller].id,
                currency: &self.snapshot.currency,
                batch_percent: self.snapshot.providers[*seller].batch_percent,
                prices: in_force(&self.snapshot.model(*at).prices, at_ms)?,
            }),
        }
    }

    fn given(&self, name: &str, as_published: bool) -> Option<Arc<OwnModel>> {
        let own = if self.own.is_empty() { None } else { self.own_named(name) };
        let published = || self.published.get(name).filter(|_| as_published);
        own.or_else(published).cloned()
    }

    fn own_named(&self, name: &str) -> Option<&Arc<OwnModel>> {
        let whole = canonical(name);
        let behind = whole.rsplit('/').next().unwrap_or(&whole);
        let exact = self.own.get(name).or_else(|| self.own.get(&whole)).or_else(|| self.own.get(behind));
        exact.or_else(|| [whole.as_str(), behind].into_iter().find_map(|name| self.own.get(without_date(name)?)))
    }

    fn handle(&mut self, origin: Origin) -> Handle {
        self.found.iter().position(|known| *known == origin).unwrap_or_else(|| {
            self.found.push(origin);
            self.found.len() - 1
        })
    }
}

/// Finds models in the snapshot by the names that people write.
struct Search<'a> {
    snapshot: &'a Snapshot,
}

type Found = (ModelAt, usize);

impl Search<'_> {
    fn find(&self, name: &str, provider: Option<&str>) -> Option<Found> {
        let name = normal(name);
        let seller = provider.and_then(|provider| self.snapshot.provider_named(&normal(provider)));
        let sold = seller.and_then(|seller| {
            let short = || self.sold_by(seller, name.rsplit('/').next()?);
            self.sold_by(seller, &name).or_else(short)
        });
        sold.or_else(|| self.by_name(&name))
    }

    /// By the name alone: `anthropic/...` and `openai:...` name the seller, then the maker is told by the model, and
    /// last come the spellings of those who sell the models of many.
    fn by_name(&self, name: &str) -> Option<Found> {
        self.prefixed(name, '/')
            .or_else(|| self.prefixed(name, ':'))
            .or_else(|| self.sold_by(self.snapshot.maker_of(name)?, name))
            .or_else(|| self.by_path(name))
            .or_else(|| is_bedrock(name).then(|| self.sold_by_named(BEDROCK, name)).flatten())
            .or_else(|| name.contains('/').then(|| self.sold_by_named(OPENROUTER, name)).flatten())
    }

    fn prefixed(&self, name: &str, separator: char) -> Option<Found> {
        let (seller, model) = name.split_once(separator)?;
        self.sold_by(self.snapshot.provider_named(seller)?, model)
    }

    /// `models/...`, `publishers/google/models/...`, `arn:aws:bedrock:...:foundation-model/...`.
    fn by_path(&self, name: &str) -> Option<Found> {
        let (path, model) = name.rsplit_once('/')?;
        if path.starts_with("arn:aws") {
            return self.sold_by_named(BEDROCK, model);
        }
        if path.contains("publishers/") {
            return self.sold_by_named(VERTEX, model);
        }
        (path == "models").then(|| self.sold_by(self.snapshot.maker_of(model)?, model)).flatten()
    }

    fn sold_by_named(&self, seller: &str, model: &str) -> Option<Found> {
        self.sold_by(self.snapshot.provider_named(seller)?, model)
    }

    fn sold_by(&self, seller: usize, model: &str) -> Option<Found> {
        let dashed = || self.snapshot.model_of(seller, &with_dashed_dates(model)?);
        self.snapshot.model_of(seller, model).or_else(dashed).map(|at| (at, seller))
    }
}
