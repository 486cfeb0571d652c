//! The one thread that writes: everything that waits, in one transaction, again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::compaction::{Compaction, OldLog, STALE_PARTS, Snapshot};
use super::entry::Entry;
use super::file::StoreFile;
use super::kind::Kind;
use super::policies::Interned;
use super::process_lock::ProcessLock;
use super::recorder::{Recorder, Taken, Work};
use super::rows::StateOf;
use super::stores::Stores;
use super::transaction::Written;
use super::written_policies::WrittenPolicies;
use crate::domain::identifier::OrchestratorId;

/// Before a commit that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// A row of the log is not much longer.
const ROW_BYTES: usize = 1 << 20;

/// Rows of old log that one commit deletes.
const OLD_ROWS: usize = 64;

pub(super) struct Writer {
    pub file: StoreFile,
    pub recorder: Arc<Recorder>,
    pub stores: Stores,
    pub compaction: Compaction,
    pub policies: WrittenPolicies,
    /// Held until the file is closed.
    pub lock: ProcessLock,
}

/// One transaction.
struct Job {
    taken: Taken,
    rows: Vec<Row>,
    policies: Vec<(u32, Arc<Interned>)>,
    snapshots: Vec<Snapshot>,
    /// A large state, and since when what it was is of no use.
    stale: Option<(Kind, OrchestratorId, u64)>,
    /// What was in the log before.
    old_log: Option<u64>,
    old_policies: Vec<u32>,
}

struct Row {
    first_seq: u64,
    last_seq: u64,
    entries: Vec<u8>,
}

impl Writer {
    pub fn run(mut self) {
        loop {
            match self.recorder.wait_for_work(self.compaction.is_idle()) {
                Work::Write => {
                    let job = self.next_job(false);
                    self.commit(job);
                }
                Work::Stop { until } => break self.finish(until),
            }
        }
        let Self { file, recorder, lock, .. } = self;
        file.close();
        drop(lock);
        recorder.ended();
    }

    /// Writes what waits and every state that has changed, so that the next one to open has nothing to decide anew.
    /// That is done with patience only; what waits is written as long as the disk takes it.
    fn finish(&mut self, until: Instant) {
        let mut is_tidying = false;
        loop {
            let is_late = Instant::now() >= until;
            // Entries change states: only when the last one is noted are all known that have changed.
            let begins = !is_tidying && !is_late && self.recorder.is_empty();
            is_tidying |= begins;
            let job = self.next_job(begins);
            let is_tidy = is_tidying && job.is_empty() && self.compaction.is_idle();
            let is_done = job.taken.entries.is_empty() && (is_late || is_tidy);
            if is_done || !self.commit(job) {
                return;
            }
        }
    }

    fn next_job(&mut self, is_last: bool) -> Job {
        // First the states, then the entries: so all that the states contain is committed with them.
        let recorder = Arc::clone(&self.recorder);
        let snapshots = self.compaction.portion(&self.stores, &|| recorder.written_seq(), is_last);
        let taken = self.recorder.take();
        let entries = taken.entries.iter().map(|entry| (entry.kind, &entry.key));
        self.compaction.note(taken.first_seq, entries, &snapshots);
        let old_log = self.compaction.old_log(taken.first_seq);
        let (rows, policies) = self.rows(&taken);
        let cleaned_before = self.compaction.take_cleaned();
        let old_policies = cleaned_before.map_or(Vec::new(), |seq| self.policies.take_old(seq));
        let stale = self.compaction.next_stale();
        Job { taken, rows, policies, snapshots, stale, old_log, old_policies }
    }

    fn rows(&mut self, taken: &Taken) -> (Vec<Row>, Vec<(u32, Arc<Interned>)>) {
        let (mut rows, mut policies): (Vec<Row>, _) = (Vec::new(), Vec::new());
        let mut from = 0;
        for (seq, entry) in (taken.first_seq..).zip(&taken.entries) {
            let policy = entry.policy.as_ref().map_or(0, |policy| self.policies.id(policy, seq, &mut policies));
            let asked = taken.bytes.get(from..entry.end).unwrap_or_default();
            from = entry.end;
            let row = match rows.last_mut() {
                Some(row) if row.entries.len() < ROW_BYTES => row,
                _ => {
                    rows.push(Row { first_seq: seq, last_seq: seq, entries: Vec::new() });
                    let last = rows.len() - 1;
                    &mut rows[last]
                }
            };
            row.last_seq = seq;
            Entry { kind: entry.kind, key: entry.key.encoded(), policy, asked }.write(&mut row.entries);
        }
        (rows, policies)
    }

