//! What waits to be written, and how far it has been.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::kind::Kind;
use super::policies::{Interned, Policies};
use super::watcher::Watcher;
use crate::domain::error::{Applied, StoreError};
use crate::domain::identifier::OrchestratorId;

/// Bytes that may wait for the disk; what is asked beyond is refused.
pub const WAITING_BYTES_MAX: usize = 64 << 20;

/// What an entry costs in memory beside its bytes.
const ENTRY_OVERHEAD: usize = 96;

/// How long the writer tries at its end when the disk takes nothing, and how long it may tidy up, at least.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Between those who decide and the one who writes.
pub(crate) struct Recorder {
    queue: Mutex<Queue>,
    /// The writer sleeps on it.
    has_work: Condvar,
    policies: Arc<Policies>,
    written_seq: AtomicU64,
    durable_seq: AtomicU64,
    /// Of entries that are not durable.
    waiting_bytes: AtomicUsize,
    progress: Mutex<Progress>,
    /// Whoever waits for an entry sleeps on it.
    has_progressed: Condvar,
}

#[derive(Default)]
struct Queue {
    entries: Vec<Pending>,
    bytes: Vec<u8>,
    writer_sleeps: bool,
    /// The writer shall end, and try no longer than until then.
    stop_at: Option<Instant>,
    /// How long somebody waits for that.
    patience: Duration,
}

#[derive(Default)]
struct Progress {
    /// Why commits fail.
    failure: String,
    watchers: Vec<Watcher>,
    has_ended: bool,
}

/// One entry that waits. Their numbers follow one another.
pub(super) struct Pending {
    pub kind: Kind,
    pub key: OrchestratorId,
    pub policy: Option<Arc<Interned>>,
    /// Where its bytes end, which begin where those of the one before it end.
    pub end: usize,
}

/// Entries that are written together.
#[derive(Default)]
pub(super) struct Taken {
    pub first_seq: u64,
    pub entries: Vec<Pending>,
    pub bytes: Vec<u8>,
}

/// What the writer is to do.
pub(super) enum Work {
    Write,
    Stop { until: Instant },
}

impl Recorder {
    /// `last_seq`: of the last entry that is on the disk.
    pub fn new(last_seq: u64) -> Self {
        Self {
            queue: Mutex::default(),
            has_work: Condvar::new(),
            policies: Arc::default(),
            written_seq: AtomicU64::new(last_seq),
            durable_seq: AtomicU64::new(last_seq),
            waiting_bytes: AtomicUsize::new(0),
            progress: Mutex::default(),
            has_progressed: Condvar::new(),
        }
    }

    pub fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    pub fn written_seq(&self) -> u64 {
        self.written_seq.load(Ordering::Acquire)
    }

    pub fn durable_seq(&self) -> u64 {
        self.durable_seq.load(Ordering::Acquire)
    }

    pub fn failure(&self) -> String {
        self.progress().failure.clone()
    }

    /// Whether more may be asked.
    pub fn accept(&self) -> Result<(), StoreError> {
        if self.waiting_bytes.load(Ordering::Relaxed) < WAITING_BYTES_MAX {
            return Ok(());
        }
        let reason = match self.failure() {
            reason if reason.is_empty() => "the disk is too slow".to_owned(),
            reason => reason,
        };
        let message = format!("storage: {} MiB wait to be written: {reason}", WAITING_BYTES_MAX >> 20);
        Err(StoreError::Unavailable { message, applied: Applied::No })
    }

    /// Writes an entry down.
    pub fn append(&self, kind: Kind, key: &OrchestratorId, policy: Option<Arc<Interned>>, entry: &[u8]) {
        let mut queue = self.queue();
        queue.bytes.extend_from_slice(entry);
        let end = queue.bytes.len();
        queue.entries.push(Pending { kind, key: key.clone(), policy, end });
        self.waiting_bytes.fetch_add(entry.len() + ENTRY_OVERHEAD, Ordering::Relaxed);
        self.written_seq.fetch_add(1, Ordering::Release);
        if std::mem::take(&mut queue.writer_sleeps) {
            drop(queue);
            self.has_work.notify_one();
        }
    }

