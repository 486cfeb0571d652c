//! Reads what is on the disk and decides anew what was asked since.

use std::collections::HashMap;

use super::dirty::Dirty;
use super::entry::Entry;
use super::file::StoreFile;
use super::kept::{Kept, Replayed, Restored};
use super::kind::Kind;
use super::rows::{LogRow, PolicyRow, StateRow};
use crate::domain::breakers::decide::BreakerState;
use crate::domain::credentials::decide::PoolState;
use crate::domain::decide::OrchestratorState;
use crate::domain::error::StoreError;
use crate::domain::identifier::OrchestratorId;
use crate::domain::rate_limit::decide::LimiterState;
use crate::domain::timers::decide::ShardState;

/// Everything a file told.
pub(super) struct Recovered {
    pub budgets: Restored<OrchestratorState>,
    pub limiters: Restored<LimiterState>,
    pub pools: Restored<PoolState>,
    pub timers: Restored<ShardState>,
    pub breakers: Restored<BreakerState>,
    /// The last entry there is.
    pub last_seq: u64,
    /// States that have entries in the log.
    pub dirty: Dirty,
    pub log_bytes: usize,
    /// Policies of the log.
    pub policies: Vec<u32>,
}

/// States of one kind while they are read, each with the last entry that it contains.
struct Reader<S: Kept> {
    states: HashMap<OrchestratorId, (u64, S)>,
    policies: HashMap<u32, S::Policy>,
}

impl<S: Kept> Default for Reader<S> {
    fn default() -> Self {
        Self { states: HashMap::new(), policies: HashMap::new() }
    }
}

pub(super) fn recover(file: &StoreFile) -> Result<Recovered, StoreError> {
    let mut budgets = Reader::<OrchestratorState>::default();
    let mut limiters = Reader::<LimiterState>::default();
    let mut pools = Reader::<PoolState>::default();
    let mut timers = Reader::<ShardState>::default();
    let mut breakers = Reader::<BreakerState>::default();
    let (mut last_seq, mut log_bytes, mut policies) = (0, 0, Vec::new());
    let mut dirty = Dirty::default();
    file.states(|row| {
        last_seq = last_seq.max(row.seq);
        match kind(row.kind)? {
            Kind::Budgets => budgets.read_state(row),
            Kind::Limiters => limiters.read_state(row),
            Kind::Pools => pools.read_state(row),
            Kind::Timers => timers.read_state(row),
            Kind::Breakers => breakers.read_state(row),
        }
    })?;
    file.policies(|row| {
        policies.push(row.id);
        match kind(row.kind)? {
            Kind::Budgets => budgets.read_policy(row),
            Kind::Limiters => limiters.read_policy(row),
            Kind::Pools => pools.read_policy(row),
            Kind::Timers => timers.read_policy(row),
            Kind::Breakers => breakers.read_policy(row),
        }
    })?;
    file.log(|LogRow { first_seq, last_seq: row_seq, entries }| {
        last_seq = last_seq.max(row_seq);
        log_bytes += entries.len();
        let mut rest = &*entries;
        for seq in first_seq..=row_seq {
            let (entry, after) = Entry::read(rest).ok_or("an entry of the log is cut off")?;
            rest = after;
            let key = key(entry.key)?;
            let is_new = match entry.kind {
                Kind::Budgets => budgets.replay(seq, &key, &entry),
                Kind::Limiters => limiters.replay(seq, &key, &entry),
                Kind::Pools => pools.replay(seq, &key, &entry),
                Kind::Timers => timers.replay(seq, &key, &entry),
                Kind::Breakers => breakers.replay(seq, &key, &entry),
            };
            if is_new? {
                dirty.mark(entry.kind, &key, seq);
            }
        }
        Ok(())
    })?;
    Ok(Recovered {
        budgets: budgets.restored(),
        limiters: limiters.restored(),
        pools: pools.restored(),
        timers: timers.restored(),
        breakers: breakers.restored(),
        last_seq,
        dirty,
        log_bytes,
        policies,
    })
}

impl<S: Kept> Reader<S> {
    fn read_state(&mut self, row: StateRow) -> Result<(), String> {
        let state = rmp_serde::from_slice(&row.state).map_err(|error| format!("state of {}: {error}", row.key))?;
        self.states.insert(key(&row.key)?, (row.seq, state));
        Ok(())
    }

    fn read_policy(&mut self, row: PolicyRow) -> Result<(), String> {
        let policy = rmp_serde::from_slice(&row.policy).map_err(|error| format!("policy {}: {error}", row.id))?;
        self.policies.insert(row.id, policy);
        Ok(())
    }

    /// `false`: the state contains the entry.
    fn replay(&mut self, seq: u64, key: &OrchestratorId, entry: &Entry<'_>) -> Result<bool, String> {
        if !self.states.contains_key(key) {
            self.states.insert(key.clone(), (0, S::default()));
        }
        let Some((contained_seq, state)) = self.states.get_mut(key) else { return Ok(false) };
        if *contained_seq >= seq {
            return Ok(false);
        }
        let asked = rmp_serde::from_slice(entry.asked).map_err(|error| format!("entry {seq}: {error}"))?;
        let policy = self.policies.get(&entry.policy);
        *contained_seq = seq;
        match state.replay(key, policy, asked) {
            Replayed::Done => {}
            Replayed::Forgotten => drop(self.states.remove(key)),
            Replayed::Unruled => return Err(format!("entry {seq}: there is no policy {}", entry.policy)),
        }
        Ok(true)
    }

    fn restored(self) -> Restored<S> {
        self.states.into_iter().map(|(key, (_, state))| (key, state)).collect()
    }
}

fn kind(number: u8) -> Result<Kind, String> {
    Kind::from_number(number).ok_or_else(|| format!("there is no kind {number}"))
}

fn key(encoded: &str) -> Result<OrchestratorId, String> {
    OrchestratorId::from_encoded(encoded).ok_or_else(|| format!("no key: {encoded}"))
}
