//! Where a file lies, and what lies beside it.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Links that are followed to a file that is not there yet.
const LINKS_MAX: usize = 40;

/// The same for every way to write the path. The folder has to exist, the file has not.
pub(in crate::store) fn canonical(path: &Path) -> Result<PathBuf, String> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        if let Ok(path) = path.canonicalize() {
            return Ok(path);
        }
        // What is made is what a link leads to, not something in place of the link.
        let Ok(target) = path.read_link() else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    let name = path.file_name().ok_or_else(|| format!("{} names no file", path.display()))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        folder.canonicalize().map_err(|error| format!("the folder {} cannot be used: {error}", folder.display()))?;
    Ok(folder.join(name))
}

/// Why a file is not opened. One that was lost must not be taken for a new one while its log is there, which SQLite
/// would delete; and one that has two names would have two logs.
pub(in crate::store) fn refusal_of_main(path: &Path) -> Option<String> {
    let (shown, log_path) = (path.display(), beside(path, "-wal"));
    // The log first: somebody who makes both at this moment makes the file before.
    let has_log = std::fs::metadata(&log_path).is_ok_and(|log| log.len() > 0);
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    if bytes == 1 {
        // SQLite takes it for an empty one.
        return Some(format!("{shown} is damaged: it is cut off behind its first byte"));
    }
    if has_log && bytes == 0 {
        let log = log_path.display();
        return Some(format!(
            "{shown} is missing or empty, but its log {log} is there: restore the file, or delete the log to begin anew"
        ));
    }
    #[cfg(unix)]
    if std::fs::metadata(path).is_ok_and(|file| std::os::unix::fs::MetadataExt::nlink(&file) > 1) {
        return Some(format!("{shown} has more than one name (hard links)"));
    }
    None
}

/// A file whose name goes on like that.
pub(in crate::store) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// How files are made: addresses of webhooks and messages are nobody else's business.
pub(in crate::store) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Who may write to the storage may lock it.
pub(in crate::store) fn open_lock(path: &Path, lock_path: &Path) -> std::io::Result<File> {
    match private().create_new(true).open(lock_path) {
        Ok(file) => {
            if cfg!(unix)
                && let Ok(storage) = path.metadata()
            {
                file.set_permissions(storage.permissions())?;
            }
            Ok(file)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => private().open(lock_path),
        Err(error) => Err(error),
    }
}

/// A new file, and a new log, is found after a power loss only when its folder was synced.
pub(in crate::store) fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent().filter(|_| cfg!(unix))
        && let Ok(folder) = std::fs::File::open(folder)
    {
        let _ = folder.sync_all();
    }
}
