//! The stores in memory that one file keeps.

use std::sync::Arc;

use super::journal::Journal;
use super::kept::Keeper;
use super::kind::Kind;
use super::recorder::Recorder;
use super::recovery::Recovered;
use crate::clock::SystemClock;
use crate::store::memory::MemoryStore;
use crate::store::memory::breakers::MemoryBreakers;
use crate::store::memory::credentials::MemoryPools;
use crate::store::memory::rate_limit::MemoryLimiters;
use crate::store::memory::timers::MemoryTimers;

#[derive(Clone)]
pub(super) struct Stores {
    pub budgets: Arc<MemoryStore>,
    pub limiters: Arc<MemoryLimiters>,
    pub pools: Arc<MemoryPools>,
    pub timers: Arc<MemoryTimers>,
    pub breakers: Arc<MemoryBreakers>,
}

impl Stores {
    pub fn new(recovered: Recovered, recorder: &Arc<Recorder>) -> Self {
        let journal = |kind| Journal::new(Arc::clone(recorder), kind);
        let clock = Arc::new(SystemClock);
        Self {
            budgets: Arc::new(MemoryStore::journaled(clock, journal(Kind::Budgets), recovered.budgets)),
            limiters: Arc::new(MemoryLimiters::journaled(journal(Kind::Limiters), recovered.limiters)),
            pools: Arc::new(MemoryPools::journaled(journal(Kind::Pools), recovered.pools)),
            timers: Arc::new(MemoryTimers::journaled(journal(Kind::Timers), recovered.timers)),
            breakers: Arc::new(MemoryBreakers::journaled(journal(Kind::Breakers), recovered.breakers)),
        }
    }

    pub fn keeper(&self, kind: Kind) -> &dyn Keeper {
        match kind {
            Kind::Budgets => &*self.budgets,
            Kind::Limiters => &*self.limiters,
            Kind::Pools => &*self.pools,
            Kind::Timers => &*self.timers,
            Kind::Breakers => &*self.breakers,
        }
    }
}
