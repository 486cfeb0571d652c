//! Paths that cannot be used, records that are refused, sums that are wrong.

use token_budget::store::ledger::{Ledger, LedgerError, Outcome, Record, wait};

use super::{Folder, close, everything, open, record, verified};

pub fn refusal(path: &std::path::Path) -> String {
    let ledger = Ledger::start(Some(path.to_owned())).unwrap();
    match wait(|reply| ledger.when_open(reply)) {
        Err(LedgerError::Refused(message)) => message,
        other => panic!("{other:?}"),
    }
}

pub fn usage(id: &str) -> Record {
    Record { id: id.into(), total: 5, currency: "USD".into(), ..Record::default() }
}

#[test]
fn a_path_that_cannot_be_used_is_refused() {
    let folder = Folder::new();
    let text = folder.file("text");
    std::fs::write(&text, "Hello".repeat(1_000)).unwrap();
    assert!(refusal(&text).ends_with("is not a ledger"));
    let foreign = folder.file("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    assert!(refusal(&foreign).ends_with("is the database of another program"));
    assert!(refusal(&folder.file("")).ends_with("is a folder"));
    let nowhere = folder.file("none/ledger.db");
    let message = refusal(&nowhere);
    assert!(message.contains("none cannot be used") && message.contains(nowhere.to_str().unwrap()), "{message}");
}

#[test]
fn two_have_one_file_open() {
    let folder = Folder::new();
    let path = folder.file("ledger.db");
    let (one, other) = (open(Some(&path)), open(Some(&path)));
    assert_eq!(record(&one, vec![usage("a")]), [Outcome::Recorded]);
    assert_eq!(record(&other, vec![usage("a"), usage("b")]), [Outcome::Known, Outcome::Recorded]);
    assert_eq!(verified(&one).records, 2);
    close(&one);
    assert_eq!(verified(&other).records, 2);
    close(&other);
}

#[test]
fn what_is_out_of_range_is_named_and_nothing_recorded() {
    let ledger = open(None);
    let wrong = Record { input: -1, ..usage("b") };
    let answer = wait(|reply| ledger.record(vec![usage("a"), wrong], reply));
    let message = "records[1].input: expected an integer from 0 to 2^53-1".to_owned();
    assert_eq!(answer, Err(LedgerError::Invalid(message)));
    assert_eq!(verified(&ledger).records, 0);
    close(&ledger);
    assert_eq!(wait(|reply| ledger.record(vec![usage("a")], reply)), Err(LedgerError::Closed));
    assert_eq!(wait(|reply| ledger.page(everything(), None, 1, reply)), Err(LedgerError::Closed));
}

#[test]
fn a_wrong_sum_is_found() {
    let folder = Folder::new();
    let path = folder.file("ledger.db");
    let ledger = open(Some(&path));
    record(&ledger, vec![usage("a"), usage("b")]);
    verified(&ledger);
    close(&ledger);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE rollup SET total = total + 1 WHERE kind = 0 AND span = 0", []).unwrap();
    connection.execute("DELETE FROM rollup WHERE kind = 1 AND span = 1", []).unwrap();
    connection.close().unwrap();
    let ledger = open(Some(&path));
    let findings = wait(|reply| ledger.verify(reply)).unwrap();
    assert_eq!((findings.wrong_sums, findings.is_sound()), (2, false));
    close(&ledger);
}
