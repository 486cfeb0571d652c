//! How many tokens a text has, without asking anybody.
//!
//! With the feature `token-counting` models whose tokenizer is published by OpenAI are counted exactly. All
//! others, and all without it, are counted by what a text consists of: a word costs a token, a
//! Chinese character 0.8, and so on, as fitted to each family of models.

#[cfg(feature = "token-counting")]
mod dictionary;
mod family;
mod features;
mod weights;

pub use family::{Encoding, Family};

/// The answer of [`estimate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenEstimate {
    /// 0 only for an empty text.
    pub tokens: u64,
    pub method: Method,
    /// `false` only when the provider publishes the dictionary that was used, and says it is this model's.
    pub is_estimate: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Cut as the dictionary says.
    Tiktoken(Encoding),
    Approximation,
}

/// The tokens of `text` for `model`, of which an unknown one is counted as Claude 3.
///
/// Only the text is counted: what a provider adds for each message, for tools and for roles comes on top.
///
/// ```
/// use token_budget::domain::token_count::estimate;
/// let counted = estimate("Hello, world!", "claude-sonnet-4-5");
/// assert!(counted.tokens >= 3 && counted.is_estimate);
/// ```
pub fn estimate(text: &str, model: &str) -> TokenEstimate {
    let family = Family::of(model);
    counted(text, family).unwrap_or_else(|| TokenEstimate {
        tokens: approximate(text, family),
        method: Method::Approximation,
        is_estimate: true,
    })
}

/// What [`estimate`] answers without the dictionaries.
pub fn approximate(text: &str, family: Family) -> u64 {
    // A single blank is part of the word behind it, which here is none.
    let least = u64::from(!text.is_empty());
    weights::tokens(&features::features(text), family.weights()).max(least)
}

#[cfg(feature = "token-counting")]
fn counted(text: &str, family: Family) -> Option<TokenEstimate> {
    let encoding = family.encoding()?;
    Some(TokenEstimate {
        tokens: dictionary::count(text, encoding)?,
        method: Method::Tiktoken(encoding),
        is_estimate: !family.is_certain(),
    })
}

#[cfg(not(feature = "token-counting"))]
fn counted(_text: &str, _family: Family) -> Option<TokenEstimate> {
    None
}
