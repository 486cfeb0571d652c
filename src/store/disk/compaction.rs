//! When states are written, so that the log does not grow for ever.
//!
//! A round writes every state that has changed before it began, a portion with each commit, and lets go of the log
//! up to there. The next round begins when the log is as long as what the last one wrote: a byte of log costs at
//! most about a byte of states.

use std::collections::HashMap;

use super::dirty::Dirty;
use super::kind::Kind;
use super::stores::Stores;
use crate::domain::identifier::OrchestratorId;

/// A log shorter than that is read in a moment.
pub(super) const LOG_BYTES_MIN: usize = 8 << 20;

/// What one commit writes beside its entries, so that nobody waits long for it.
const PORTION_BYTES: usize = 1 << 20;
const PORTION_STATES: usize = 256;

/// A state as it is to be written; `None`: there is none any more.
pub(super) struct Snapshot {
    pub kind: Kind,
    pub key: OrchestratorId,
    pub seq: u64,
    pub state: Option<Vec<u8>>,
}

pub(super) struct Compaction {
    dirty: Dirty,
    log_bytes: usize,
    /// How long the log may get, and may always get.
    log_bytes_max: usize,
    log_bytes_min: usize,
    round: Option<Round>,
    /// The log may begin with what nobody needs.
    has_old_log: bool,
    /// No entry before this one is in the log any more, so nothing it needs has to be kept.
    cleaned_before: Option<u64>,
}

struct Round {
    /// States that changed later are left to the next.
    until_seq: u64,
    bytes: usize,
}

impl Compaction {
    pub fn new(dirty: Dirty, log_bytes: usize, log_bytes_min: usize) -> Self {
        let has_old_log = log_bytes > 0;
        let (log_bytes_max, round, cleaned_before) = (log_bytes_min, None, None);
        Self { dirty, log_bytes, log_bytes_max, log_bytes_min, round, has_old_log, cleaned_before }
    }

    /// Whether there is something to do beside new entries.
    pub fn is_idle(&self) -> bool {
        self.round.is_none() && !self.has_old_log && self.cleaned_before.is_none()
    }

    /// The states to be written now. Every entry up to `written_seq` is committed with them or was before: so a file
    /// never tells of one state what it does not tell of another.
    pub fn portion(&mut self, stores: &Stores, written_seq: &dyn Fn() -> u64, is_last: bool) -> Vec<Snapshot> {
        if is_last || self.round.is_none() && self.log_bytes >= self.log_bytes_max {
            self.round.get_or_insert(Round { until_seq: 0, bytes: 0 }).until_seq = written_seq();
        }
        let (mut snapshots, mut bytes) = (Vec::new(), 0);
        let Some(round) = &mut self.round else { return snapshots };
        while bytes < PORTION_BYTES && snapshots.len() < PORTION_STATES {
            let Some((kind, key)) = self.dirty.pop(round.until_seq) else {
                round.bytes += bytes;
                self.log_bytes_max = round.bytes.max(self.log_bytes_min);
                self.round = None;
                self.has_old_log = true;
                return snapshots;
            };
            let (seq, state) = stores.keeper(kind).dump(&key, written_seq);
            bytes += state.as_ref().map_or(0, Vec::len);
            snapshots.push(Snapshot { kind, key, seq, state });
        }
        round.bytes += bytes;
        snapshots
    }

    /// Notes entries that are to be committed together with `snapshots`.
    pub fn note<'e>(
        &mut self,
        first_seq: u64,
        entries: impl Iterator<Item = (Kind, &'e OrchestratorId)>,
        snapshots: &[Snapshot],
    ) {
        let contained: HashMap<_, _> =
            snapshots.iter().map(|snapshot| ((snapshot.kind, &snapshot.key), snapshot.seq)).collect();
        for (seq, (kind, key)) in (first_seq..).zip(entries) {
            let is_contained = !contained.is_empty() && contained.get(&(kind, key)).is_some_and(|last| seq <= *last);
            if !is_contained {
                self.dirty.mark(kind, key, seq);
            }
        }
    }

    /// Entries before this one are in the log for nothing; `None`: nobody looks for them now. `next_seq`: of the
    /// next entry that will be committed.
    pub fn old_log(&self, next_seq: u64) -> Option<u64> {
        self.has_old_log.then(|| self.dirty.first_seq().map_or(next_seq, |seq| seq.min(next_seq)))
    }

    /// What only entries before this one need can be deleted. Told once.
    pub fn take_cleaned(&mut self) -> Option<u64> {
        self.cleaned_before.take()
    }

    /// `added` bytes stand in the log. `old_log`: what was looked for, and the bytes of it that are there no more;
    /// `None`: none was left.
    pub fn committed(&mut self, added: usize, old_log: Option<(u64, Option<usize>)>) {
        self.log_bytes += added;
        match old_log {
            Some((_, Some(removed))) => self.log_bytes = self.log_bytes.saturating_sub(removed),
            Some((before_seq, None)) => {
                self.has_old_log = false;
                self.cleaned_before = Some(before_seq);
            }
            None => {}
        }
    }
}