    fn note_deleted(&mut self, job: &Job, deleted: &Deleted) {
        if deleted.stale_is_gone {
            self.compaction.stale_is_gone();
        }
        for snapshot in deleted.large.iter().filter_map(|index| job.snapshots.get(*index)) {
            self.compaction.note_stale(snapshot.kind, snapshot.key.clone(), snapshot.seq);
        }
    }

    /// Tries until it is written; `false`: the writer had to give up.
    fn commit(&mut self, job: Job) -> bool {
        loop {
            let mut deleted = Deleted::default();
            let committed = self.file.commit(|file| {
                deleted = job.write(file)?;
                Ok(())
            });
            match committed {
                Ok(()) => {
                    self.note_deleted(&job, &deleted);
                    let added = job.rows.iter().map(|row| row.entries.len()).sum();
                    self.compaction.committed(added, job.old_log.is_some().then_some(deleted.log));
                    if !job.taken.entries.is_empty() {
                        self.recorder.committed(&job.taken);
                    }
                    self.file.carry_over(job.written_bytes());
                    return true;
                }
                Err(error) => self.recorder.failed(error.to_string()),
            }
            if self.recorder.stop_at().is_some_and(|until| Instant::now() >= until) {
                return false;
            }
            self.recorder.rest(RETRY_PAUSE);
        }
    }
}

/// What a commit deleted.
#[derive(Default)]
struct Deleted {
    log: OldLog,
    /// Something is left of what these states were before.
    large: Vec<usize>,
    /// Nothing is left of the state that was large before.
    stale_is_gone: bool,
}

impl Job {
    fn is_empty(&self) -> bool {
        self.taken.entries.is_empty()
            && self.snapshots.is_empty()
            && self.stale.is_none()
            && self.old_log.is_none()
            && self.old_policies.is_empty()
    }

    /// About what it takes in SQLite's write-ahead log: a page at least for each row.
    fn written_bytes(&self) -> usize {
        const PAGE_BYTES: usize = 4_096;
        let states = self.snapshots.iter().map(|snapshot| snapshot.bytes.len());
        let rows = self.rows.iter().map(|row| row.entries.len());
        states.chain(rows).map(|bytes| bytes + PAGE_BYTES).sum()
    }

    fn write(&self, file: &Written<'_>) -> rusqlite::Result<Deleted> {
        let mut deleted = Deleted::default();
        for (id, policy) in &self.policies {
            file.put_policy(*id, policy.kind as u8, &policy.bytes)?;
        }
        for row in &self.rows {
            file.put_log(row.first_seq, row.last_seq, &row.entries)?;
        }
        for (index, snapshot) in self.snapshots.iter().enumerate() {
            let Snapshot { kind, key, seq, part, parts, bytes } = snapshot;
            let of = StateOf { kind: *kind as u8, key: key.encoded(), seq: *seq };
            if *parts > 0 {
                file.put_part(&of, *part, *parts, bytes)?;
            }
            if snapshot.is_last() && file.delete_states_before(&of, STALE_PARTS)? {
                deleted.large.push(index);
            }
        }
        if let Some((kind, key, seq)) = &self.stale {
            let of = StateOf { kind: *kind as u8, key: key.encoded(), seq: *seq };
            deleted.stale_is_gone = !file.delete_states_before(&of, STALE_PARTS)?;
        }
        if let Some(before_seq) = self.old_log {
            deleted.log = match file.delete_log(before_seq, OLD_ROWS)? {
                Some(bytes) => OldLog::Removed(bytes),
                // A row is there as long as one of its entries is needed. Where its first ones belong to states that were
                // forgotten, they are replayed.
                None => OldLog::Gone { kept_from_seq: file.first_logged_seq()?.unwrap_or(before_seq).min(before_seq) },
            };
        }
        for id in &self.old_policies {
            file.delete_policy(*id)?;
        }
        Ok(deleted)
    }
}
