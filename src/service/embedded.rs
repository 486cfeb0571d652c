//! A tracker whose state lives in this process, answered in the calling thread.

use std::sync::Arc;

use super::answer::{Event, threshold_events};
use super::settings::Settings;
use crate::clock::SystemClock;
use crate::domain::decide::{Amount, Context, Reserving, Tracked, Written};
use crate::domain::error::{OperationError, StoreError};
use crate::domain::identifier::{OrchestratorId, ReservationId, UnheldId};
use crate::domain::operation::{Operation, Outcome, PeriodView, Request, Settlement};
use crate::domain::period::{Period, Periods};
use crate::domain::threshold::Transition;
use crate::domain::usage::Usage;
use crate::store::disk::DiskStore;
use crate::store::memory::MemoryStore;
use crate::store::{Batch, Ticket};

/// Every method takes the caller's `now_ms`: an embedded store lives by its caller's clock.
pub struct EmbeddedTracker {
    pub settings: Settings,
    store: Arc<MemoryStore>,
    /// Where the store is kept.
    disk: Option<Arc<DiskStore>>,
    /// What came to light since they were last taken.
    events: Vec<Event>,
}

impl EmbeddedTracker {
    /// With a name, state is shared by all trackers of the process that use the name.
    pub fn new(settings: Settings, name: Option<&str>) -> Self {
        let own = || Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        Self { settings, store: name.map_or_else(own, MemoryStore::shared), disk: None, events: Vec::new() }
    }

    /// With what is kept on `disk`.
    pub fn on_disk(settings: Settings, disk: Arc<DiskStore>) -> Self {
        Self { settings, store: Arc::clone(disk.budgets()), disk: Some(disk), events: Vec::new() }
    }

    /// Whether an operation can be recorded that changes something.
    ///
    /// # Errors
    ///
    /// The disk takes nothing, and as much waits for it as may wait.
    pub fn accept(&self) -> Result<(), StoreError> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.accept())
    }

    fn context<'a>(&'a self, orchestrator: &'a OrchestratorId, now_ms: u64) -> Context<'a> {
        Context::new(orchestrator, &self.settings.policy, self.settings.configured(orchestrator), now_ms)
    }

    pub fn check(&self, orchestrator: &OrchestratorId, period: Period, tokens: u64, now_ms: u64) -> PeriodView {
        // How many tokens are asked for changes the verdict, which is the caller's, not the view.
        let _ = tokens;
        self.store.check(&self.context(orchestrator, now_ms), period)
    }

    pub fn reserve(
        &mut self,
        orchestrator: &OrchestratorId,
        id: &ReservationId,
        amount: Amount,
        periods: Periods,
        ttl_ms: u64,
        now_ms: u64,
    ) -> Reserving {
        let context = self.context(orchestrator, now_ms);
        let written = self.store.reserve(&context, id, amount, periods, ttl_ms);
        self.note(orchestrator, written, |_| &[])
    }

    /// `orchestrator` is the one of `id`.
    ///
    /// # Errors
    ///
    /// [`OperationError::ReservationNotFound`], [`OperationError::RequestConflict`].
    pub fn settle(
        &mut self,
        orchestrator: &OrchestratorId,
        id: &ReservationId,
        usage: Option<&Usage>,
        now_ms: u64,
    ) -> Result<Settlement, OperationError> {
        let usage = usage.filter(|_| !self.settings.release_only);
        let written = self.store.settle(&self.context(orchestrator, now_ms), id, usage);
        self.note(orchestrator, written, |settled| settled.as_ref().map_or(&[], |settled| &settled.transitions))
    }

    /// Ends a reservation that was granted while the store could not be asked, and holds nothing.
    ///
    /// # Errors
    ///
    /// [`OperationError::ReservationNotFound`], [`OperationError::RequestConflict`].
    pub fn settle_unheld(
        &mut self,
        id: UnheldId,
        usage: Option<Usage>,
        now_ms: u64,
    ) -> Result<Settlement, OperationError> {
        let (orchestrator, name) = (id.orchestrator(), id.as_str().to_owned());
        let outcome = self.apply(&orchestrator, Operation::SettleUnheld { id, usage }, now_ms)?;
        let Outcome::Settled(settlement) = outcome else {
            return Err(OperationError::ReservationNotFound { id: name });
        };
        let thresholds = &self.settings.policy.thresholds;
        let events = &mut self.events;
        threshold_events(&orchestrator, &settlement.transitions, thresholds, |event| events.push(event));
        Ok(settlement)
    }

    /// # Errors
    ///
    /// [`OperationError::RequestConflict`].
    pub fn track(
        &mut self,
        orchestrator: &OrchestratorId,
        usage: &Usage,
        now_ms: u64,
    ) -> Result<Tracked, OperationError> {
        let written = self.store.track(&self.context(orchestrator, now_ms), usage);
        self.note(orchestrator, written, |tracked| tracked.as_ref().map_or(&[], |tracked| &tracked.transitions))
    }

    /// Any other operation.
    ///
    /// # Errors
    ///
    /// What the operation is refused with.
    pub fn apply(
        &mut self,
        orchestrator: &OrchestratorId,
        operation: Operation,
        now_ms: u64,
    ) -> Result<Outcome, OperationError> {
        let batch = Batch {
            orchestrator: orchestrator.clone(),
            policy: Arc::clone(&self.settings.policy),
            configured: self.settings.configured(orchestrator),
            requests: vec![Request { operation, deadline_ms: None }],
            ticket: Ticket { client: "".into(), sequence: 0, retry: false },
        };
        let mut receipt = self.store.apply_at(&batch, now_ms);
        let expired = receipt.expired.drain(..);
        self.events.extend(expired.map(|reservation| expired_event(orchestrator, reservation)));
        // One request, one outcome.
        receipt.outcomes.pop().unwrap_or(Ok(Outcome::Swept))
    }

    /// Gives back what expired anywhere in the store.
    pub fn sweep(&mut self, now_ms: u64) {
        for reservation in self.store.sweep_due(now_ms) {
            let orchestrator = reservation.id.orchestrator();
            self.events.push(Event::Expired { orchestrator, reservation });
        }
    }

    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.store.next_expiry_ms()
    }

    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Lets go of the store, so that its memory is free even while the tracker is still referred to.
    pub fn close(&mut self) {
        self.store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        self.disk = None;
        self.events = Vec::new();
    }

    /// Keeps the events of an answer. Those of what expired come first, as they happened.
    fn note<T>(
        &mut self,
        orchestrator: &OrchestratorId,
        written: Written<T>,
        transitions: impl FnOnce(&T) -> &[Transition],
    ) -> T {
        let Written { answer, expired, .. } = written;
        let events = &mut self.events;
        events.extend(expired.into_iter().map(|reservation| expired_event(orchestrator, reservation)));
        let thresholds = &self.settings.policy.thresholds;
        threshold_events(orchestrator, transitions(&answer), thresholds, |event| events.push(event));
        answer
    }
}

fn expired_event(orchestrator: &OrchestratorId, reservation: crate::domain::reservation::ExpiredReservation) -> Event {
    Event::Expired { orchestrator: orchestrator.clone(), reservation }
}