    /// Waits until there is something to write or to do; `is_idle`: nothing else is to be done meanwhile.
    pub(super) fn wait_for_work(&self, is_idle: bool) -> Work {
        let mut queue = self.queue();
        loop {
            if let Some(until) = queue.stop_at {
                return Work::Stop { until };
            }
            if !queue.entries.is_empty() || !is_idle {
                return Work::Write;
            }
            queue.writer_sleeps = true;
            queue = self.has_work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether nothing waits to be taken.
    pub(super) fn is_empty(&self) -> bool {
        self.queue().entries.is_empty()
    }

    /// Everything that waits.
    pub(super) fn take(&self) -> Taken {
        let mut queue = self.queue();
        let entries = std::mem::take(&mut queue.entries);
        let bytes = std::mem::take(&mut queue.bytes);
        // Nobody appends without the queue.
        let first_seq = self.written_seq() + 1 - entries.len() as u64;
        Taken { first_seq, entries, bytes }
    }

    /// What was taken is durable.
    pub(super) fn committed(&self, taken: &Taken) {
        let waited = taken.bytes.len() + taken.entries.len() * ENTRY_OVERHEAD;
        self.waiting_bytes.fetch_sub(waited, Ordering::Relaxed);
        let last_seq = taken.first_seq + taken.entries.len() as u64 - 1;
        self.durable_seq.fetch_max(last_seq, Ordering::AcqRel);
        self.tell(|progress| progress.failure.clear());
    }

    pub(super) fn failed(&self, reason: String) {
        if self.progress().failure != reason {
            self.tell(|progress| progress.failure = reason);
        }
    }

    /// Pauses before a commit is tried again; ends early when the writer shall end.
    pub(super) fn rest(&self, pause: Duration) {
        let queue = self.queue();
        if queue.stop_at.is_none() {
            let _ = self.has_work.wait_timeout(queue, pause);
        } else {
            drop(queue);
            std::thread::sleep(pause.min(Duration::from_millis(50)));
        }
    }

    /// Until when the writer may try before it has to give up; `None`: for ever.
    pub(super) fn stop_at(&self) -> Option<Instant> {
        self.queue().stop_at
    }

    /// Nobody writes any more.
    pub(super) fn ended(&self) {
        self.tell(|progress| progress.has_ended = true);
    }

    /// Somebody will wait for the end for so long.
    pub fn be_patient(&self, patience: Duration) {
        let mut queue = self.queue();
        queue.patience = queue.patience.max(patience);
    }

    /// The writer writes what waits and ends.
    pub fn stop(&self) {
        let mut queue = self.queue();
        let patience = queue.patience.max(STOP_PATIENCE);
        queue.stop_at.get_or_insert(Instant::now() + patience);
        drop(queue);
        self.has_work.notify_one();
    }

    /// Waits until `seq` is durable; `false`: it was not within `timeout`.
    pub fn wait_durable(&self, seq: u64, timeout: Duration) -> bool {
        self.wait(timeout, |_| self.durable_seq() >= seq)
    }

    /// Waits until the writer has ended.
    pub fn wait_ended(&self, timeout: Duration) -> bool {
        self.wait(timeout, |progress| progress.has_ended)
    }

    pub fn watch(&self, watcher: &Watcher) {
        self.progress().watchers.push(watcher.clone());
    }

    fn wait(&self, timeout: Duration, is_there: impl Fn(&Progress) -> bool) -> bool {
        let waits = |progress: &mut Progress| !is_there(progress);
        let waited = self.has_progressed.wait_timeout_while(self.progress(), timeout, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn tell(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress();
        change(&mut progress);
        progress.watchers.retain(|watcher| !watcher.has_ended());
        progress.watchers.iter().for_each(Watcher::wake);
        drop(progress);
        self.has_progressed.notify_all();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here can stop halfway: a queue left by a panic is still whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
