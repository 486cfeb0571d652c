//! What each feature costs, in thousandths of a token, by tokenizer.
//!
//! Fitted by least squares of the relative error over 241 texts of 0.2 to 3 thousand characters: prose in 35
//! languages, Markdown, code in five languages, JSON, tables, keys. How far off they are on 163 other texts is
//! written in `docs/token-counting.md`.

use super::features::{FEATURES, Features};

pub type Weights = [u16; FEATURES];

/// `o200k_base` of OpenAI.
pub const O200K: Weights = [767, 343, 2425, 50, 1167, 903, 194, 1072, 940, 830, 676, 685, 264, 387, 500, 1734, 693];
/// `cl100k_base` of OpenAI.
pub const CL100K: Weights =
    [706, 507, 2808, 172, 1175, 907, 120, 1034, 843, 1162, 982, 1066, 440, 1023, 500, 2258, 738];
/// Llama 3 and 4.
pub const LLAMA: Weights = [732, 573, 2208, 99, 1205, 840, 121, 1035, 498, 846, 594, 725, 306, 492, 523, 2263, 738];
/// Claude 3 to Opus 4.6. Fitted to what the provider's counting endpoint was seen to answer.
pub const CLAUDE: Weights = [725, 627, 300, 460, 1089, 1290, 76, 1285, 607, 1163, 749, 1336, 403, 823, 500, 3981, 887];
/// Claude from Opus 4.7 and Sonnet 5 on: about 30 % more tokens for the same text, says the provider. Fitted likewise.
pub const NEWER_CLAUDE: Weights =
    [1082, 1029, 300, 587, 1041, 1517, 147, 678, 978, 1207, 755, 1360, 411, 824, 691, 3971, 951];
/// Gemma 3, whose tokenizer Google publishes; Gemini's own SDK counts with it.
pub const GEMINI: Weights = [806, 299, 2033, 69, 1862, 1117, 30, 1478, 1588, 660, 392, 627, 249, 337, 500, 1539, 710];

/// Tokens, rounded up.
pub fn tokens(features: &Features, weights: &Weights) -> u64 {
    let thousandths: u64 = features.iter().zip(weights).map(|(count, weight)| count * u64::from(*weight)).sum();
    thousandths.div_ceil(1000)
}
