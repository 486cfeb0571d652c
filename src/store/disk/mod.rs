//! The embedded store kept on disk.
//!
//! Decisions are pure functions of (state, now, request), so the store on disk is the one in memory and a journal
//! of what was asked of it. Everything that waits is written by one thread in one transaction of an SQLite file,
//! and is durable when that transaction is synced; `docs/storage.md` tells the layout and what is promised.

pub(crate) mod asked;
mod checksum;
mod compaction;
mod dirty;
mod entry;
mod file;
pub(crate) mod journal;
pub(crate) mod kept;
pub(crate) mod kind;
mod named;
mod open;
mod policies;
mod process_lock;
mod recorder;
mod recovery;
mod rows;
mod stores;
mod transaction;
mod watcher;
mod writer;
mod written_policies;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::recorder::Recorder;
use self::stores::Stores;
use crate::domain::error::StoreError;
use crate::store::memory::MemoryStore;
use crate::store::memory::breakers::MemoryBreakers;
use crate::store::memory::credentials::MemoryPools;
use crate::store::memory::rate_limit::MemoryLimiters;
use crate::store::memory::timers::MemoryTimers;

pub use recorder::WAITING_BYTES_MAX;
pub use watcher::Watcher;

/// Everything that is kept in one file. What is asked of its stores is recorded; an answer is to be believed when
/// what was recorded until then is durable.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use token_budget::domain::identifier::OrchestratorId;
/// use token_budget::domain::rate_limit::amounts::Amounts;
/// use token_budget::domain::rate_limit::decide::Ask;
/// use token_budget::domain::rate_limit::operation::Priority;
/// use token_budget::domain::rate_limit::terms::Policy;
/// use token_budget::store::disk::DiskStore;
///
/// let folder = std::env::temp_dir().join(format!("token-budget-example-{}", std::process::id()));
/// std::fs::create_dir_all(&folder).unwrap();
/// let patience = Duration::from_secs(10);
///
/// let store = DiskStore::open(&folder.join("state.db"), patience).unwrap();
/// let (openai, policy, amounts) = (OrchestratorId::new("openai").unwrap(), Policy::default(), Amounts::call(9, 9));
/// let ask = Ask { id: "p1", amounts, priority: Priority::Normal, agent: "", wait: false };
/// Arc::clone(store.limiters()).limiter(openai).acquire(0, "client", &policy, &ask);
/// assert!(store.wait_durable(store.written_seq(), patience));
/// assert_eq!(DiskStore::close(store, patience), 0);
///
/// let store = DiskStore::open(&folder.join("state.db"), patience).unwrap();
/// assert_eq!(store.limiters().len(), 1);
/// # DiskStore::close(store, patience);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// ```
pub struct DiskStore {
    path: PathBuf,
    recorder: Arc<Recorder>,
    stores: Stores,
}

impl DiskStore {
    pub fn budgets(&self) -> &Arc<MemoryStore> {
        &self.stores.budgets
    }

    pub fn limiters(&self) -> &Arc<MemoryLimiters> {
        &self.stores.limiters
    }

    pub fn pools(&self) -> &Arc<MemoryPools> {
        &self.stores.pools
    }

    pub fn timers(&self) -> &Arc<MemoryTimers> {
        &self.stores.timers
    }

    pub fn breakers(&self) -> &Arc<MemoryBreakers> {
        &self.stores.breakers
    }

    /// The number of the last entry. Read after an answer, it is not less than that of the last entry which the
    /// answer depends on.
    pub fn written_seq(&self) -> u64 {
        self.recorder.written_seq()
    }

    /// Every entry up to this one is on the disk.
    pub fn durable_seq(&self) -> u64 {
        self.recorder.durable_seq()
    }

    /// Waits until `seq` is durable; `false`: it was not within `timeout`.
    pub fn wait_durable(&self, seq: u64, timeout: Duration) -> bool {
        self.recorder.wait_durable(seq, timeout)
    }

    /// Why commits fail at present; empty: they don't. They are tried again and again.
    pub fn failure(&self) -> String {
        self.recorder.failure()
    }

    /// Whether anything may be asked that changes something. To be asked before: what is applied is recorded.
    ///
    /// # Errors
    ///
    /// [`WAITING_BYTES_MAX`] wait for the disk already.
    pub fn accept(&self) -> Result<(), StoreError> {
        self.recorder.accept()
    }

    /// Wakes `watcher` whenever what is durable, or why nothing becomes durable, has changed.
    pub fn watch(&self, watcher: &Watcher) {
        self.recorder.watch(watcher);
    }

    /// Lets go of the store, and waits until what was recorded is durable; who is the last one to let go, until the
    /// file is tidied up and closed. Answers how many entries are not durable after `timeout`.
    pub fn close(store: Arc<Self>, timeout: Duration) -> u64 {
        let until = Instant::now() + timeout;
        let recorder = Arc::clone(&store.recorder);
        let seq = recorder.written_seq();
        let others = Arc::downgrade(&store);
        recorder.be_patient(timeout);
        drop(store);
        recorder.wait_durable(seq, timeout);
        if others.strong_count() == 0 {
            recorder.wait_ended(until.saturating_duration_since(Instant::now()));
        }
        seq.saturating_sub(recorder.durable_seq())
    }
}

/// Whoever is the last to let go ends the writer, which writes what waits before.
impl Drop for DiskStore {
    fn drop(&mut self) {
        open::forget(&self.path);
        self.recorder.stop();
    }
}
