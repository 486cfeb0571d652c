//! What the tests of the ledger share, and the tests.

mod failures;
mod files;
mod full_disk;
mod ids;
mod kill;
#[path = "../disk/lossy_disk.rs"]
mod lossy_disk;
mod model;
mod recovery;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use token_budget::store::ledger::{Findings, Ledger, Outcome, Query, Record, wait};

/// Vanishes after a test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        Self::within(std::env::temp_dir())
    }

    /// For tests that write the files themselves.
    pub fn in_memory() -> Self {
        let memory = PathBuf::from("/dev/shm");
        Self::within(if memory.is_dir() { memory } else { std::env::temp_dir() })
    }

    fn within(parent: PathBuf) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("token-budget-ledger-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
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

/// A file whose name goes on like that.
pub fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

/// A ledger as it stands there now, as a process that is killed leaves it.
pub fn copy_files(from: &Path, to: &Path) {
    for end in ["", "-wal"] {
        std::fs::copy(beside(from, end), beside(to, end)).unwrap();
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
