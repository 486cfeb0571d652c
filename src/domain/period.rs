//! Budget periods.

use serde::{Deserialize, Serialize};

/// How many periods there are. Arrays of this length are indexed by [`Period::index`].
pub const PERIOD_COUNT: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Hourly,
    Daily,
    Monthly,
}

impl Period {
    /// Every period, shortest first: the order of all per-period arrays.
    pub const ALL: [Period; PERIOD_COUNT] = [Period::Hourly, Period::Daily, Period::Monthly];

    pub fn index(self) -> usize {
        self as usize
    }

    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// The word used in keys, in errors and in JavaScript.
    pub fn name(self) -> &'static str {
        match self {
            Period::Hourly => "hourly",
            Period::Daily => "daily",
            Period::Monthly => "monthly",
        }
    }
}

/// A non-empty set of periods. Bit `i` stands for the period with index `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Periods(u8);

impl Periods {
    pub const ALL: Periods = Periods(0b111);

    /// `None` when `bits` is 0 or names a period that does not exist.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (1..=Self::ALL.0).contains(&bits).then_some(Self(bits))
    }

    pub fn bits(self) -> u8 {
        self.0
    }

    pub fn contains(self, period: Period) -> bool {
        self.0 & (1 << period.index()) != 0
    }

    /// The periods of the set, shortest first.
    pub fn iter(self) -> impl Iterator<Item = Period> {
        Period::ALL.into_iter().filter(move |period| self.contains(*period))
    }

    /// The shortest period of the set.
    pub fn first(self) -> Period {
        Period::ALL[self.0.trailing_zeros() as usize]
    }
}

impl TryFrom<u8> for Periods {
    type Error = String;

    fn try_from(bits: u8) -> Result<Self, String> {
        Self::from_bits(bits).ok_or_else(|| format!("no periods have the bits {bits}"))
    }
}

impl From<Periods> for u8 {
    fn from(periods: Periods) -> Self {
        periods.bits()
    }
}

impl From<Period> for Periods {
    fn from(period: Period) -> Self {
        Self(1 << period.index())
    }
}
