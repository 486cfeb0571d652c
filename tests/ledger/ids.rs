//! Ids are kept in memory for a while before they get into the index: each counts once all the same.

use token_budget::store::ledger::{Ledger, Outcome, Record, wait};

use super::{Folder, close, copy_files, everything, open, paged, record, verified};

const GROUP: usize = 3_000;

fn group(index: usize) -> Vec<Record> {
    let of = |one: usize| Record {
        id: format!("{index}/{one}"),
        orchestrator_id: format!("team-{}", one % 3),
        session_id: format!("session-{index}"),
        at_ms: 1_700_000_000_000 + index as i64 * 60_000,
        total: 1,
        currency: "USD".into(),
        ..Record::default()
    };
    (0..GROUP).map(of).collect()
}

fn all(ledger: &Ledger, records: Vec<Record>, expected: Outcome) {
    let outcomes = record(ledger, records);
    assert!(outcomes.iter().all(|outcome| *outcome == expected), "{expected:?}");
}

fn numbers(path: &std::path::Path) -> (i64, i64, i64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT last_seq, indexed_seq, (SELECT count(*) FROM record_id) FROM progress";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
}

#[test]
fn in_memory_and_in_the_index() {
    let folder = Folder::in_memory();
    let path = folder.file("ledger.db");
    let ledger = open(Some(&path));
    for index in 0..16 {
        all(&ledger, group(index), Outcome::Recorded);
    }
    let (last, indexed, entries) = numbers(&path);
    assert_eq!(last, 16 * GROUP as i64);
    assert!(indexed > 0 && indexed < last && entries >= indexed, "{indexed} of {last}, {entries} entries");
    // As a process that is killed leaves it, in the middle of a round.
    let killed = folder.file("killed.db");
    copy_files(&path, &killed);
    for ledger in [ledger, open(Some(&killed))] {
        for index in 0..16 {
            all(&ledger, group(index), Outcome::Known);
            let others = group(index).into_iter().map(|record| Record { total: 2, ..record });
            all(&ledger, others.take(10).collect(), Outcome::Conflict);
        }
        assert_eq!(verified(&ledger).records, last as u64);
        close(&ledger);
    }
}

#[test]
fn several_write_to_one_file() {
    let folder = Folder::in_memory();
    let path = folder.file("ledger.db");
    let ledgers: Vec<_> = (0..3).map(|_| open(Some(&path))).collect();
    for index in 0..15 {
        all(&ledgers[index % 3], group(index), Outcome::Recorded);
        all(&ledgers[(index + 1) % 3], group(index), Outcome::Known);
    }
    for ledger in &ledgers {
        (0..15).for_each(|index| all(ledger, group(index), Outcome::Known));
    }
    assert!(numbers(&path).1 > 0);
    assert_eq!(verified(&ledgers[0]).records, 15 * GROUP as u64);
    ledgers.iter().for_each(close);
}

#[test]
fn an_id_that_was_deleted_counts_anew() {
    let folder = Folder::in_memory();
    let path = folder.file("ledger.db");
    let (ledger, other) = (open(Some(&path)), open(Some(&path)));
    for index in 0..8 {
        all(&ledger, group(index), Outcome::Recorded);
    }
    all(&other, group(7), Outcome::Known);
    let deleted = wait(|reply| ledger.delete_before(i64::MAX, 100_000, reply)).unwrap();
    assert_eq!(deleted, 8 * GROUP);
    for index in 0..8 {
        let (one, two) = if index % 2 == 0 { (&ledger, &other) } else { (&other, &ledger) };
        all(one, group(index), Outcome::Recorded);
        all(two, group(index), Outcome::Known);
    }
    // No number is given twice.
    assert_eq!(numbers(&path).0, 16 * GROUP as i64);
    assert_eq!(verified(&ledger).records, 8 * GROUP as u64);
    assert_eq!(paged(&other, &everything(), 10_000).len(), 8 * GROUP);
    [ledger, other].iter().for_each(close);
}

/// Format 1 had the index of ids as one of the table of records.
#[test]
fn a_file_of_format_1_is_taken_over() {
    let folder = Folder::in_memory();
    let path = folder.file("ledger.db");
    let ledger = open(Some(&path));
    all(&ledger, group(0), Outcome::Recorded);
    close(&ledger);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let old = "DROP TABLE record_id; DROP TABLE progress; CREATE INDEX record_id ON record (id_hash);
               PRAGMA user_version = 1;";
    connection.execute_batch(old).unwrap();
    connection.close().unwrap();
    let ledger = open(Some(&path));
    all(&ledger, group(0), Outcome::Known);
    all(&ledger, group(1), Outcome::Recorded);
    assert_eq!(verified(&ledger).records, 2 * GROUP as u64);
    close(&ledger);
    assert_eq!(numbers(&path), (2 * GROUP as i64, GROUP as i64, GROUP as i64));
}
