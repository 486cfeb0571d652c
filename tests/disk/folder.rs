//! Folders that vanish after a test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use token_budget::store::disk::DiskStore;

/// Long enough for a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        Self::within(std::env::temp_dir())
    }

    /// Where syncing costs nothing, if there is such a place: for tests that write the files themselves.
    pub fn in_memory() -> Self {
        let memory = PathBuf::from("/dev/shm");
        Self::within(if memory.is_dir() { memory } else { std::env::temp_dir() })
    }

    fn within(parent: PathBuf) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("token-budget-disk-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
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

pub fn open(path: &Path) -> Arc<DiskStore> {
    DiskStore::open(path, PATIENCE).unwrap()
}

/// The files of a storage as they stand there now, but for its lock.
pub fn copy_files(from: &Path, to: &Path) {
    for end in ["", "-wal"] {
        let path = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if path(from).exists() {
            std::fs::copy(path(from), path(to)).unwrap();
        }
    }
}
