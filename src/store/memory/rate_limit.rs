//! Limiters in the memory of this process.
//!
//! Answers at once. A lost reply cannot happen here, so receipts are not remembered; of tickets only the client
//! is looked at.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use dashmap::DashMap;

use super::schedule::Schedule;
use crate::domain::identifier::OrchestratorId;
use crate::domain::rate_limit::amounts::Amounts;
use crate::domain::rate_limit::decide::{Admission, Answered, Ask, LimiterState, Settlement};
use crate::domain::rate_limit::fast_map::FastHashing;
use crate::domain::rate_limit::operation::{Receipt, Signals, Verdict};
use crate::domain::rate_limit::terms::Policy;
use crate::store::RateLimitBatch;

/// Limiters each writing call looks after that may be forgotten: more than it can create.
const REVIEWS_PER_CALL: usize = 2;

/// Stores in use, for everyone in this process who asks by name.
static STORES: Mutex<Option<HashMap<String, Weak<MemoryLimiters>>>> = Mutex::new(None);

/// Limiters that live as long as the process; those that nobody uses any more are forgotten.
///
/// ```
/// use token_budget::domain::identifier::OrchestratorId;
/// use token_budget::domain::rate_limit::amounts::Amounts;
/// use token_budget::domain::rate_limit::decide::{Admission, Ask};
/// use token_budget::domain::rate_limit::operation::Priority;
/// use token_budget::domain::rate_limit::terms::Policy;
/// use token_budget::store::memory::rate_limit::MemoryLimiters;
///
/// let mut openai = MemoryLimiters::shared("fleet").limiter(OrchestratorId::new("openai").unwrap());
/// let (policy, amounts) = (Policy::default(), Amounts::call(100, 50));
/// let ask = Ask { id: "p1", amounts, priority: Priority::Normal, agent: "", wait: true };
/// let acquired = openai.acquire(0, "client", &policy, &ask);
/// assert!(matches!(acquired.answer, Admission::Granted { .. }));
/// assert!(openai.settle(5, "client", &policy, "p1", amounts, None).answer.known);
/// ```
#[derive(Default)]
pub struct MemoryLimiters {
    slots: DashMap<OrchestratorId, SharedSlot, FastHashing>,
    /// When to look whether a limiter can be forgotten.
    reviews: Schedule,
}

/// Whoever holds the lock of a slot may take those of the schedule, but none of the map.
type SharedSlot = Arc<Mutex<Slot>>;

/// One limiter, and when it is reviewed (`u64::MAX`: not at all).
struct Slot {
    state: LimiterState,
    review_at_ms: u64,
    /// It is not in the map any more: the limiter of this name is another one.
    is_forgotten: bool,
}

/// One limiter of a store. Where it lies is looked up once, not at every call.
pub struct MemoryLimiter {
    store: Arc<MemoryLimiters>,
    name: OrchestratorId,
    found: Option<SharedSlot>,
}

impl MemoryLimiters {
    /// The store called `name`, which everyone in this process who asks for it shares. It lives as long as
    /// somebody holds it.
    pub fn shared(name: &str) -> Arc<Self> {
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        let stores = stores.get_or_insert_default();
        if let Some(store) = stores.get(name).and_then(Weak::upgrade) {
            return store;
        }
        stores.retain(|_, store| store.strong_count() > 0);
        let store = Arc::new(Self::default());
        stores.insert(name.to_owned(), Arc::downgrade(&store));
        store
    }

    /// The limiter of this name. Nothing is made before it is written to.
    pub fn limiter(self: Arc<Self>, name: OrchestratorId) -> MemoryLimiter {
        MemoryLimiter { store: self, name, found: None }
    }

    /// Applies a batch at `now_ms`.
    pub fn apply_at(&self, batch: &RateLimitBatch, now_ms: u64) -> Receipt {
        let apply =
            |state: &mut LimiterState| state.apply(now_ms, &batch.ticket.client, &batch.policy, &batch.requests);
        match batch.requests.iter().any(|request| request.operation.writes()) {
            true => self.write(&batch.limiter, now_ms, apply),
            false => self.read(&batch.limiter, apply),
        }
    }

