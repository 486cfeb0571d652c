//! Budgets in the memory of this process.
//!
//! Answers at once, so that the embedded store can be asked synchronously: the operations of
//! [`MemoryStore`] take their instant from a [`Context`], batches take the store's clock.
//!
//! A lost reply cannot happen here, so receipts are not remembered and tickets are ignored.

pub mod breakers;
pub mod credentials;
mod kept;
pub mod rate_limit;
mod schedule;
mod shared;
pub mod timers;
mod upkeep;

use std::borrow::Cow;
use std::sync::Arc;

use dashmap::{DashMap, Entry};

use self::schedule::Schedule;
use super::{Batch, Store};
use crate::clock::Clock;
use crate::domain::decide::{self, Amount, Context, OrchestratorState, Reserving, Tracked, Written};
use crate::domain::error::{OperationError, StoreError};
use crate::domain::identifier::{OrchestratorId, ReservationId};
use crate::domain::operation::{PeriodView, Receipt, Settlement};
use crate::domain::period::{Period, Periods};
use crate::domain::usage::Usage;
use crate::store::disk::asked::budgets::{Asked, Entry as Entered};
use crate::store::disk::journal::{Journal, Line};

/// Budgets that live as long as the process.
///
/// ```
/// use std::sync::Arc;
/// use token_budget::clock::ManualClock;
/// use token_budget::domain::calendar::Calendar;
/// use token_budget::domain::decide::{Context, Reserving};
/// use token_budget::domain::identifier::{OrchestratorId, ReservationId};
/// use token_budget::domain::period::{Period, Periods};
/// use token_budget::domain::policy::{Limits, Policy};
/// use token_budget::store::memory::MemoryStore;
///
/// let policy = Policy {
///     calendar: Calendar::parse("UTC").unwrap(),
///     thresholds: Arc::new([]),
///     idempotency_ttl_ms: 3_600_000,
///     late_settle_ttl_ms: 3_600_000,
///     history_limit: 0,
///     broadcast: false,
/// };
/// let store = MemoryStore::new(Arc::new(ManualClock::at(0)));
/// let team = OrchestratorId::new("team-a").unwrap();
/// let context = Context::new(&team, &policy, Limits::tokens([Some(100), None, None]), 0);
///
/// let id = ReservationId::generate(&team, Periods::ALL);
/// let reserved = store.reserve(&context, &id, 70, Periods::ALL, 60_000).answer;
/// assert!(matches!(reserved, Reserving::Granted(grant) if grant.remaining == Some(30)));
/// assert_eq!(store.check(&context, Period::Hourly).available(), Some(30));
/// ```
pub struct MemoryStore {
    slots: DashMap<OrchestratorId, Slot>,
    clock: Arc<dyn Clock>,
    /// When to sweep an orchestrator.
    expiries: Schedule,
    /// When to forget what is old of an orchestrator nobody calls any more.
    reviews: Schedule,
    /// Where to write down what is asked, when it is kept on disk.
    journal: Option<Journal>,
}

/// One orchestrator, and when the schedules name it (`u64::MAX`: not at all).
struct Slot {
    state: OrchestratorState,
    sweep_at_ms: u64,
    review_at_ms: u64,
}

impl Slot {
    fn new(state: OrchestratorState) -> Self {
        Self { state, sweep_at_ms: u64::MAX, review_at_ms: u64::MAX }
    }
}

