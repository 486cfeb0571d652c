//! Tokens per model.

use serde::{Deserialize, Serialize};

use crate::domain::operation::{MODEL_LIMIT, OTHER_MODELS, TOP_MODELS, UNKNOWN_MODEL};
use crate::domain::period::{PERIOD_COUNT, Period};
use crate::domain::tokens;

type PeriodTokens = [u64; PERIOD_COUNT];

/// The models of a month. A name takes one of [`MODEL_LIMIT`] places when tokens are first counted
/// for it and keeps it until the month ends; names that find no place are counted together.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Models {
    named: Vec<(Box<str>, PeriodTokens)>,
    other: PeriodTokens,
}

impl Models {
    /// Counts `total` for `model` in the periods that `counts` marks. Nothing is named for 0 tokens.
    pub fn count(&mut self, model: &str, total: u64, counts: [bool; PERIOD_COUNT]) {
        if total == 0 || counts == [false; PERIOD_COUNT] {
            return;
        }
        let place = self.place(if model.is_empty() { UNKNOWN_MODEL } else { model });
        for index in (0..PERIOD_COUNT).filter(|index| counts[*index]) {
            place[index] = tokens::add(place[index], total);
        }
    }

    /// The models with most tokens, then by name; those without tokens in `period` are left out.
    pub fn top(&self, period: Period) -> Vec<(String, u64)> {
        let named = self.named.iter().map(|(name, tokens)| (&**name, tokens[period.index()]));
        let other = (OTHER_MODELS, self.other[period.index()]);
        let mut models: Vec<_> = named.chain([other]).filter(|(_, tokens)| *tokens > 0).collect();
        models.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        models.into_iter().take(TOP_MODELS).map(|(name, tokens)| (name.to_owned(), tokens)).collect()
    }

    /// The window of `period` is over.
    pub fn restart(&mut self, period: Period) {
        self.other[period.index()] = 0;
        self.named.iter_mut().for_each(|(_, tokens)| tokens[period.index()] = 0);
    }

    /// The month is over.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn place(&mut self, name: &str) -> &mut PeriodTokens {
        if name == OTHER_MODELS {
            return &mut self.other;
        }
        let known = self.named.iter().position(|(known, _)| **known == *name);
        if known.is_none() && self.named.len() >= MODEL_LIMIT {
            return &mut self.other;
        }
        let index = known.unwrap_or_else(|| {
            self.named.push((name.into(), PeriodTokens::default()));
            self.named.len() - 1
        });
        &mut self.named[index].1
    }
}
