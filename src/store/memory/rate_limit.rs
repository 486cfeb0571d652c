//! Limiters in the memory of this process.
//!
//! Answers at once. A lost reply cannot happen here, so receipts are not remembered; of tickets only the client
//! is looked at.

mod kept;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dashmap::DashMap;

use super::schedule::Schedule;
use crate::domain::identifier::OrchestratorId;
use crate::domain::rate_limit::amounts::Amounts;
use crate::domain::rate_limit::decide::{Admission, Answered, Ask, LimiterState, Settlement};
use crate::domain::rate_limit::fast_map::FastHashing;
use crate::domain::rate_limit::operation::{Receipt, Signals, Verdict};
use crate::domain::rate_limit::terms::Policy;
use crate::store::RateLimitBatch;
use crate::store::disk::asked::limiters::Asked;
use crate::store::disk::journal::{Journal, Line};

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
/// let limiters = MemoryLimiters::shared("fleet");
/// let (openai, policy) = (OrchestratorId::new("openai").unwrap(), Policy::default());
/// let amounts = Amounts::call(100, 50);
/// let ask = Ask { id: "p1", amounts, priority: Priority::Normal, agent: "", wait: true };
/// let acquired = limiters.acquire(&openai, 0, "client", &policy, &ask);
/// assert!(matches!(acquired.answer, Admission::Granted { .. }));
/// assert!(limiters.settle(&openai, 5, "client", &policy, "p1", amounts, None).answer.known);
/// ```
#[derive(Default)]
pub struct MemoryLimiters {
    slots: DashMap<OrchestratorId, Slot, FastHashing>,
    /// When to look whether a limiter can be forgotten.
    reviews: Schedule,
    /// Where to write down what is asked, when it is kept on disk.
    journal: Option<Journal>,
}

/// One limiter, and when it is reviewed (`u64::MAX`: not at all).
struct Slot {
    state: LimiterState,
    review_at_ms: u64,
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

    /// See [`LimiterState::acquire`].
    pub fn acquire(
        &self,
        limiter: &OrchestratorId,
        now_ms: u64,
        client: &str,
        policy: &Policy,
        ask: &Ask<'_>,
    ) -> Answered<Admission> {
        let line = self.line(client, now_ms, policy, || Asked::acquire(ask));
        self.write(limiter, now_ms, line, |state| state.acquire(now_ms, client, policy, ask))
    }

    /// See [`LimiterState::settle`].
    #[allow(clippy::too_many_arguments)] // Each is one number or name of the call; a struct would be built to be taken apart.
    pub fn settle(
        &self,
        limiter: &OrchestratorId,
        now_ms: u64,
        client: &str,
        policy: &Policy,
        id: &str,
        used: Amounts,
        signals: Option<&Signals>,
    ) -> Answered<Settlement> {
        let line = self.line(client, now_ms, policy, || Asked::Settle {
            id: Cow::Borrowed(id),
            used,
            signals: signals.map(Cow::Borrowed),
        });
        self.write(limiter, now_ms, line, |state| state.settle(now_ms, client, policy, id, used, signals))
    }

    /// See [`LimiterState::cancel`].
    pub fn cancel(
        &self,
        limiter: &OrchestratorId,
        now_ms: u64,
        client: &str,
        policy: &Policy,
        id: &str,
    ) -> Answered<bool> {
        let line = self.line(client, now_ms, policy, || Asked::Cancel { id: Cow::Borrowed(id) });
        self.write(limiter, now_ms, line, |state| state.cancel(now_ms, client, policy, id))
    }

    /// See [`LimiterState::poll`].
    pub fn poll(&self, limiter: &OrchestratorId, now_ms: u64, client: &str, policy: &Policy) -> Answered<()> {
        let line = self.line(client, now_ms, policy, || Asked::Poll);
        self.write(limiter, now_ms, line, |state| state.poll(now_ms, client, policy))
    }

    /// See [`LimiterState::check`].
    pub fn check(
        &self,
        limiter: &OrchestratorId,
        now_ms: u64,
        client: &str,
        policy: &Policy,
        ask: &Ask<'_>,
    ) -> Verdict {
        self.read(limiter, now_ms, |state| state.check(now_ms, client, policy, ask))
    }

    /// Applies a batch at `now_ms`.
    pub fn apply_at(&self, batch: &RateLimitBatch, now_ms: u64) -> Receipt {
        let (client, policy) = (&*batch.ticket.client, &*batch.policy);
        let apply = |state: &mut LimiterState| state.apply(now_ms, client, policy, &batch.requests);
        if !batch.requests.iter().any(|request| request.operation.writes()) {
            return self.read(&batch.limiter, now_ms, apply);
        }
        let line = self.line(client, now_ms, policy, || Asked::Batch(Cow::Borrowed(&batch.requests)));
        self.write(&batch.limiter, now_ms, line, apply)
    }