    /// Limiters that are kept.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A limiter that does not exist is not made by looking at it.
    fn read<T>(&self, limiter: &OrchestratorId, look: impl FnOnce(&mut LimiterState) -> T) -> T {
        let slot = self.slots.get(limiter).map(|slot| Arc::clone(&slot));
        match slot {
            Some(slot) => look(&mut lock(&slot).state),
            None => look(&mut LimiterState::default()),
        }
    }

    fn write<T>(&self, limiter: &OrchestratorId, now_ms: u64, decide: impl FnOnce(&mut LimiterState) -> T) -> T {
        self.write_to(&mut None, limiter, now_ms, decide)
    }

    /// `found`: the slot, where it is known already.
    #[inline]
    fn write_to<T>(
        &self,
        found: &mut Option<SharedSlot>,
        limiter: &OrchestratorId,
        now_ms: u64,
        decide: impl FnOnce(&mut LimiterState) -> T,
    ) -> T {
        let answer = loop {
            let mut slot = lock(found.get_or_insert_with(|| self.find(limiter)));
            if !slot.is_forgotten {
                let answer = decide(&mut slot.state);
                self.list(limiter, &mut slot);
                break answer;
            }
            drop(slot);
            *found = None;
        };
        self.review_some(now_ms);
        answer
    }

    #[cold]
    fn find(&self, limiter: &OrchestratorId) -> SharedSlot {
        if let Some(slot) = self.slots.get(limiter) {
            return Arc::clone(&slot);
        }
        let fresh = || Slot { state: LimiterState::default(), review_at_ms: u64::MAX, is_forgotten: false };
        let slot = self.slots.entry(limiter.clone()).or_insert_with(|| Arc::new(Mutex::new(fresh())));
        Arc::clone(&slot)
    }

    /// Sees to it that the limiter is reviewed, not later than it can be forgotten. Its life grows with each
    /// call; that is noticed when its turn comes.
    #[inline]
    fn list(&self, limiter: &OrchestratorId, slot: &mut Slot) {
        let life_until_ms = slot.state.life_until_ms();
        if life_until_ms < slot.review_at_ms {
            self.reviews.relist(limiter, slot.review_at_ms, life_until_ms);
            slot.review_at_ms = life_until_ms;
        }
    }

    #[inline]
    fn review_some(&self, now_ms: u64) {
        if self.reviews.soonest_ms() <= now_ms {
            self.review_due(now_ms);
        }
    }

    #[cold]
    fn review_due(&self, now_ms: u64) {
        for limiter in self.reviews.take_due(now_ms, REVIEWS_PER_CALL) {
            let removed = self.slots.remove_if(&limiter, |_, slot| {
                let mut slot = lock(slot);
                slot.is_forgotten = slot.state.life_until_ms() <= now_ms;
                slot.is_forgotten
            });
            if removed.is_some() {
                continue;
            }
            let slot = self.slots.get(&limiter).map(|slot| Arc::clone(&slot));
            if let Some(slot) = slot {
                let mut slot = lock(&slot);
                slot.review_at_ms = u64::MAX;
                self.list(&limiter, &mut slot);
            }
        }
    }
}

