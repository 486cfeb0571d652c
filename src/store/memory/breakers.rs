//! Circuit breakers in the memory of this process.
//!
//! As for pools: everything is synchronous and takes the instant from the caller; a lost reply cannot happen here.

mod kept;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dashmap::{DashMap, Entry};

use super::schedule::Schedule;
use crate::domain::breakers::decide::BreakerState;
use crate::domain::breakers::operation::Receipt;
use crate::domain::identifier::OrchestratorId;
use crate::store::BreakerBatch;
use crate::store::disk::asked::breakers::{Asked, Entry as Entered};
use crate::store::disk::journal::Journal;

/// Breakers each writing call looks at: more than it can create.
const REVIEWS_PER_CALL: usize = 2;

/// The earliest that a breaker is looked at again.
const REVIEW_EVERY_MS: u64 = 3_600_000;

/// Breakers in use, also by worker threads, which live in the same process.
static BREAKERS: Mutex<Option<HashMap<String, Weak<MemoryBreakers>>>> = Mutex::new(None);

/// Breakers that live as long as the process.
///
/// ```
/// use token_budget::domain::breakers::operation::{Operation, Policy, Request, State};
/// use token_budget::domain::identifier::OrchestratorId;
/// use token_budget::store::memory::breakers::MemoryBreakers;
/// use token_budget::store::{BreakerBatch, Ticket};
///
/// let breakers = MemoryBreakers::default();
/// let failed = Operation::Record { successes: 0, failures: 5, reset_in_ms: None };
/// let batch = BreakerBatch {
///     breaker: OrchestratorId::new("openai").unwrap(),
///     policy: Policy::default(),
///     requests: vec![Request { operation: failed, deadline_ms: None }],
///     ticket: Ticket { client: "".into(), sequence: 1, retry: false },
/// };
/// let outcome = breakers.apply_at(&batch, 1_000).outcomes.remove(0).unwrap();
/// assert_eq!(outcome.view.state, State::Open);
/// ```
#[derive(Default)]
pub struct MemoryBreakers {
    breakers: DashMap<OrchestratorId, BreakerState>,
    /// When to look at a breaker. Names each once.
    reviews: Schedule,
    /// Where to write down what is asked, when it is kept on disk.
    journal: Option<Journal>,
}

impl MemoryBreakers {
    /// The breakers called `name`, which everyone in this process who asks for them shares. They live as long as
    /// somebody holds them.
    pub fn shared(name: &str) -> Arc<MemoryBreakers> {
        let mut named = BREAKERS.lock().unwrap_or_else(PoisonError::into_inner);
        let named = named.get_or_insert_default();
        if let Some(breakers) = named.get(name).and_then(Weak::upgrade) {
            return breakers;
        }
        named.retain(|_, breakers| breakers.strong_count() > 0);
        let breakers = Arc::new(MemoryBreakers::default());
        named.insert(name.to_owned(), Arc::downgrade(&breakers));
        breakers
    }

    /// Applies a batch at `now_ms`.
    pub fn apply_at(&self, batch: &BreakerBatch, now_ms: u64) -> Receipt {
        if batch.requests.iter().any(|request| request.operation.writes()) {
            return self.write(batch, now_ms);
        }
        match self.breakers.get_mut(&batch.breaker) {
            Some(mut state) => state.apply(now_ms, &batch.policy, &batch.requests),
            None => BreakerState::default().apply(now_ms, &batch.policy, &batch.requests),
        }
    }

    /// How many breakers are kept.
    pub fn len(&self) -> usize {
        self.breakers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.breakers.is_empty()
    }

    /// Everything that changes a breaker on somebody's behalf. One that stays blank is not kept.
    fn write(&self, batch: &BreakerBatch, now_ms: u64) -> Receipt {
        let entered = || Entered { now_ms, asked: Asked::Batch(Cow::Borrowed(&batch.requests)) };
        let line = self.journal.as_ref().map(|journal| journal.line(&batch.policy, &entered()));
        let append = || line.into_iter().for_each(|line| line.append(&batch.breaker));
        let receipt = match self.breakers.entry(batch.breaker.clone()) {
            Entry::Occupied(mut entry) => {
                let receipt = entry.get_mut().apply(now_ms, &batch.policy, &batch.requests);
                append();
                receipt
            }
            Entry::Vacant(entry) => {
                let mut state = BreakerState::default();
                let receipt = state.apply(now_ms, &batch.policy, &batch.requests);
                if !state.is_over(now_ms) {
                    append();
                    let _held = entry.insert(state);
                    self.reviews.relist(&batch.breaker, u64::MAX, now_ms.saturating_add(REVIEW_EVERY_MS));
                }
                receipt
            }
        };
        self.review_some(now_ms);
        receipt
    }

    /// Looks at a few breakers whose turn has come, and forgets those whose life is over.
    fn review_some(&self, now_ms: u64) {
        for breaker in self.reviews.take_due(now_ms, REVIEWS_PER_CALL) {
            self.breakers.remove_if(&breaker, |_, state| {
                let is_over = state.is_over(now_ms);
                if let Some(journal) = self.journal.as_ref().filter(|_| is_over) {
                    journal.append(&breaker, &Entered { now_ms, asked: Asked::Forget });
                }
                if !is_over {
                    let next_ms = state.ends_at_ms().max(now_ms.saturating_add(REVIEW_EVERY_MS));
                    self.reviews.relist(&breaker, u64::MAX, next_ms);
                }
                is_over
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::breakers::decide::CLEAN_TTL_MS;
    use crate::domain::breakers::operation::{Operation, Policy, Request, State};
    use crate::store::Ticket;

    fn batch(name: &str, operation: Operation) -> BreakerBatch {
        BreakerBatch {
            breaker: OrchestratorId::new(name).unwrap(),
            policy: Policy::default(),
            requests: vec![Request { operation, deadline_ms: None }],
            ticket: Ticket { client: "c".into(), sequence: 1, retry: false },
        }
    }

    #[test]
    fn what_is_closed_and_clean_is_forgotten() {
        let breakers = MemoryBreakers::default();
        for number in 0..100 {
            let name = number.to_string();
            breakers.apply_at(&batch(&name, Operation::Record { successes: 9, failures: 0, reset_in_ms: None }), 1_000);
            breakers.apply_at(&batch(&name, Operation::View), 1_000);
        }
        assert!(breakers.is_empty(), "what succeeds leaves nothing");
        for number in 0..100 {
            breakers
                .apply_at(&batch(&number.to_string(), Operation::Force { state: State::Closed, for_ms: None }), 1_000);
        }
        assert_eq!(breakers.len(), 100);
        let open = Operation::Force { state: State::Open, for_ms: None };
        for _ in 0..60 {
            breakers.apply_at(&batch("open", open.clone()), 1_000 + CLEAN_TTL_MS);
        }
        assert_eq!(breakers.len(), 1);
        breakers.apply_at(&batch("open", open), 1_000 + 500 * CLEAN_TTL_MS);
        assert_eq!(breakers.len(), 1, "what was opened by hand stays");
    }

    #[test]
    fn a_name_stands_for_the_same_breakers() {
        let breakers = MemoryBreakers::shared("fleet");
        assert!(Arc::ptr_eq(&breakers, &MemoryBreakers::shared("fleet")));
        assert!(!Arc::ptr_eq(&breakers, &MemoryBreakers::shared("other")));
    }
}
