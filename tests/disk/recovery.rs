//! Files that were cut off or damaged: what was acknowledged before is there, never half of a commit.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use token_budget::domain::error::StoreError;
use token_budget::store::disk::DiskStore;

use super::{Driver, Folder, PATIENCE, open};

/// The journal after each of some commits, and what the stores knew then.
struct History {
    folder: Folder,
    driver: Driver,
    /// Lengths of the journal, and stores opened from what lay there then.
    commits: Vec<(usize, std::sync::Arc<DiskStore>)>,
    wal: Vec<u8>,
    main: Vec<u8>,
}

fn wal_of(path: &std::path::Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// Each operation is committed before the next.
fn make_history(seed: u64, commits: usize) -> History {
    let folder = Folder::in_memory();
    let path = folder.file("state.db");
    let mut driver = Driver::new(seed);
    let store = open(&path);
    let mut lengths = Vec::new();
    for index in 0..commits {
        let before = store.written_seq();
        while store.written_seq() == before {
            driver.step(&store);
        }
        assert!(store.wait_durable(store.written_seq(), PATIENCE));
        let copy = folder.file(&format!("commit-{index}.db"));
        super::copy_files(&path, &copy);
        lengths.push((fs::metadata(wal_of(&path)).unwrap().len() as usize, open(&copy)));
    }
    let (main, wal) = (fs::read(&path).unwrap(), fs::read(wal_of(&path)).unwrap());
    assert_eq!(wal.len(), lengths.last().unwrap().0);
    assert_same_as_last(&store, &lengths, &driver);
    History { folder, driver, commits: lengths, wal, main }
}

fn assert_same_as_last(store: &DiskStore, commits: &[(usize, std::sync::Arc<DiskStore>)], driver: &Driver) {
    super::assert_same(store, &commits.last().unwrap().1, &driver.keys);
}

impl History {
    fn open_with(&self, wal: &[u8]) -> Result<std::sync::Arc<DiskStore>, StoreError> {
        let path = self.folder.file("tried.db");
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", path.display()));
        }
        fs::write(&path, &self.main).unwrap();
        fs::write(wal_of(&path), wal).unwrap();
        DiskStore::open(&path, PATIENCE)
    }

    /// Which commit the opened store stands at; panics when it knows something else than it knew then.
    fn position(&self, store: &DiskStore) -> usize {
        let seq = store.written_seq();
        let reached = self.commits.iter().filter(|(_, commit)| commit.written_seq() <= seq).count() - 1;
        let (_, commit) = &self.commits[reached];
        // What a store does by itself may have been committed before the operation it was done for.
        if commit.written_seq() == seq {
            super::assert_same(store, commit, &self.driver.keys);
        }
        reached
    }
}

#[test]
fn cut_off_at_every_byte_of_the_tail() {
    let history = make_history(7, 12);
    // Of the last commit every byte, of those before it some.
    let (from, last) = (history.commits[2].0, history.commits[10].0);
    for length in (from..last).step_by(101).chain(last..=history.wal.len()) {
        let store = history.open_with(&history.wal[..length]).unwrap();
        // Every commit that lies whole before the cut.
        let whole = history.commits.iter().filter(|(end, _)| *end <= length).count() - 1;
        assert_eq!(history.position(&store), whole, "cut off at {length}");
        assert_eq!(DiskStore::close(store, PATIENCE), 0);
    }
}

#[test]
fn flipped_bytes_of_the_log_end_it_there_or_are_refused() {
    let history = make_history(8, 12);
    let from = history.commits[2].0;
    let (mut refused, mut before) = (0, 0);
    for at in (from..history.wal.len()).step_by(61) {
        let mut wal = history.wal.clone();
        wal[at] ^= 0x41;
        let whole = history.commits.iter().filter(|(end, _)| *end <= at).count() - 1;
        let store = match history.open_with(&wal) {
            Ok(store) => store,
            Err(StoreError::Refused { message }) => {
                assert!(message.contains("is damaged: "), "{message}");
                refused += 1;
                // What lies before is not lost: the log is cut off there.
                let end: usize = message.split("at byte ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
                assert!(end <= at && at - end < 5_000, "flipped at {at}: {message}");
                history.open_with(&wal[..end]).unwrap()
            }
            Err(other) => panic!("{at}: {other}"),
        };
        // Two commits behind it are always noticed; one alone could be what a crash has left.
        let is_cut = whole + 4 > history.commits.len();
        assert!(is_cut || refused > before, "flipped at {at} of commit {whole}: dropped without a word");
        before = refused;
        let position = history.position(&store);
        assert!(position >= whole, "flipped at {at}: stands at {position}, not {whole}");
        assert_eq!(DiskStore::close(store, PATIENCE), 0);
    }
}

/// After a clean close everything lies in the main file: cut off, it is refused or is whole, but never half.
#[test]
fn a_main_file_that_is_cut_off_is_refused() {
    let history = make_history(9, 9);
    let path = history.folder.file("state.db");
    let store = open(&path);
    DiskStore::close(store, PATIENCE);
    let main = fs::read(&path).unwrap();
    let whole = open(&path);
    let tried = history.folder.file("cut.db");
    for length in (0..main.len()).step_by(511) {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", tried.display()));
        }
        fs::write(&tried, &main[..length]).unwrap();
        match DiskStore::open(&tried, PATIENCE) {
            // Nothing at all is a new file.
            Ok(store) if length == 0 => assert_eq!(store.written_seq(), 0),
            // Of what was cut off nobody needed anything.
            Ok(store) => super::assert_same(&store, &whole, &history.driver.keys),
            Err(StoreError::Refused { message }) => assert!(message.starts_with("storage.path: "), "{message}"),
            Err(other) => panic!("{length}: {other}"),
        }
    }
}

#[test]
fn flipped_bytes_of_the_main_file_are_never_believed() {
    let history = make_history(10, 36);
    let path = history.folder.file("state.db");
    let store = open(&path);
    let known = store.written_seq();
    DiskStore::close(store, Duration::from_secs(60));
    let main = fs::read(&path).unwrap();
    let whole = open(&path);
    let tried = history.folder.file("flipped.db");
    let (mut refused, mut same) = (0, 0);
    for at in (0..main.len()).step_by(197) {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", tried.display()));
        }
        let mut bytes = main.clone();
        bytes[at] ^= 0x10;
        fs::write(&tried, bytes).unwrap();
        match DiskStore::open(&tried, PATIENCE) {
            Err(_) => refused += 1,
            Ok(store) => {
                // A byte that nobody reads, or of what only costs place.
                same += 1;
                assert!(store.written_seq() <= known);
                for key in &history.driver.keys {
                    assert_content(&whole, &store, key, at);
                }
                DiskStore::close(store, PATIENCE);
            }
        }
    }
    assert!(refused > 0 && same > 0, "{refused} refused, {same} the same");
}

/// A state that is there is right; one whose name or place was hit may be missing.
fn assert_content(
    whole: &DiskStore,
    store: &DiskStore,
    key: &token_budget::domain::identifier::OrchestratorId,
    at: usize,
) {
    let check = |is_right: bool| assert!(is_right, "byte {at}");
    store.budgets().inspect(key, |a| whole.budgets().inspect(key, |b| check(a.is_none() || a == b)));
    store.limiters().inspect(key, |a| whole.limiters().inspect(key, |b| check(a.is_none() || a == b)));
    store.pools().inspect(key, |a| whole.pools().inspect(key, |b| check(a.is_none() || a == b)));
}