/// A decision that panicked is the caller's to hear of; the others go on.
#[inline]
fn lock(slot: &SharedSlot) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryLimiter {
    pub fn name(&self) -> &OrchestratorId {
        &self.name
    }

    /// See [`LimiterState::acquire`].
    pub fn acquire(&mut self, now_ms: u64, client: &str, policy: &Policy, ask: &Ask<'_>) -> Answered<Admission> {
        self.write(now_ms, |state| state.acquire(now_ms, client, policy, ask))
    }

    /// See [`LimiterState::settle`].
    pub fn settle(
        &mut self,
        now_ms: u64,
        client: &str,
        policy: &Policy,
        id: &str,
        used: Amounts,
        signals: Option<&Signals>,
    ) -> Answered<Settlement> {
        self.write(now_ms, |state| state.settle(now_ms, client, policy, id, used, signals))
    }

    /// See [`LimiterState::cancel`].
    pub fn cancel(&mut self, now_ms: u64, client: &str, policy: &Policy, id: &str) -> Answered<bool> {
        self.write(now_ms, |state| state.cancel(now_ms, client, policy, id))
    }

    /// See [`LimiterState::poll`].
    pub fn poll(&mut self, now_ms: u64, client: &str, policy: &Policy) -> Answered<()> {
        self.write(now_ms, |state| state.poll(now_ms, client, policy))
    }

    /// See [`LimiterState::client_name`].
    pub fn client_name(&self, client: &str) -> Option<Arc<str>> {
        self.store.read(&self.name, |state| state.client_name(client))
    }

    /// See [`LimiterState::check`].
    pub fn check(&self, now_ms: u64, client: &str, policy: &Policy, ask: &Ask<'_>) -> Verdict {
        self.store.read(&self.name, |state| state.check(now_ms, client, policy, ask))
    }

    /// See [`MemoryLimiters::apply_at`].
    pub fn apply_at(&self, batch: &RateLimitBatch, now_ms: u64) -> Receipt {
        self.store.apply_at(batch, now_ms)
    }

    #[inline]
    fn write<T>(&mut self, now_ms: u64, decide: impl FnOnce(&mut LimiterState) -> T) -> T {
        let Self { store, name, found } = self;
        store.write_to(found, name, now_ms, decide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rate_limit::operation::Priority;

    const HOUR_MS: u64 = 3_600_000;

    fn limiter(limiters: &Arc<MemoryLimiters>, name: &str) -> MemoryLimiter {
        Arc::clone(limiters).limiter(OrchestratorId::new(name).unwrap())
    }

    fn use_once(limiters: &Arc<MemoryLimiters>, name: &str, now_ms: u64) {
        use_again(&mut limiter(limiters, name), now_ms);
    }

    fn use_again(limiter: &mut MemoryLimiter, now_ms: u64) {
        let policy = Policy { permit_ttl_ms: 1_000, client_lease_ms: 1_000, ..Policy::default() };
        let amounts = Amounts::call(1, 1);
        let ask = Ask { id: "a", amounts, priority: Priority::Normal, agent: "", wait: false };
        let acquired = limiter.acquire(now_ms, "client", &policy, &ask);
        assert!(matches!(acquired.answer, Admission::Granted { admitted_at_ms, .. } if admitted_at_ms == now_ms));
        assert!(limiter.settle(now_ms, "client", &policy, "a", amounts, None).answer.known);
    }

    #[test]
    fn limiters_that_nobody_uses_are_forgotten() {
        let limiters = Arc::new(MemoryLimiters::default());
        for index in 0..1_000 {
            use_once(&limiters, &format!("limiter-{index}"), 0);
        }
        assert_eq!(limiters.len(), 1_000);
        for _ in 0..600 {
            use_once(&limiters, "busy", 3 * HOUR_MS);
        }
        assert_eq!(limiters.len(), 1);
        assert_eq!(limiters.reviews.len(), 1);
    }

    #[test]
    fn a_limiter_in_use_stays() {
        let limiters = Arc::new(MemoryLimiters::default());
        for round in 0..100 {
            use_once(&limiters, "busy", round * HOUR_MS / 2);
            use_once(&limiters, "other", round * HOUR_MS / 2);
        }
        assert_eq!(limiters.len(), 2);
    }

    #[test]
    fn who_found_a_limiter_that_is_forgotten_meanwhile_uses_the_one_that_all_use() {
        let limiters = Arc::new(MemoryLimiters::default());
        let [mut early, mut late] = ["idle"; 2].map(|name| limiter(&limiters, name));
        use_again(&mut early, 0);
        use_once(&limiters, "busy", 3 * HOUR_MS);
        assert_eq!(limiters.len(), 1);
        use_again(&mut early, 4 * HOUR_MS);
        use_again(&mut late, 4 * HOUR_MS);
        assert_eq!(limiters.len(), 2);
        assert!(Arc::ptr_eq(early.found.as_ref().unwrap(), late.found.as_ref().unwrap()));
    }

    #[test]
    fn asking_makes_no_limiter() {
        let limiters = Arc::new(MemoryLimiters::default());
        let amounts = Amounts::call(1, 1);
        let ask = Ask { id: "", amounts, priority: Priority::Normal, agent: "", wait: false };
        let nobody = limiter(&limiters, "nobody");
        assert_eq!(nobody.check(0, "client", &Policy::default(), &ask), Verdict::Now);
        assert!(limiters.is_empty());
    }
}
