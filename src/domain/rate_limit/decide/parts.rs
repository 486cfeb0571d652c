//! What was admitted in a rolling window, in parts of time.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::domain::rate_limit::amounts::{Amounts, Unit};
use crate::domain::tokens::MAX_TOKENS;

/// Sparse parts, oldest first, and their sum.
///
/// What a part holds leaves with the part as a whole, when its last instant lies outside every window: so the
/// sum is never less than what any window holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Parts {
    pub window_ms: u64,
    width_ms: u64,
    list: VecDeque<(u64, Amounts)>,
    sum: Amounts,
}

impl Parts {
    /// A window kept in `count` parts.
    pub fn new(window_ms: u64, count: u64) -> Self {
        let width_ms = (window_ms / count).max(1);
        Self { window_ms, width_ms, list: VecDeque::new(), sum: Amounts::default() }
    }

    pub fn sum(&self) -> Amounts {
        self.sum
    }

    pub fn list(&self) -> impl Iterator<Item = (u64, Amounts)> + '_ {
        self.list.iter().copied()
    }

    /// When all that is counted now has left.
    pub fn empty_at_ms(&self, now_ms: u64) -> u64 {
        self.leaves_at_ms(self.number(now_ms))
    }

    /// Whether there are parts whose time is over.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.list.front().is_some_and(|(number, _)| now_ms >= self.leaves_at_ms(*number))
    }

    /// Lets the parts go whose time is over.
    #[inline]
    pub fn forget(&mut self, now_ms: u64) {
        while let Some(&(number, amounts)) = self.list.front() {
            if now_ms < self.leaves_at_ms(number) {
                return;
            }
            self.list.pop_front();
            self.replace_in_sum(amounts, Amounts::default());
        }
    }

    /// Counts in the part of `now_ms`.
    pub fn add(&mut self, now_ms: u64, amounts: Amounts) {
        self.append(self.number(now_ms), amounts);
    }

    /// Corrects what was counted at `at_ms`. `false`: that part is not here (any more).
    #[inline]
    pub fn correct(&mut self, at_ms: u64, was: Amounts, is: Amounts) -> bool {
        let Ok(index) = self.find(self.number(at_ms)) else { return false };
        let old = self.list[index].1;
        let new = old.minus(was).plus(is);
        self.list[index].1 = new;
        self.replace_in_sum(old, new);
        true
    }

    /// Counts at least `amounts` in the part with this number, unless it has left or is yet to come.
    pub fn raise(&mut self, number: u64, amounts: Amounts, now_ms: u64) {
        if number > self.number(now_ms) || now_ms >= self.leaves_at_ms(number) {
            return;
        }
        match self.find(number) {
            Ok(index) => {
                let old = self.list[index].1;
                let new = old.max(amounts);
                self.list[index].1 = new;
                self.replace_in_sum(old, new);
            }
            Err(index) => {
                self.list.insert(index, (number, amounts));
                self.sum = self.sum.plus(amounts);
            }
        }
    }

    /// Adds what the same window of another agent holds.
    pub fn absorb(&mut self, other: &Parts) {
        for &(number, amounts) in &other.list {
            match self.find(number) {
                Ok(index) => self.list[index].1 = self.list[index].1.plus(amounts),
                Err(index) => self.list.insert(index, (number, amounts)),
            }
            self.sum = self.sum.plus(amounts);
        }
    }

    /// Counts all that is here as if it had been now.
    pub fn gather(&mut self, now_ms: u64) {
        let (number, sum) = (self.number(now_ms), self.sum);
        self.list.clear();
        if sum != Amounts::default() {
            self.list.push_back((number, sum));
        }
    }

    /// Takes over what a window of another length knows: what it counted, counts here not earlier than it did.
    pub fn inherit(&mut self, source: &Parts, now_ms: u64) {
        for &(number, amounts) in &source.list {
            let last_ms = (number + 1) * source.width_ms - 1;
            let number = self.number(last_ms.min(now_ms));
            if now_ms < self.leaves_at_ms(number) {
                self.append(number, amounts);
            }
        }
    }

    /// In how many milliseconds so much has left that `amount` fits under `cap`.
    pub fn fits_in_ms(&self, unit: Unit, amount: u64, cap: u64, now_ms: u64) -> u64 {
        let mut rest = self.sum;
        for &(number, amounts) in &self.list {
            rest = rest.minus(amounts);
            if rest.of(unit) + amount <= cap {
                return self.leaves_at_ms(number).saturating_sub(now_ms);
            }
        }
        0
    }

    fn number(&self, at_ms: u64) -> u64 {
        at_ms / self.width_ms
    }

    fn leaves_at_ms(&self, number: u64) -> u64 {
        (number + 1) * self.width_ms + self.window_ms
    }

    #[inline]
    fn find(&self, number: u64) -> Result<usize, usize> {
        // Calls that end soon, which most do, were admitted in the last part.
        if self.list.back().is_some_and(|last| last.0 == number) {
            return Ok(self.list.len() - 1);
        }
        self.list.binary_search_by_key(&number, |part| part.0)
    }

    /// `number` is not less than that of any part.
    #[inline]
    fn append(&mut self, number: u64, amounts: Amounts) {
        match self.list.back_mut() {
            Some(last) if last.0 == number => last.1 = last.1.plus(amounts),
            _ => self.list.push_back((number, amounts)),
        }
        self.sum = self.sum.plus(amounts);
    }

    /// A sum that is held at the largest number tells less than its parts, and is added up anew.
    #[inline]
    fn replace_in_sum(&mut self, was: Amounts, is: Amounts) {
        let sum = self.sum;
        let is_held = [sum.requests, sum.input_tokens, sum.output_tokens].contains(&MAX_TOKENS);
        self.sum = match is_held {
            true => self.list.iter().fold(Amounts::default(), |sum, part| sum.plus(part.1)),
            false => sum.minus(was).plus(is),
        };
    }
}
