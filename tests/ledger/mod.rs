//! What the tests of the ledger share, and the tests.

mod failures;
mod kill;
mod model;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use token_budget::store::ledger::{Findings, Ledger, Outcome, Query, Record, wait};

/// Vanishes after a test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("token-budget-ledger-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn open(path: Option<&Path>) -> Ledger {
    let ledger = Ledger::start(path.map(Path::to_owned)).unwrap();
    wait(|reply| ledger.when_open(reply)).unwrap();
    ledger
}

pub fn close(ledger: &Ledger) {
    wait(|reply| ledger.close(reply)).unwrap();
}

pub fn record(ledger: &Ledger, records: Vec<Record>) -> Vec<Outcome> {
    wait(|reply| ledger.record(records, reply)).unwrap()
}

pub fn verified(ledger: &Ledger) -> Findings {
    let findings = wait(|reply| ledger.verify(reply)).unwrap();
    assert!(findings.is_sound(), "{findings:?}");
    findings
}

/// All there are.
pub fn everything() -> Query {
    Query { start_ms: i64::MIN, end_ms: i64::MAX, ..Query::default() }
}

/// All records of a query, in pages.
pub fn paged(ledger: &Ledger, query: &Query, limit: usize) -> Vec<Record> {
    let (mut records, mut after) = (Vec::new(), None);
    loop {
        let page = wait(|reply| ledger.page(query.clone(), after, limit, reply)).unwrap();
        assert!(page.records.len() <= limit);
        records.extend(page.records);
        after = page.next;
        if after.is_none() {
            return records;
        }
    }
}