    /// Limiters that are kept.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// What the journal is to tell, if there is one.
    #[inline]
    fn line<'a>(
        &self,
        client: &'a str,
        now_ms: u64,
        policy: &Policy,
        asked: impl FnOnce() -> Asked<'a>,
    ) -> Option<Line<'_>> {
        self.journal.as_ref().map(|journal| journal.line(policy, &asked().by(client, now_ms)))
    }

    /// A limiter that does not exist is not made by looking at it. Whoever looks lets time pass; in a journal
    /// nobody would find that, so it passes for a copy.
    fn read<T>(&self, limiter: &OrchestratorId, now_ms: u64, look: impl FnOnce(&mut LimiterState) -> T) -> T {
        match self.slots.get_mut(limiter) {
            Some(slot) if self.journal.is_some() && slot.state.is_due(now_ms) => look(&mut slot.state.clone()),
            Some(mut slot) => look(&mut slot.state),
            None => look(&mut LimiterState::default()),
        }
    }

    #[inline]
    fn write<T>(
        &self,
        limiter: &OrchestratorId,
        now_ms: u64,
        line: Option<Line<'_>>,
        decide: impl FnOnce(&mut LimiterState) -> T,
    ) -> T {
        let answer = match self.slots.get_mut(limiter) {
            Some(mut slot) => {
                let answer = decide(&mut slot.state);
                if let Some(line) = line {
                    line.append(limiter);
                }
                self.list(limiter, &mut slot);
                answer
            }
            None => {
                let fresh = || Slot { state: LimiterState::default(), review_at_ms: u64::MAX };
                let mut slot = self.slots.entry(limiter.clone()).or_insert_with(fresh);
                let answer = decide(&mut slot.state);
                if let Some(line) = line {
                    line.append(limiter);
                }
                self.list(limiter, &mut slot);
                answer
            }
        };
        self.review_some(now_ms);
        answer
    }

    /// Sees to it that the limiter is reviewed, not later than it can be forgotten. Its life grows with each
    /// call; that is noticed when its turn comes.
    fn list(&self, limiter: &OrchestratorId, slot: &mut Slot) {
        let life_until_ms = slot.state.life_until_ms();
        if life_until_ms < slot.review_at_ms {
            self.reviews.relist(limiter, slot.review_at_ms, life_until_ms);
            slot.review_at_ms = life_until_ms;
        }
    }

    fn review_some(&self, now_ms: u64) {
        for limiter in self.reviews.take_due(now_ms, REVIEWS_PER_CALL) {
            let removed = self.slots.remove_if(&limiter, |_, slot| {
                let is_over = slot.state.life_until_ms() <= now_ms;
                if let Some(journal) = self.journal.as_ref().filter(|_| is_over) {
                    journal.append(&limiter, &Asked::Forget.by("", now_ms));
                }
                is_over
            });
            if removed.is_some() {
                continue;
            }
            if let Some(mut slot) = self.slots.get_mut(&limiter) {
                slot.review_at_ms = u64::MAX;
                self.list(&limiter, &mut slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rate_limit::operation::Priority;

    const HOUR_MS: u64 = 3_600_000;

    fn use_once(limiters: &MemoryLimiters, name: &str, now_ms: u64) {
        let limiter = OrchestratorId::new(name).unwrap();
        let policy = Policy { permit_ttl_ms: 1_000, client_lease_ms: 1_000, ..Policy::default() };
        let amounts = Amounts::call(1, 1);
        let ask = Ask { id: "a", amounts, priority: Priority::Normal, agent: "", wait: false };
        limiters.acquire(&limiter, now_ms, "client", &policy, &ask);
        limiters.settle(&limiter, now_ms, "client", &policy, "a", amounts, None);
    }

    #[test]
    fn limiters_that_nobody_uses_are_forgotten() {
        let limiters = MemoryLimiters::default();
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
        let limiters = MemoryLimiters::default();
        for round in 0..100 {
            use_once(&limiters, "busy", round * HOUR_MS / 2);
            use_once(&limiters, "other", round * HOUR_MS / 2);
        }
        assert_eq!(limiters.len(), 2);
    }

    #[test]
    fn asking_makes_no_limiter() {
        let limiters = MemoryLimiters::default();
        let amounts = Amounts::call(1, 1);
        let ask = Ask { id: "", amounts, priority: Priority::Normal, agent: "", wait: false };
        let limiter = OrchestratorId::new("nobody").unwrap();
        assert_eq!(limiters.check(&limiter, 0, "client", &Policy::default(), &ask), Verdict::Now);
        assert!(limiters.is_empty());
    }
}
