//! One process at a time.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::file::unavailable;
use crate::domain::error::StoreError;
use crate::store::sqlite::place::{beside, open_lock};

/// Between two looks whether the other process has ended.
const LOOK_MS: u64 = 10;

/// Held while the file is open. The system lets go of it when the process dies, however it dies. A file beside the
/// storage, for SQLite takes and lets go of locks on its own.
pub(super) struct ProcessLock {
    _file: File,
}

impl ProcessLock {
    /// Takes the lock of the storage at `path`; waits for who holds it until `timeout` is over.
    pub fn take(path: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let until = Instant::now() + timeout;
        let lock_path = beside(path, "-lock");
        let file = open_lock(path, &lock_path).map_err(|error| StoreError::Refused {
            message: format!("storage.path: {} cannot be opened for writing: {error}", lock_path.display()),
        })?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    thread::sleep(Duration::from_millis(LOOK_MS));
                }
                Err(TryLockError::WouldBlock) => {
                    let path = path.display();
                    return Err(unavailable(format!(
                        "storage.path: {path} is in use by another process, or this one is still closing it"
                    )));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(unavailable(format!("storage.path: {} cannot be locked: {error}", path.display())));
                }
            }
        }
    }
}
