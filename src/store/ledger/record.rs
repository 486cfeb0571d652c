//! What is recorded once.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

/// Costs are kept as two integers, for SQLite's have 64 bits: `high` of these and a rest.
pub(super) const COST_PART: i128 = 1_000_000_000;

/// No cost is larger: a million times what the most tokens cost at a million a token.
const COST_MAX: i128 = 1 << 90;

/// Pico-units (10^-12) of a currency. Text outside, for JavaScript's numbers are too short.
///
/// ```
/// use token_budget::store::ledger::Pico;
/// let cost: Pico = serde_json::from_str("\"3000000000000\"").unwrap();
/// assert_eq!(cost, Pico(3_000_000_000_000));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pico(pub i128);

impl Pico {
    pub(super) fn parts(self) -> (i64, i64) {
        ((self.0 / COST_PART) as i64, (self.0 % COST_PART) as i64)
    }

    pub(super) fn of_parts(high: i64, low: i64) -> Self {
        Self(i128::from(high) * COST_PART + i128::from(low))
    }
}

impl Serialize for Pico {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pico {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let pico: i128 = text.parse().map_err(D::Error::custom)?;
        if (0..=COST_MAX).contains(&pico) { Ok(Self(pico)) } else { Err(D::Error::custom("a cost is out of range")) }
    }
}

/// One usage, as it was reported, and what it cost as it was reckoned then. Tokens are integers up to 2^53 - 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub id: String,
    pub orchestrator_id: String,
    pub session_id: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub model_id: String,
    pub provider: String,
    /// Empty: none was named.
    pub tool: String,
    pub input: i64,
    pub output: i64,
    pub total: i64,
    pub input_pico: Pico,
    pub output_pico: Pico,
    pub currency: String,
    pub priced: bool,
    /// What the ledger keeps and does not look into, as JSON; empty: nothing.
    pub extra: String,
}

/// Instants of JavaScript's dates.
const AT_MS_MAX: i64 = 8_640_000_000_000_000;

/// JavaScript's exact integers.
const TOKENS_MAX: i64 = (1 << 53) - 1;

impl Record {
    /// What is wrong with it, beginning with the name of the field.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.id.is_empty() {
            return Err("id: expected a text that is not empty".to_owned());
        }
        if !(-AT_MS_MAX..=AT_MS_MAX).contains(&self.at_ms) {
            return Err("atMs: expected milliseconds of a date".to_owned());
        }
        for (name, tokens) in [("input", self.input), ("output", self.output), ("total", self.total)] {
            if !(0..=TOKENS_MAX).contains(&tokens) {
                return Err(format!("{name}: expected an integer from 0 to 2^53-1"));
            }
        }
        for (name, Pico(cost)) in [("inputPico", self.input_pico), ("outputPico", self.output_pico)] {
            if !(0..=COST_MAX).contains(&cost) {
                return Err(format!("{name}: expected an integer from 0 to 2^90"));
            }
        }
        Ok(())
    }

    /// About what it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.id, &self.orchestrator_id, &self.session_id, &self.model_id, &self.provider, &self.tool];
        texts.iter().map(|text| text.len()).sum::<usize>() + self.extra.len() + size_of::<Self>()
    }

    /// Whether it reports the same usage. What it cost may have been reckoned with other prices meanwhile.
    pub(super) fn is_same_usage(&self, other: &Self) -> bool {
        (&self.id, &self.orchestrator_id, &self.session_id, self.at_ms)
            == (&other.id, &other.orchestrator_id, &other.session_id, other.at_ms)
            && (&self.model_id, &self.provider, &self.tool, &self.extra)
                == (&other.model_id, &other.provider, &other.tool, &other.extra)
            && (self.input, self.output, self.total) == (other.input, other.output, other.total)
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Recorded,
    /// The same usage was recorded before.
    Known,
    /// Another usage was recorded under its id.
    Conflict,
}

/// Finds records by id without an index of all texts: FNV-1a, the bits mixed once more. Two ids of one hash are told
/// apart by the ids themselves.
pub(super) fn hash_of(id: &str) -> i64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in id.as_bytes() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (hash ^ (hash >> 33)) as i64
}
