//! One process at a time, whatever becomes of the lock; and files that only look like new ones.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use token_budget::store::disk::DiskStore;

use super::failures::{eventually, refusal, track, used};
use super::{Folder, PATIENCE, open};

const PATH: &str = "TOKEN_BUDGET_TEST_LOST_STORAGE";

fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

/// Not a test of its own: a process whose lock is deleted. It says when it has written, writes once more when it is
/// told to, and says why it cannot.
#[test]
fn child_that_loses_its_lock() {
    let Ok(path) = std::env::var(PATH) else { return };
    let store = open(path.as_ref());
    track(&store, 0);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    std::io::stderr().write_all(b"holds\n").unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    track(&store, 0);
    eventually(|| !store.failure().is_empty());
    assert!(!store.wait_durable(store.written_seq(), Duration::from_millis(300)));
    std::io::stderr().write_all(format!("{}\n", store.failure()).as_bytes()).unwrap();
    DiskStore::close(store, Duration::from_millis(10));
}

fn child(path: &Path) -> (Child, impl Iterator<Item = String>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "disk::owners::child_that_loses_its_lock", "--nocapture"]);
    let command = command.env(PATH, path).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

#[test]
fn who_lost_its_lock_writes_no_more() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let (mut other, mut lines) = child(&path);
    assert!(lines.any(|line| line == "holds"));
    std::fs::remove_file(beside(&path, "-lock")).unwrap();
    // Now two have it open. What the first has acknowledged is there, and what it writes from here on is not taken.
    let store = open(&path);
    assert_eq!(used(&store), 1);
    track(&store, 0);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    other.stdin.take().unwrap().write_all(b"on\n").unwrap();
    let message = lines.next().unwrap();
    assert!(message.contains("was opened by another process though this one had locked it"), "{message}");
    assert!(other.wait().unwrap().success());
    for _ in 0..20 {
        track(&store, 0);
    }
    assert_eq!(DiskStore::close(store, PATIENCE), 0);
    assert_eq!(used(&open(&path)), 22);
}

#[cfg(unix)]
#[test]
fn a_file_with_two_names_is_refused() {
    let folder = Folder::new();
    let (path, second) = (folder.file("state.db"), folder.file("second.db"));
    DiskStore::close(open(&path), PATIENCE);
    std::fs::hard_link(&path, &second).unwrap();
    for path in [&path, &second] {
        assert!(refusal(path).ends_with("has more than one name (hard links)"));
    }
    std::fs::remove_file(&second).unwrap();
    DiskStore::close(open(&path), PATIENCE);
}

#[test]
fn a_log_without_its_file_is_not_thrown_away() {
    let folder = Folder::in_memory();
    let (path, copy) = (folder.file("state.db"), folder.file("copy.db"));
    let store = open(&path);
    track(&store, 0);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    super::copy_files(&path, &copy);
    let (main, log) = (std::fs::read(&copy).unwrap(), std::fs::read(beside(&copy, "-wal")).unwrap());
    assert!(!log.is_empty());
    std::fs::remove_file(&copy).unwrap();
    assert!(refusal(&copy).contains("is missing or empty, but its log"));
    std::fs::write(&copy, "").unwrap();
    assert!(refusal(&copy).contains("is missing or empty, but its log"));
    assert_eq!(std::fs::read(beside(&copy, "-wal")).unwrap(), log);
    std::fs::write(&copy, main).unwrap();
    assert_eq!(used(&open(&copy)), 1);
}

#[test]
fn a_file_that_was_cut_off_is_damaged() {
    let folder = Folder::in_memory();
    let path = folder.file("state.db");
    DiskStore::close(open(&path), PATIENCE);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1_000]).unwrap();
    assert!(refusal(&path).contains("is damaged"));
    let mut format = whole.clone();
    format[47] ^= 0xff;
    std::fs::write(&path, format).unwrap();
    assert!(refusal(&path).contains("is damaged"));
    std::fs::write(&path, whole).unwrap();
    DiskStore::close(open(&path), PATIENCE);
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_files_that_are_not_there_yet() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new();
    std::fs::create_dir(folder.file("data")).unwrap();
    let (link, target) = (folder.file("state.db"), folder.file("data/real.db"));
    symlink("data/real.db", &link).unwrap();
    let store = open(&link);
    assert!(std::sync::Arc::ptr_eq(&store, &DiskStore::opened(&target).unwrap()));
    track(&store, 0);
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    assert!(link.symlink_metadata().unwrap().is_symlink());
    for end in ["", "-wal", "-shm", "-lock"] {
        assert_eq!(beside(&target, end).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{end}");
        assert!(end.is_empty() || !beside(&link, end).exists());
    }
    // Who names the same path meets the same store, though the link leads elsewhere by now.
    std::fs::remove_file(&link).unwrap();
    symlink("data/another.db", &link).unwrap();
    assert!(std::sync::Arc::ptr_eq(&store, &open(&link)));
    DiskStore::close(store, PATIENCE);
    let store = open(&link);
    assert_eq!(used(&store), 0);
    assert!(folder.file("data/another.db").exists());
    // A link that leads to itself leads nowhere.
    let circle = folder.file("circle.db");
    symlink("circle.db", &circle).unwrap();
    refusal(&circle);
}

/// A group may share a storage.
#[cfg(unix)]
#[test]
fn a_lock_is_for_whom_the_file_is() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.file("state.db");
    DiskStore::close(open(&path), PATIENCE);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o660)).unwrap();
    std::fs::remove_file(beside(&path, "-lock")).unwrap();
    let store = open(&path);
    for end in ["", "-wal", "-lock"] {
        assert_eq!(beside(&path, end).metadata().unwrap().permissions().mode() & 0o777, 0o660, "{end}");
    }
    drop(store);
}
