//! The history of an orchestrator: records that several periods keep.
//!
//! Texts stand one behind the other in a few long strings, so that keeping a record costs neither
//! an allocation nor a visit to memory that has gone cold.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::domain::period::{PERIOD_COUNT, Period};

/// A string that is longer gets no further record.
const CHUNK_BYTES: usize = 32 << 10;

/// Which of the records belong to the window of one period: `count` of those that are marked for
/// it, the oldest of which has the number `from`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    from: u64,
    count: usize,
}

impl Span {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Record {
    /// Counted from the first chunk there ever was; may wrap.
    chunk: u32,
    start: u32,
    end: u32,
    /// For each period whether its window counts the record.
    counts: [bool; PERIOD_COUNT],
}

/// Records, oldest first. They are numbered; the [`Span`] of a period tells which are its own.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    records: VecDeque<Record>,
    /// The number of the oldest record.
    first: u64,
    chunks: VecDeque<String>,
    /// What the oldest chunk is counted as.
    first_chunk: u32,
}

impl History {
    /// Appends what `write` writes to the history of the periods that `counts` marks.
    pub fn append(&mut self, counts: [bool; PERIOD_COUNT], write: impl FnOnce(&mut String)) -> u64 {
        if self.chunks.back().is_none_or(|chunk| chunk.len() > CHUNK_BYTES) {
            // Most orchestrators never fill their first.
            let capacity = if self.chunks.is_empty() { 0 } else { CHUNK_BYTES + 1024 };
            self.chunks.push_back(String::with_capacity(capacity));
        }
        let chunk = self.first_chunk.wrapping_add(self.chunks.len() as u32 - 1);
        let Some(text) = self.chunks.back_mut() else { return self.end() };
        let start = text.len() as u32;
        write(text);
        self.records.push_back(Record { chunk, start, end: text.len() as u32, counts });
        self.end() - 1
    }

    /// Adds record `number` to `span`, which keeps the newest `limit` at most.
    pub fn extend(&self, span: &mut Span, period: Period, number: u64, limit: u64) {
        if span.count == 0 {
            span.from = number;
        }
        span.count += 1;
        while span.count as u64 > limit {
            span.count -= 1;
            span.from += 1;
            while self.record(span.from).is_some_and(|record| !record.counts[period.index()]) {
                span.from += 1;
            }
        }
    }

    /// The records of `span`, newest first.
    pub fn newest_first(&self, span: Span, period: Period) -> impl Iterator<Item = &str> {
        let from = if span.is_empty() { self.end() } else { span.from };
        let from = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let records = self.records.range(from.min(self.records.len())..).rev();
        records.filter(move |record| record.counts[period.index()]).map(|record| self.text(record))
    }

    /// Lets go of what is older than every one of `spans`.
    pub fn trim(&mut self, spans: [Span; PERIOD_COUNT]) {
        let kept = spans.iter().filter(|span| !span.is_empty()).map(|span| span.from);
        let kept_from = kept.min().unwrap_or_else(|| self.end());
        if kept_from <= self.first {
            return;
        }
        self.records.drain(..((kept_from - self.first) as usize).min(self.records.len()));
        self.first = kept_from;
        let Some(oldest) = self.records.front() else {
            *self = Self { first: self.first, ..Self::default() };
            return;
        };
        let gone = oldest.chunk.wrapping_sub(self.first_chunk);
        self.chunks.drain(..gone as usize);
        self.first_chunk = oldest.chunk;
        if self.records.capacity() / 4 > self.records.len() {
            // A burst of usage must not keep its memory.
            self.records.shrink_to(self.records.len() * 2);
        }
    }

    /// The number the next record will have.
    fn end(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    fn record(&self, number: u64) -> Option<&Record> {
        self.records.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn text(&self, record: &Record) -> &str {
        let chunk = self.chunks.get(record.chunk.wrapping_sub(self.first_chunk) as usize);
        chunk.and_then(|chunk| chunk.get(record.start as usize..record.end as usize)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 5;

    /// Against one list of texts per period, with records long enough to fill many chunks.
    #[test]
    fn every_period_keeps_the_newest_of_its_own() {
        let mut history = History::default();
        let mut spans = [Span::default(); PERIOD_COUNT];
        let mut expected: [VecDeque<String>; PERIOD_COUNT] = Default::default();
        for step in 0..2_000_usize {
            if step % 97 == 0 {
                let period = step / 97 % PERIOD_COUNT;
                spans[period] = Span::default();
                expected[period].clear();
                history.trim(spans);
            }
            let counts = std::array::from_fn(|period| (step / 3 + period * period) % (period + 2) != 0);
            let text = format!("{step}").repeat(1 + step % 700);
            let number = history.append(counts, |all| all.push_str(&text));
            for period in Period::ALL.into_iter().filter(|period| counts[period.index()]) {
                history.extend(&mut spans[period.index()], period, number, LIMIT);
                let list = &mut expected[period.index()];
                list.push_back(text.clone());
                while list.len() as u64 > LIMIT {
                    list.pop_front();
                }
            }
            history.trim(spans);
            for period in Period::ALL {
                let span = spans[period.index()];
                let kept: Vec<_> = history.newest_first(span, period).collect();
                assert_eq!(kept, expected[period.index()].iter().rev().collect::<Vec<_>>(), "step {step}");
                assert_eq!(span.len(), kept.len());
            }
        }
        assert!(history.records.len() < 200 && history.chunks.len() < 10);
    }

    #[test]
    fn what_nobody_keeps_is_let_go() {
        let mut history = History::default();
        history.append([false; PERIOD_COUNT], |text| text.push_str("nobody's"));
        history.trim([Span::default(); PERIOD_COUNT]);
        assert_eq!((history.records.len(), history.chunks.len(), history.end()), (0, 0, 1));
    }
}