impl MemoryStore {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (expiries, reviews) = Default::default();
        Self { slots: DashMap::new(), clock, expiries, reviews, journal: None }
    }

    /// How full `period` is. Writes nothing.
    pub fn check(&self, context: &Context<'_>, period: Period) -> PeriodView {
        match self.slots.get(context.orchestrator) {
            Some(slot) => slot.state.check(context, period),
            None => OrchestratorState::default().check(context, period),
        }
    }

    /// See [`OrchestratorState::reserve`].
    pub fn reserve(
        &self,
        context: &Context<'_>,
        id: &ReservationId,
        amount: impl Into<Amount>,
        periods: Periods,
        ttl_ms: u64,
    ) -> Written<Reserving> {
        let amount @ Amount { tokens, cost_micros } = amount.into();
        let asked = || Asked::Reserve { id: Cow::Borrowed(id), tokens, periods, ttl_ms, cost_micros };
        let line = self.line(context, asked);
        self.write(context, line, |state| state.reserve(context, id, amount, periods, ttl_ms))
    }

    /// See [`OrchestratorState::settle`].
    ///
    /// # Errors
    ///
    /// [`OperationError::ReservationNotFound`], [`OperationError::RequestConflict`].
    pub fn settle(
        &self,
        context: &Context<'_>,
        id: &ReservationId,
        usage: Option<&Usage>,
    ) -> Written<Result<Settlement, OperationError>> {
        let line = self.line(context, || Asked::Settle { id: Cow::Borrowed(id), usage: usage.map(Cow::Borrowed) });
        self.write(context, line, |state| state.settle(context, id, usage))
    }

    /// See [`OrchestratorState::track`].
    ///
    /// # Errors
    ///
    /// [`OperationError::RequestConflict`].
    pub fn track(&self, context: &Context<'_>, usage: &Usage) -> Written<Result<Tracked, OperationError>> {
        let line = self.line(context, || Asked::Track(Cow::Borrowed(usage)));
        self.write(context, line, |state| state.track(context, usage))
    }

    /// Applies a batch at `now_ms`.
    pub fn apply_at(&self, batch: &Batch, now_ms: u64) -> Receipt {
        let context = Context::new(&batch.orchestrator, &batch.policy, batch.configured, now_ms);
        let apply = |state: &mut _| decide::apply(state, &context, &batch.requests);
        if batch.requests.iter().any(|request| request.operation.writes()) {
            let line = self.line(&context, || Asked::Batch(Cow::Borrowed(&batch.requests)));
            return self.write(&context, line, apply);
        }
        match self.slots.get_mut(context.orchestrator) {
            Some(mut slot) => apply(&mut slot.state),
            None => apply(&mut OrchestratorState::default()),
        }
    }

    /// What the journal is to tell, if there is one.
    fn line<'a>(&self, context: &Context<'_>, asked: impl FnOnce() -> Asked<'a>) -> Option<Line<'_>> {
        self.journal.as_ref().map(|journal| journal.line(context.policy, &Entered::new(context, asked())))
    }

    /// Runs `decide` on the state of the context's orchestrator and lists it in the schedules.
    fn write<T>(
        &self,
        context: &Context<'_>,
        line: Option<Line<'_>>,
        decide: impl FnOnce(&mut OrchestratorState) -> T,
    ) -> T {
        let answer = match self.slots.get_mut(context.orchestrator) {
            Some(mut slot) => {
                let answer = decide(&mut slot.state);
                append(line, context.orchestrator);
                self.list(context.orchestrator, &mut slot);
                answer
            }
            None => self.write_new(context, line, decide),
        };
        self.review_some(context.now_ms);
        answer
    }

    /// The same where there may be no state yet. One that stays blank is not kept, so that asking
    /// for what does not exist costs no memory.
    fn write_new<T>(
        &self,
        context: &Context<'_>,
        line: Option<Line<'_>>,
        decide: impl FnOnce(&mut OrchestratorState) -> T,
    ) -> T {
        match self.slots.entry(context.orchestrator.clone()) {
            Entry::Occupied(mut entry) => {
                let answer = decide(&mut entry.get_mut().state);
                append(line, context.orchestrator);
                self.list(context.orchestrator, entry.get_mut());
                answer
            }
            Entry::Vacant(entry) => {
                let mut state = OrchestratorState::default();
                let answer = decide(&mut state);
                if !state.is_blank() {
                    append(line, context.orchestrator);
                    self.list(context.orchestrator, &mut entry.insert(Slot::new(state)));
                }
                answer
            }
        }
    }
}

/// The lock of the state is held.
fn append(line: Option<Line<'_>>, key: &OrchestratorId) {
    if let Some(line) = line {
        line.append(key);
    }
}

impl Store for MemoryStore {
    async fn apply(&self, batch: &Batch) -> Result<Receipt, StoreError> {
        Ok(self.apply_at(batch, self.clock.now_ms()))
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}

#[cfg(test)]
mod tests;
