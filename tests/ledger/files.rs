//! Files that only look like new ones, and files with several names.

use token_budget::store::ledger::Outcome;

use super::failures::{refusal, usage};
use super::lossy_disk;
use super::{Folder, beside, close, copy_files, everything, open, paged, record, verified};

#[test]
fn a_log_without_its_file_is_not_thrown_away() {
    let folder = Folder::new();
    let (path, copy) = (folder.file("ledger.db"), folder.file("copy.db"));
    let ledger = open(Some(&path));
    assert_eq!(record(&ledger, vec![usage("a")]), [Outcome::Recorded]);
    copy_files(&path, &copy);
    close(&ledger);
    let (main, log) = (std::fs::read(&copy).unwrap(), std::fs::read(beside(&copy, "-wal")).unwrap());
    assert!(!log.is_empty());
    std::fs::remove_file(&copy).unwrap();
    for _ in 0..2 {
        let message = refusal(&copy);
        let begin = format!("path: {} is missing or empty, but its log", copy.display());
        assert!(message.starts_with(&begin), "{message}");
        assert_eq!(std::fs::read(beside(&copy, "-wal")).unwrap(), log);
        std::fs::write(&copy, "").unwrap();
    }
    std::fs::write(&copy, main).unwrap();
    let ledger = open(Some(&copy));
    assert_eq!(record(&ledger, vec![usage("a")]), [Outcome::Known]);
    assert_eq!(verified(&ledger).records, 1);
    close(&ledger);
}

#[cfg(unix)]
#[test]
fn a_file_with_two_names_is_refused() {
    let folder = Folder::new();
    let (path, second) = (folder.file("ledger.db"), folder.file("second.db"));
    close(&open(Some(&path)));
    std::fs::hard_link(&path, &second).unwrap();
    for path in [&path, &second] {
        assert_eq!(refusal(path), format!("path: {} has more than one name (hard links)", path.display()));
    }
    std::fs::remove_file(&second).unwrap();
    close(&open(Some(&path)));
}

#[cfg(unix)]
#[test]
fn links_lead_to_one_ledger() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    std::fs::create_dir(folder.file("data")).unwrap();
    let (link, target) = (folder.file("ledger.db"), folder.file("data/real.db"));
    symlink("data/real.db", &link).unwrap();
    let (one, other) = (open(Some(&link)), open(Some(&target)));
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(record(&one, vec![usage("a")]), [Outcome::Recorded]);
    let around = open(Some(&folder.file("data/../data/./real.db")));
    for ledger in [&other, &around] {
        assert_eq!(record(ledger, vec![usage("a")]), [Outcome::Known]);
    }
    for end in ["-wal", "-shm", "-lock"] {
        assert!(beside(&target, end).exists() && !beside(&link, end).exists(), "{end}");
    }
    [one, other, around].iter().for_each(close);
    // What is damaged beside the file that it leads to is found by the link, too.
    let circle = folder.file("circle.db");
    symlink("circle.db", &circle).unwrap();
    refusal(&circle);
}

/// A group may share a ledger.
#[cfg(unix)]
#[test]
fn files_are_for_whom_the_ledger_is() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.file("ledger.db");
    let assert_modes = |mode: u32| {
        let ledger = open(Some(&path));
        assert_eq!(record(&ledger, vec![usage("a")]).len(), 1);
        for end in ["", "-wal", "-shm", "-lock"] {
            assert_eq!(beside(&path, end).metadata().unwrap().permissions().mode() & 0o777, mode, "{end}");
        }
        close(&ledger);
    };
    assert_modes(0o600);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o660)).unwrap();
    std::fs::remove_file(beside(&path, "-lock")).unwrap();
    assert_modes(0o660);
}

/// A process was killed after it had written a commit and before that was synced. Whoever hears that a record is known
/// takes it for durable: by then it is.
#[test]
fn what_is_found_is_synced_before_it_is_known() {
    let folder = Folder::new();
    let (path, killed) = (folder.file("ledger.db"), folder.file("killed.db"));
    let ledger = open(Some(&path));
    record(&ledger, vec![usage("a"), usage("b")]);
    copy_files(&path, &killed);
    close(&ledger);
    // Of the copy nothing was synced by anybody yet.
    let main = std::fs::read(&killed).unwrap();
    let _tracking = lossy_disk::track(folder.path(), false, || {});
    let ledger = open(Some(&killed));
    assert_eq!(record(&ledger, vec![usage("a")]), [Outcome::Known]);
    let image = lossy_disk::image(|_| 0);
    close(&ledger);
    let left = Folder::new();
    let path = left.file("ledger.db");
    // The file itself was there long before.
    std::fs::write(&path, main).unwrap();
    std::fs::write(beside(&path, "-wal"), &image[&beside(&killed, "-wal")]).unwrap();
    let ledger = open(Some(&path));
    let ids: Vec<_> = paged(&ledger, &everything(), 10).into_iter().map(|record| record.id).collect();
    assert_eq!(ids, ["a", "b"]);
    close(&ledger);
}
