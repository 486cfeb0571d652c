//! When states are written, so that the log does not grow for ever.
//!
//! A round writes every state that has changed before it began, a portion with each commit, and lets go of the log
//! up to there. The next round begins when the log is twice as long as what the last one wrote: a byte of log costs
//! half a byte of states.

use std::collections::{HashMap, VecDeque};

use super::dirty::Dirty;
use super::kind::Kind;
use super::stores::Stores;
use crate::domain::identifier::OrchestratorId;

/// A log shorter than that is read in a moment.
pub(super) const LOG_BYTES_MIN: usize = 8 << 20;

/// What one commit writes beside its entries, so that nobody waits long for it.
const PORTION_BYTES: usize = 1 << 20;
const PORTION_STATES: usize = 256;

/// What one row holds of a state.
const PART_BYTES: usize = 1 << 20;

/// Parts of what a state was before that are deleted with one commit.
pub(super) const STALE_PARTS: usize = 8;

/// A part of a state as it is to be written, a large one over several commits.
pub(super) struct Snapshot {
    pub kind: Kind,
    pub key: OrchestratorId,
    pub seq: u64,
    pub part: usize,
    /// 0: there is no such state any more.
    pub parts: usize,
    pub bytes: Vec<u8>,
}

impl Snapshot {
    /// With this part the state is whole.
    pub fn is_last(&self) -> bool {
        self.part + 1 >= self.parts
    }
}

/// What a commit did with entries that nobody needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum OldLog {
    /// So many bytes of them are there no more.
    Removed(usize),
    /// No row is left that holds such entries only. No entry before this one is there.
    Gone { kept_from_seq: u64 },
}

impl Default for OldLog {
    fn default() -> Self {
        OldLog::Removed(0)
    }
}

/// A state that is being written.
struct Writing {
    kind: Kind,
    key: OrchestratorId,
    seq: u64,
    /// The oldest entry that is needed until it is whole.
    first_seq: u64,
    state: Vec<u8>,
    next_part: usize,
}

pub(super) struct Compaction {
    dirty: Dirty,
    log_bytes: usize,
    /// How long the log may get, and may always get.
    log_bytes_max: usize,
    log_bytes_min: usize,
    portion_bytes: usize,
    part_bytes: usize,
    round: Option<Round>,
    writing: Option<Writing>,
    /// States that were large before: what they were is deleted bit by bit.
    stale: VecDeque<(Kind, OrchestratorId, u64)>,
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
        Self {
            dirty,
            log_bytes,
            log_bytes_max: log_bytes_min,
            log_bytes_min,
            portion_bytes: log_bytes_min.min(PORTION_BYTES),
            part_bytes: (log_bytes_min / 4).min(PART_BYTES),
            round: None,
            writing: None,
            stale: VecDeque::new(),
            has_old_log,
            cleaned_before: None,
        }
    }

    /// Whether there is something to do beside new entries.
    pub fn is_idle(&self) -> bool {
        self.round.is_none() && self.stale.is_empty() && !self.has_old_log && self.cleaned_before.is_none()
    }

    /// The states to be written now. Every entry up to `written_seq` is committed with them or was before: so a file
    /// never tells of one state what it does not tell of another.
    pub fn portion(&mut self, stores: &Stores, written_seq: &dyn Fn() -> u64, is_last: bool) -> Vec<Snapshot> {
        if is_last || self.round.is_none() && self.log_bytes >= self.log_bytes_max {
            self.round.get_or_insert(Round { until_seq: 0, bytes: 0 }).until_seq = written_seq();
        }
        let (mut snapshots, mut bytes) = (Vec::new(), 0);
        let Some(until_seq) = self.round.as_ref().map(|round| round.until_seq) else { return snapshots };
        let mut is_over = false;
        while !is_over && bytes < self.portion_bytes && snapshots.len() < PORTION_STATES {
            if let Some(snapshot) = self.next_part() {
                bytes += snapshot.bytes.len();
                snapshots.push(snapshot);
            } else if let Some((kind, key, first_seq)) = self.dirty.pop(until_seq) {
                let (seq, state) = stores.keeper(kind).dump(&key, written_seq);
                match state {
                    Some(state) => self.writing = Some(Writing { kind, key, seq, first_seq, state, next_part: 0 }),
                    None => snapshots.push(Snapshot { kind, key, seq, part: 0, parts: 0, bytes: Vec::new() }),
                }
            } else {
                is_over = true;
            }
        }
        if let Some(round) = &mut self.round {
            round.bytes += bytes;
            if is_over {
                self.log_bytes_max = (2 * round.bytes).max(self.log_bytes_min);
                self.round = None;
                self.has_old_log = true;
            }
        }
        snapshots
    }

    /// The next part of the state that is being written.
    fn next_part(&mut self) -> Option<Snapshot> {
        let writing = self.writing.as_mut()?;
        let parts = writing.state.len().div_ceil(self.part_bytes).max(1);
        let (part, from) = (writing.next_part, writing.next_part * self.part_bytes);
        let bytes = writing.state[from..writing.state.len().min(from + self.part_bytes)].to_vec();
        writing.next_part += 1;
        let snapshot = Snapshot { kind: writing.kind, key: writing.key.clone(), seq: writing.seq, part, parts, bytes };
        if snapshot.is_last() {
            self.writing = None;
        }
        Some(snapshot)
    }

    /// A state that was larger than what one commit deletes.
    pub fn next_stale(&self) -> Option<(Kind, OrchestratorId, u64)> {
        self.stale.front().cloned()
    }

    /// More is left of what the state was before `seq`.
    pub fn note_stale(&mut self, kind: Kind, key: OrchestratorId, seq: u64) {
        self.stale.push_back((kind, key, seq));
    }

    /// Nothing is left of what the first one was.
    pub fn stale_is_gone(&mut self) {
        self.stale.pop_front();
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
        let needed = [self.dirty.first_seq(), self.writing.as_ref().map(|writing| writing.first_seq)];
        self.has_old_log.then(|| needed.into_iter().flatten().fold(next_seq, u64::min))
    }

    /// What only entries before this one need can be deleted. Told once.
    pub fn take_cleaned(&mut self) -> Option<u64> {
        self.cleaned_before.take()
    }

    /// `added` bytes stand in the log. `old_log`: what became of what was looked for.
    pub fn committed(&mut self, added: usize, old_log: Option<OldLog>) {
        self.log_bytes += added;
        match old_log {
            Some(OldLog::Removed(bytes)) => self.log_bytes = self.log_bytes.saturating_sub(bytes),
            Some(OldLog::Gone { kept_from_seq }) => {
                self.has_old_log = false;
                self.cleaned_before = Some(kept_from_seq);
            }
            None => {}
        }
    }
}
