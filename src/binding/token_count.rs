//! Counts tokens.

// The macro registers functions with node, but not in unit tests.
#![cfg_attr(test, allow(dead_code))]

use napi_derive::napi;

use super::text::Text;
use crate::domain::token_count::{Encoding, Method, estimate};

/// `[tokens, is estimate (0 or 1), encoding]`; the encoding is 0 none, that is an approximation, 1
/// `o200k_base`, 2 `cl100k_base`. A lone surrogate is counted as the U+FFFD that a provider gets for it.
#[napi(catch_unwind, ts_args_type = "text: string, model: string")]
pub fn estimate_tokens(text: Text, model: Text) -> Vec<f64> {
    let counted = estimate(&text.to_text(), &model.to_text());
    let encoding = match counted.method {
        Method::Approximation => 0.0,
        Method::Tiktoken(Encoding::O200kBase) => 1.0,
        Method::Tiktoken(Encoding::Cl100kBase) => 2.0,
    };
    vec![counted.tokens as f64, f64::from(u8::from(counted.is_estimate)), encoding]
}
