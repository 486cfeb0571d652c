//! What one call of a provider takes.

use serde::{Deserialize, Serialize};

use crate::domain::tokens;

/// What a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    Requests,
    InputTokens,
    OutputTokens,
    /// Input and output together.
    Tokens,
}

impl Unit {
    pub const ALL: [Unit; 4] = [Unit::Requests, Unit::InputTokens, Unit::OutputTokens, Unit::Tokens];

    /// Its number in stored state and scripts.
    pub fn index(self) -> usize {
        self as usize
    }

    pub fn from_index(index: usize) -> Option<Unit> {
        Self::ALL.get(index).copied()
    }
}

/// What is counted of calls; of a single one, `requests` is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    pub requests: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

impl Amounts {
    /// One call.
    pub fn call(input_tokens: u64, output_tokens: u64) -> Self {
        Self { requests: 1, input_tokens, output_tokens }
    }

    pub fn of(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests => self.requests,
            Unit::InputTokens => self.input_tokens,
            Unit::OutputTokens => self.output_tokens,
            Unit::Tokens => tokens::add(self.input_tokens, self.output_tokens),
        }
    }

    /// Both together, each number held at [`MAX_TOKENS`](tokens::MAX_TOKENS).
    pub fn plus(self, other: Self) -> Self {
        self.by_field(other, tokens::add)
    }

    /// What is left without `other`, never below 0.
    pub fn minus(self, other: Self) -> Self {
        self.by_field(other, u64::saturating_sub)
    }

    /// The greater number of each kind.
    pub fn max(self, other: Self) -> Self {
        self.by_field(other, u64::max)
    }

    fn by_field(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            requests: join(self.requests, other.requests),
            input_tokens: join(self.input_tokens, other.input_tokens),
            output_tokens: join(self.output_tokens, other.output_tokens),
        }
    }
}
