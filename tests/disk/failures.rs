//! Paths that cannot be used, disks that take nothing, and other processes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use token_budget::domain::decide::Context;
use token_budget::domain::error::StoreError;
use token_budget::domain::period::Period;
use token_budget::domain::policy::Limits;
use token_budget::domain::usage::Usage;
use token_budget::store::disk::DiskStore;

use super::{Driver, Folder, PATIENCE, budget_policy, key, lossy_disk, open};

const SHORT: Duration = Duration::from_millis(50);
const PATH: &str = "TOKEN_BUDGET_TEST_HELD_STORAGE";
const NOW_MS: u64 = 1_700_000_000_000;

pub fn refusal(path: &std::path::Path) -> String {
    match DiskStore::open(path, SHORT) {
        Err(StoreError::Refused { message }) => message,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn a_path_that_cannot_be_used_is_refused() {
    let folder = Folder::new();
    let text = folder.file("text");
    std::fs::write(&text, "Hello".repeat(1_000)).unwrap();
    assert!(refusal(&text).ends_with("is not a storage file"));

    let foreign = folder.file("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    assert!(refusal(&foreign).ends_with("is the database of another program"));

    let newer = folder.file("newer.db");
    DiskStore::close(open(&newer), PATIENCE);
    rusqlite::Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let message = refusal(&newer);
    assert!(message.contains("newer version of this package (format 99"), "{message}");

    assert!(refusal(folder.path()).ends_with("is a folder"));
    assert!(refusal(&folder.file("none/state.db")).contains("the folder"));
    assert!(refusal(std::path::Path::new("..")).starts_with("storage.path: "));
    assert!(refusal(std::path::Path::new("/proc/state.db")).contains("cannot be opened for writing"));
}

/// They hold addresses of webhooks, and what is sent there.
#[cfg(unix)]
#[test]
fn files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.file("state.db");
    let store = open(&path);
    track(&store, 0);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    for end in ["", "-wal", "-shm", "-lock"] {
        let mode = std::fs::metadata(format!("{}{end}", path.display())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{end}");
    }
    assert_eq!(DiskStore::close(store, PATIENCE), 0);
}

pub fn track(store: &DiskStore, metadata_bytes: usize) {
    let (policy, team) = (budget_policy("UTC"), key("team"));
    let context = Context::new(&team, &policy, Limits::UNLIMITED, NOW_MS);
    let metadata_json = (metadata_bytes > 0).then(|| format!("\"{}\"", "m".repeat(metadata_bytes)));
    store.budgets().track(&context, &Usage { total: 1, metadata_json, ..Usage::default() }).answer.unwrap();
}

pub fn used(store: &DiskStore) -> u64 {
    let (policy, team) = (budget_policy("UTC"), key("team"));
    store.budgets().check(&Context::new(&team, &policy, Limits::UNLIMITED, NOW_MS), Period::Monthly).used
}

pub fn eventually(is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_full_disk_loses_nothing_in_memory() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let _tracking = lossy_disk::track(folder.path(), false, || {});
    let store = open(&path);
    track(&store, 0);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    lossy_disk::set_full(true);
    track(&store, 0);
    eventually(|| store.failure().contains("no space is left"));
    assert_eq!((store.durable_seq(), store.written_seq(), used(&store)), (1, 2, 2));
    assert!(store.accept().is_ok());
    // Until too much waits: then it says so before anything is applied.
    let mut tracked = 2;
    while store.accept().is_ok() {
        track(&store, 1 << 20);
        tracked += 1;
        assert!(tracked < 100);
    }
    let StoreError::Unavailable { message, .. } = store.accept().unwrap_err() else { panic!() };
    assert!(message.contains("no space is left"), "{message}");
    lossy_disk::set_full(false);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    assert_eq!((store.failure(), store.accept()), (String::new(), Ok(())));
    assert_eq!(DiskStore::close(store, PATIENCE), 0);
    assert_eq!(used(&open(&path)), tracked);
}

#[test]
fn closing_while_the_disk_is_full_tells_what_is_lost() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let _tracking = lossy_disk::track(folder.path(), false, || {});
    let store = open(&path);
    track(&store, 0);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    lossy_disk::set_full(true);
    track(&store, 0);
    track(&store, 0);
    assert_eq!(DiskStore::close(store, SHORT), 2);
    // It tries for a few seconds more, then lets go of the file.
    lossy_disk::set_full(false);
    let store = open(&path);
    assert!((1..=3).contains(&used(&store)));
}

#[test]
fn another_program_that_holds_a_lock_is_waited_for() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let store = open(&path);
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    track(&store, 0);
    eventually(|| store.failure().contains("another program holds a lock"));
    assert_eq!(store.durable_seq(), 0);
    other.execute_batch("COMMIT").unwrap();
    assert!(store.wait_durable(1, PATIENCE));
    assert_eq!(store.failure(), "");
}

/// Not a test of its own: another process that has the storage open.
#[test]
fn child_that_holds_the_storage() {
    let Ok(path) = std::env::var(PATH) else { return };
    let store = open(path.as_ref());
    track(&store, 0);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    std::io::stderr().write_all(b"holds\n").unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    DiskStore::close(store, PATIENCE);
}

fn hold(path: &std::path::Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "disk::failures::child_that_holds_the_storage", "--nocapture"]);
    let command = command.env(PATH, path).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "holds"));
    child
}

#[test]
fn one_process_at_a_time() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let mut child = hold(&path);
    let Err(StoreError::Unavailable { message, .. }) = DiskStore::open(&path, SHORT) else { panic!() };
    assert!(message.contains("is in use by another process"), "{message}");
    // Who waits gets it when the other process has ended, whether it closed it or was killed.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| used(&open(&path)));
        child.stdin.take().unwrap().write_all(b"end\n").unwrap();
        assert_eq!(waiting.join().unwrap(), 1);
    });
    child.wait().unwrap();
    let mut child = hold(&path);
    child.kill().unwrap();
    assert_eq!(used(&open(&path)), 2);
    child.wait().unwrap();
}

#[test]
fn everyone_in_this_process_shares_it() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    assert!(DiskStore::opened(&path).is_none());
    let store = open(&path);
    let same = open(&folder.path().join(".").join("state.db"));
    assert!(std::sync::Arc::ptr_eq(&store, &same));
    assert!(std::sync::Arc::ptr_eq(&store, &DiskStore::opened(&path).unwrap()));
    track(&store, 0);
    assert_eq!(DiskStore::close(store, PATIENCE), 0);
    assert_eq!(used(&same), 1);
    drop(same);
    // The writer may still be closing the file: whoever opens it anew waits for that.
    assert_eq!(used(&open(&path)), 1);
    let mut driver = Driver::new(1);
    driver.step(&open(&path));
}
