//! Files that were cut off or damaged: what was acknowledged before is there once, never half of a commit; or the
//! ledger says which file is damaged.

use std::fs;

use token_budget::store::ledger::{Ledger, LedgerError, Outcome, Record, wait};

use super::{Folder, beside, close, everything, open, paged, record, verified};

const RECORDS_OF_COMMIT: usize = 3;

fn commit(index: usize) -> Vec<Record> {
    let of = |one: usize| Record {
        id: format!("{index}-{one}"),
        orchestrator_id: format!("team-{}", one % 2),
        session_id: format!("session-{index}"),
        at_ms: 1_700_000_000_000 + (index * RECORDS_OF_COMMIT + one) as i64 * 900_000,
        model_id: "model".into(),
        input: 7 * index as i64,
        total: 7 * index as i64 + one as i64,
        currency: "USD".into(),
        priced: true,
        ..Record::default()
    };
    (0..RECORDS_OF_COMMIT).map(of).collect()
}

/// The files after some commits.
struct History {
    folder: Folder,
    main: Vec<u8>,
    log: Vec<u8>,
    /// Lengths of the log after each commit.
    lengths: Vec<usize>,
    records: Vec<Record>,
}

fn make_history(commits: usize) -> History {
    let folder = Folder::in_memory();
    let path = folder.file("ledger.db");
    let ledger = open(Some(&path));
    let length = || fs::metadata(beside(&path, "-wal")).unwrap().len() as usize;
    let (mut lengths, mut records) = (vec![length()], Vec::new());
    for index in 0..commits {
        assert_eq!(record(&ledger, commit(index)), [Outcome::Recorded; RECORDS_OF_COMMIT]);
        lengths.push(length());
        records.extend(commit(index));
    }
    let (main, log) = (fs::read(&path).unwrap(), fs::read(beside(&path, "-wal")).unwrap());
    assert_eq!(lengths.last(), Some(&log.len()));
    close(&ledger);
    History { folder, main, log, lengths, records }
}

impl History {
    fn try_open(&self, main: &[u8], log: &[u8]) -> Result<Ledger, LedgerError> {
        let path = self.folder.file("tried.db");
        for end in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(&path, end));
        }
        fs::write(&path, main).unwrap();
        if !log.is_empty() {
            fs::write(beside(&path, "-wal"), log).unwrap();
        }
        let ledger = Ledger::start(Some(path)).unwrap();
        wait(|reply| ledger.when_open(reply)).map(|()| ledger)
    }

    /// How many commits the ledger stands at, each of them whole, and the sums are theirs.
    fn position(&self, ledger: &Ledger) -> usize {
        let found = paged(ledger, &everything(), 100);
        assert_eq!(found, self.records[..found.len()]);
        assert_eq!(verified(ledger).records, found.len() as u64);
        assert_eq!(found.len() % RECORDS_OF_COMMIT, 0);
        found.len() / RECORDS_OF_COMMIT
    }

    /// Whoever heard nothing asks again: each is there once in the end.
    fn ask_again(&self, ledger: &Ledger) {
        let position = self.position(ledger) * RECORDS_OF_COMMIT;
        let outcomes = record(ledger, self.records.clone());
        let expected = |index| if index < position { Outcome::Known } else { Outcome::Recorded };
        assert!(outcomes.iter().enumerate().all(|(index, outcome)| *outcome == expected(index)), "{outcomes:?}");
        assert_eq!(self.position(ledger) * RECORDS_OF_COMMIT, self.records.len());
    }

    /// Commits that lie whole before a length of the log.
    fn whole_before(&self, length: usize) -> usize {
        self.lengths.iter().filter(|end| **end <= length).count() - 1
    }
}

fn assert_names(error: &LedgerError, history: &History) {
    let path = history.folder.file("tried.db");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn a_log_cut_off_at_every_byte_of_its_tail() {
    let history = make_history(8);
    let (first, frame) = (history.lengths[1], 4_096 + 24);
    let last = history.log.len() - frame;
    // Every byte of the last frame; of what is before, ends of frames and some between.
    let frames = (first..last).step_by(frame).flat_map(|at| [at, at + 1, at + 24, at + frame - 1]);
    for length in frames.chain((first..last).step_by(1_009)).chain(last..=history.log.len()) {
        let ledger = history.try_open(&history.main, &history.log[..length]).unwrap();
        assert_eq!(history.position(&ledger), history.whole_before(length), "cut off at {length}");
        if length % 64 == 0 {
            history.ask_again(&ledger);
        }
        close(&ledger);
    }
}

#[test]
fn flipped_bytes_of_the_log_end_it_there_or_are_refused() {
    let history = make_history(8);
    let mut refused = 0;
    for at in (history.lengths[1]..history.log.len()).step_by(211) {
        let mut log = history.log.clone();
        log[at] ^= 0x41;
        let whole = history.whole_before(at);
        match history.try_open(&history.main, &log) {
            Ok(ledger) => {
                // Two commits behind it are always noticed; one alone could be what a crash has left.
                assert!(whole + 3 > 8, "flipped at {at} of commit {whole}: dropped without a word");
                assert_eq!(history.position(&ledger), whole, "flipped at {at}");
                history.ask_again(&ledger);
                close(&ledger);
            }
            Err(error @ LedgerError::Refused(_)) => {
                assert_names(&error, &history);
                assert!(error.to_string().contains("is damaged: "), "{error}");
                refused += 1;
            }
            Err(other) => panic!("{at}: {other}"),
        }
    }
    assert!(refused > 100, "{refused}");
}

/// After a clean close everything lies in the file: cut off, it is refused or is whole, but never half.
#[test]
fn a_file_that_is_cut_off_is_refused() {
    let history = make_history(8);
    let main = fs::read(history.folder.file("ledger.db")).unwrap();
    for length in (1..main.len()).step_by(509) {
        match history.try_open(&main[..length], &[]) {
            Ok(ledger) => {
                assert_eq!(history.position(&ledger), 8, "cut off at {length}");
                close(&ledger);
            }
            Err(error) => {
                assert!(matches!(error, LedgerError::Refused(_)), "cut off at {length}: {error}");
                assert_names(&error, &history);
            }
        }
    }
}

/// Damage of what SQLite reads is refused. Damage of what stands in a record is found by [`Ledger::verify`], where it
/// changes a sum.
#[test]
fn flipped_bytes_of_the_file_are_told() {
    let history = make_history(30);
    let main = fs::read(history.folder.file("ledger.db")).unwrap();
    let (mut refused, mut told_later, mut unsound, mut same) = (0, 0, 0, 0);
    for at in (0..main.len()).step_by(97) {
        let mut bytes = main.clone();
        bytes[at] ^= 0x10;
        let ledger = match history.try_open(&bytes, &[]) {
            Ok(ledger) => ledger,
            Err(error) => {
                assert!(matches!(error, LedgerError::Refused(_)), "flipped at {at}: {error}");
                assert_names(&error, &history);
                refused += 1;
                continue;
            }
        };
        match wait(|reply| ledger.verify(reply)) {
            Err(error) => {
                assert_names(&error, &history);
                told_later += 1;
            }
            Ok(findings) if !findings.is_sound() => unsound += 1,
            Ok(findings) => {
                assert_eq!(findings.records, history.records.len() as u64, "flipped at {at}");
                same += 1;
            }
        }
        close(&ledger);
    }
    println!("{refused} refused, {told_later} told later, {unsound} unsound, {same} the same");
    assert!(refused > 10 && unsound > 0);
}
