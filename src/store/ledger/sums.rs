//! What is added up.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rusqlite::Row;
use serde::Serialize;

use super::record::{Pico, Record};

/// Sums of some records, and where they begin, end and are largest. Sums of tokens are wider than SQLite's integers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sums {
    pub records: i64,
    pub input: i128,
    pub output: i128,
    pub total: i128,
    #[serde(serialize_with = "as_text")]
    pub input_pico: i128,
    #[serde(serialize_with = "as_text")]
    pub output_pico: i128,
    /// Records whose model had no price.
    pub unpriced: i64,
    /// The most tokens of one record, and the earliest record that has so many.
    pub peak: i64,
    pub peak_at_ms: i64,
    pub first_at_ms: i64,
    pub last_at_ms: i64,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            records: 0,
            input: 0,
            output: 0,
            total: 0,
            input_pico: 0,
            output_pico: 0,
            unpriced: 0,
            peak: -1,
            peak_at_ms: i64::MAX,
            first_at_ms: i64::MAX,
            last_at_ms: i64::MIN,
        }
    }
}

/// The columns of [`Sums`] in a rollup, in order.
pub(super) const SUM_COLUMNS: &str = "records, input, output, total, input_high, input_low, output_high, output_low, \
                                      unpriced, peak, peak_at, first_at, last_at";

impl Sums {
    pub fn of(record: &Record) -> Self {
        Self {
            records: 1,
            input: i128::from(record.input),
            output: i128::from(record.output),
            total: i128::from(record.total),
            input_pico: record.input_pico.0,
            output_pico: record.output_pico.0,
            unpriced: i64::from(!record.priced),
            peak: record.total,
            peak_at_ms: record.at_ms,
            first_at_ms: record.at_ms,
            last_at_ms: record.at_ms,
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.input += other.input;
        self.output += other.output;
        self.total += other.total;
        self.input_pico += other.input_pico;
        self.output_pico += other.output_pico;
        self.unpriced += other.unpriced;
        if (other.peak, -other.peak_at_ms) > (self.peak, self.peak_at_ms.saturating_neg()) {
            (self.peak, self.peak_at_ms) = (other.peak, other.peak_at_ms);
        }
        self.first_at_ms = self.first_at_ms.min(other.first_at_ms);
        self.last_at_ms = self.last_at_ms.max(other.last_at_ms);
    }

    /// From a row whose columns from `at` on are [`SUM_COLUMNS`].
    pub(super) fn of_row(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        let column = |index: usize| row.get::<_, i64>(at + index);
        Ok(Self {
            records: column(0)?,
            input: i128::from(column(1)?),
            output: i128::from(column(2)?),
            total: i128::from(column(3)?),
            input_pico: Pico::of_parts(column(4)?, column(5)?).0,
            output_pico: Pico::of_parts(column(6)?, column(7)?).0,
            unpriced: column(8)?,
            peak: column(9)?,
            peak_at_ms: column(10)?,
            first_at_ms: column(11)?,
            last_at_ms: column(12)?,
        })
    }
}

/// Sums by what they are of: an id and a currency, say.
pub(super) type SumsBy<K> = HashMap<K, Sums, BuildHasherDefault<Mix>>;

/// Hashes keys made of numbers that the ledger itself has given: nobody outside chooses them, and there are six for
/// each record.
#[derive(Default)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_i64(&mut self, word: i64) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }
}

pub(super) fn add_to<K: std::hash::Hash + Eq>(all: &mut SumsBy<K>, key: K, sums: &Sums) {
    all.entry(key).or_default().add(sums);
}

/// For JavaScript's numbers are too short.
fn as_text<S: serde::Serializer>(sum: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(sum)
}
