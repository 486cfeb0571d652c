//! Opens a file, once per process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::Duration;

use super::DiskStore;
use super::compaction::{Compaction, LOG_BYTES_MIN};
use super::file::{StoreFile, unavailable};
use super::process_lock::ProcessLock;
use super::recorder::Recorder;
use super::recovery::recover;
use super::stores::Stores;
use super::writer::Writer;
use super::written_policies::WrittenPolicies;
use crate::domain::error::StoreError;
use crate::store::sqlite::place::canonical;

/// How long a commit waits for another program that has a lock on the file, before it counts as failed and is tried
/// anew.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// Who has a path open. The lock is held while it is opened.
type Place = Arc<Mutex<Weak<DiskStore>>>;

/// Paths as they were written, and where they led when a file that is open was opened. A link that is set to somewhere
/// else meanwhile does not part who names the same path.
static NAMES: Mutex<Option<HashMap<PathBuf, PathBuf>>> = Mutex::new(None);

/// Files in use. Worker threads load the addon once more but live in the same process, and so find each other here.
static PLACES: Mutex<Option<HashMap<PathBuf, Place>>> = Mutex::new(None);

impl DiskStore {
    /// Opens the file at `path` and loads it, or joins who has it open in this process. Takes as long as it takes to
    /// read and decide anew what was not tidied up, some seconds for a million entries.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]: another process has it open, and keeps it for longer than `timeout`.
    /// [`StoreError::Refused`]: the folder does not exist or cannot be written to; the file is damaged, of another
    /// program, or of a newer version of this package.
    pub fn open(path: &Path, timeout: Duration) -> Result<Arc<Self>, StoreError> {
        Self::open_with(path, timeout, LOG_BYTES_MIN)
    }

    /// As [`Self::open`]; and whoever is the first in this process ends the claims of timers and deliveries that are
    /// found. Who had them is gone, for the file was locked while it lived. That is recorded as what it is: they are
    /// released.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open`].
    pub fn take_over(path: &Path, timeout: Duration) -> Result<Arc<Self>, StoreError> {
        Self::open_then(path, timeout, LOG_BYTES_MIN, |store| store.timers().release_all())
    }

    /// As [`Self::open`], with a log that is tidied up at another length than the usual. For tests.
    #[doc(hidden)]
    pub fn open_with(path: &Path, timeout: Duration, log_bytes_min: usize) -> Result<Arc<Self>, StoreError> {
        Self::open_then(path, timeout, log_bytes_min, |_| {})
    }

    /// `first` is called by who does not join anybody, before anybody can join it.
    fn open_then(
        path: &Path,
        timeout: Duration,
        log_bytes_min: usize,
        first: impl FnOnce(&Self),
    ) -> Result<Arc<Self>, StoreError> {
        if let Some(store) = Self::opened(path) {
            return Ok(store);
        }
        let refused = |message| StoreError::Refused { message: format!("storage.path: {message}") };
        let (name, path) = (path.to_owned(), canonical(path).map_err(refused)?);
        let place = place(&path);
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = place.upgrade() {
            names().get_or_insert_default().insert(name, path);
            return Ok(store);
        }
        let store = Arc::new(open_file(path.clone(), timeout, log_bytes_min)?);
        names().get_or_insert_default().insert(name, path);
        first(&store);
        *place = Arc::downgrade(&store);
        Ok(store)
    }

    /// The store at `path`, if somebody in this process has it open.
    pub fn opened(path: &Path) -> Option<Arc<Self>> {
        let known = names().as_ref().and_then(|names| names.get(path).cloned());
        let place = place(&known.or_else(|| canonical(path).ok())?);
        match place.try_lock() {
            Ok(store) => store.upgrade(),
            Err(TryLockError::Poisoned(store)) => store.into_inner().upgrade(),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Nobody has it open any more.
pub(super) fn forget(path: &Path) {
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    // Who is about to open it anew has a hold of the place.
    if let Some(places) = places.as_mut()
        && places.get(path).is_some_and(|place| Arc::strong_count(place) == 1)
    {
        places.remove(path);
        if let Some(names) = names().as_mut() {
            names.retain(|_, led| led != path);
        }
    }
}

fn names() -> MutexGuard<'static, Option<HashMap<PathBuf, PathBuf>>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place(path: &Path) -> Place {
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(places.get_or_insert_default().entry(path.to_owned()).or_default())
}

fn open_file(path: PathBuf, timeout: Duration, log_bytes_min: usize) -> Result<DiskStore, StoreError> {
    if path.is_dir() {
        return Err(StoreError::Refused { message: format!("storage.path: {} is a folder", path.display()) });
    }
    let lock = ProcessLock::take(&path, timeout)?;
    let mut file = StoreFile::open(&path, timeout)?;
    let mut recovered = recover(&file)?;
    file.delete_remains()?;
    let last_seq = recovered.last_seq;
    let recorder = Arc::new(Recorder::new(last_seq));
    let compaction = Compaction::new(std::mem::take(&mut recovered.dirty), recovered.log_bytes, log_bytes_min);
    let policies = WrittenPolicies::new(std::mem::take(&mut recovered.policies), last_seq);
    let stores = Stores::new(recovered, &recorder);
    file.set_busy_timeout(BUSY_TIMEOUT)?;
    let writer = Writer { file, recorder: Arc::clone(&recorder), stores: stores.clone(), compaction, policies, lock };
    let thread = thread::Builder::new().name("token-budget-disk".into()).spawn(move || writer.run());
    thread.map_err(|error| unavailable(format!("storage: cannot start a thread: {error}")))?;
    Ok(DiskStore { path, recorder, stores })
}
