//! What is decided about one shard of timers, as a pure function of its state, an instant and a request.
//!
//! Every scheduled timer waits in exactly one place: among those that wait for their time, or among those that are
//! claimed until some instant. So none is lost, whoever dies when. Deliveries are kept in the same way.
//!
//! `src/store/redis/lua/timer_batch.lua` repeats this. Decisions depend on the instant and on data, never on whether
//! something has been forgotten yet: what has outlived its life counts as absent. There is no randomness in here and
//! no clock, so that replaying what was asked leads to the same state.

mod batch;
mod claim;
mod deliver;
mod delivery;
mod endpoints;
mod fire;
mod life;
mod list;
mod saved;
mod table;
mod take;
mod timer;

pub use self::claim::CLOCK_SLACK_MS;
pub use self::delivery::DISABLED_ERROR;

use self::delivery::Sending;
use self::endpoints::Disabled;
use self::table::Table;
use self::timer::Timers;

/// Everything known of one shard.
///
/// ```
/// use token_budget::domain::timers::decide::ShardState;
/// use token_budget::domain::timers::operation::*;
///
/// let ask = |shard: &mut ShardState, now_ms, operation| {
///     let receipt = shard.apply(now_ms, &Policy::default(), &[Request { operation, deadline_ms: None }]);
///     (receipt.outcomes[0].clone().unwrap(), receipt.next_due_ms)
/// };
/// let timer = NewTimer {
///     id: "t1".into(),
///     name: "GitHub API Reset".into(),
///     owner: "".into(),
///     due: Due::In(5_000),
///     document_json: "{}".into(),
///     recurrence_json: "".into(),
///     nonce: "n1".into(),
///     fingerprint: "f1".into(),
/// };
/// let mut shard = ShardState::default();
/// let (_, next_due_ms) = ask(&mut shard, 1_000, Operation::Create(timer));
/// assert_eq!(next_due_ms, Some(6_000));
///
/// let claim = Operation::Claim { holder: "p1".into(), lease_ms: 30_000, timers: 10, deliveries: 0 };
/// let (early, _) = ask(&mut shard, 5_999, claim.clone());
/// assert!(matches!(early, Outcome::Claimed { timers, .. } if timers.is_empty()));
/// let (due, next_due_ms) = ask(&mut shard, 6_000, claim);
/// assert!(matches!(due, Outcome::Claimed { timers, .. } if timers.len() == 1));
/// assert_eq!(next_due_ms, Some(36_000));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShardState {
    timers: Timers,
    deliveries: Table<Sending>,
    disabled: Disabled,
    /// When somebody last got or renewed a claim.
    claimed_at_ms: u64,
}

/// How much a shard keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    pub scheduled: usize,
    pub ended: usize,
    pub deliveries: usize,
    pub dead: usize,
}

impl std::ops::AddAssign for Footprint {
    fn add_assign(&mut self, other: Self) {
        self.scheduled += other.scheduled;
        self.ended += other.ended;
        self.deliveries += other.deliveries;
        self.dead += other.dead;
    }
}

impl ShardState {
    /// When something is due next: a timer, a delivery, or the end of a claim.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.timers.table.next_due_ms().into_iter().chain(self.deliveries.next_due_ms()).min()
    }

    /// Whether it could as well not exist.
    pub fn is_blank(&self) -> bool {
        self.timers.table.len() == 0 && self.deliveries.len() == 0 && self.disabled.is_empty()
    }

    pub fn footprint(&self) -> Footprint {
        let (ended, dead) = (self.timers.table.over_count(), self.deliveries.over_count());
        Footprint { scheduled: self.timers.table.len() - ended, ended, deliveries: self.deliveries.len() - dead, dead }
    }
}

#[cfg(test)]
mod tests;
