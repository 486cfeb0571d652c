//! The disk is full: nothing is acknowledged that is not there, and nothing is lost that was.

use token_budget::store::ledger::{Ledger, LedgerError, Outcome, Record, wait};

use super::failures::usage;
use super::lossy_disk;
use super::{Folder, beside, close, copy_files, everything, open, paged, record, verified};

fn assert_no_space(answer: Result<impl std::fmt::Debug, LedgerError>, path: &std::path::Path) {
    let expected = format!("no space is left for {}", path.display());
    assert!(matches!(&answer, Err(LedgerError::Unavailable(message)) if *message == expected), "{answer:?}");
}

fn ids(ledger: &Ledger) -> Vec<String> {
    paged(ledger, &everything(), 100).into_iter().map(|record| record.id).collect()
}

#[test]
fn what_was_acknowledged_stays_and_the_rest_was_not() {
    let folder = Folder::new();
    let path = folder.file("ledger.db");
    let _tracking = lossy_disk::track(folder.path(), false, || {});
    let ledger = open(Some(&path));
    assert_eq!(record(&ledger, vec![usage("a")]), [Outcome::Recorded]);
    lossy_disk::set_full(true);
    let many: Vec<Record> = (0..3_000).map(|index| usage(&format!("m{index}"))).collect();
    for records in [vec![usage("b")], vec![usage("a"), usage("c")], many] {
        assert_no_space(wait(|reply| ledger.record(records, reply)), &path);
    }
    assert_no_space(wait(|reply| ledger.delete_before(i64::MAX, 10, reply)), &path);
    // What only looks needs no space.
    assert_eq!(record(&ledger, vec![usage("a")]), [Outcome::Known]);
    assert_eq!((ids(&ledger), verified(&ledger).records), (vec!["a".to_owned()], 1));
    // Whoever is killed now leaves the same.
    let copy = folder.file("copy.db");
    copy_files(&path, &copy);
    lossy_disk::set_full(false);
    let killed = open(Some(&copy));
    assert_eq!((ids(&killed), verified(&killed).records), (vec!["a".to_owned()], 1));
    close(&killed);
    assert_eq!(record(&ledger, vec![usage("a"), usage("b")]), [Outcome::Known, Outcome::Recorded]);
    assert_eq!(verified(&ledger).records, 2);
    close(&ledger);
}

/// A new one cannot be made. One that is there can be read, but nothing is said to be known that was not synced.
#[test]
fn opening_while_the_disk_is_full() {
    let folder = Folder::new();
    let (path, killed, new) = (folder.file("ledger.db"), folder.file("killed.db"), folder.file("new.db"));
    let ledger = open(Some(&path));
    record(&ledger, vec![usage("a")]);
    copy_files(&path, &killed);
    close(&ledger);
    let _tracking = lossy_disk::track(folder.path(), false, || {});
    lossy_disk::set_full(true);
    let failed = Ledger::start(Some(new.clone())).unwrap();
    assert_no_space(wait(|reply| failed.when_open(reply)), &new);
    assert!(failed.has_failed());
    let ledger = open(Some(&killed));
    assert_eq!(ids(&ledger), ["a"]);
    assert_no_space(wait(|reply| ledger.record(vec![usage("a")], reply)), &killed);
    lossy_disk::set_full(false);
    assert_eq!(record(&ledger, vec![usage("a")]), [Outcome::Known]);
    close(&ledger);
    assert!(!beside(&new, "-wal").exists());
    close(&open(Some(&new)));
}
