//! A ledger: the list of all that was admitted. It knows no parts and no sums; whatever is asked of it is added up
//! from the beginning.

use token_budget::domain::rate_limit::amounts::Amounts;
use token_budget::domain::rate_limit::operation::Priority;
use token_budget::domain::rate_limit::terms::{Rule, WINDOW_PARTS};

#[derive(Debug, Clone)]
struct Entry {
    at_ms: u64,
    /// What it was admitted with, and what it counts since its call ended.
    estimated: Amounts,
    counted: Amounts,
}

#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<(String, Entry)>,
}

impl Ledger {
    pub fn admit(&mut self, id: &str, amounts: Amounts, at_ms: u64) {
        self.entries.push((id.to_owned(), Entry { at_ms, estimated: amounts, counted: amounts }));
    }

    /// The call used so much. Long after its admission a store counts what was spoken meanwhile, and from now on; it
    /// need not, so that is no part of what is surely in a window.
    pub fn settle(&mut self, id: &str, used: Amounts, now_ms: u64) {
        let Some((_, entry)) = self.entries.iter_mut().rev().find(|(known, _)| known == id) else { return };
        entry.counted = used;
        let spoken = used.minus(entry.estimated).max(Amounts { requests: 0, input_tokens: 0, ..used });
        self.entries.push((String::new(), Entry { at_ms: now_ms, estimated: spoken, counted: Amounts::default() }));
    }

    pub fn cancel(&mut self, id: &str) {
        if let Some((_, entry)) = self.entries.iter_mut().rev().find(|(known, _)| known == id) {
            entry.counted = Amounts::default();
        }
    }

    /// Counted in the `window_ms` that end now.
    pub fn in_window(&self, rule: &Rule, now_ms: u64) -> u64 {
        let is_in = |entry: &&Entry| entry.at_ms + rule.window_ms > now_ms;
        self.entries.iter().map(|(_, entry)| entry).filter(is_in).map(|entry| entry.counted.of(rule.unit)).sum()
    }

    /// The most a store may take to be in the window, which lets nothing go but by whole parts.
    pub fn at_most_in_window(&self, rule: &Rule, now_ms: u64) -> u64 {
        let width_ms = (rule.window_ms / WINDOW_PARTS).max(1);
        let is_in = |entry: &&Entry| entry.at_ms + rule.window_ms + width_ms > now_ms;
        let most = |entry: &Entry| entry.counted.max(entry.estimated).of(rule.unit);
        self.entries.iter().map(|(_, entry)| entry).filter(is_in).map(most).sum()
    }
}

pub fn cap(rule: &Rule, priority: Priority) -> u64 {
    if priority == Priority::Critical { rule.limit } else { rule.ordinary }
}
