//! A limiter on servers: what the receipt of a batch means to its calls, and to those that wait in the line.
//!
//! A call that has to wait stays open: its answer comes when its place in the line became a permit. Until then
//! this process polls, as soon as the store says that it may help, or another process says so.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::pending::{Pending, Role, Stage};
use super::queue::Queue;
use super::tracker::Tracker;
use super::work::{Subject, Work};
use crate::domain::error::OperationError;
use crate::domain::identifier::OrchestratorId;
use crate::domain::rate_limit::operation::{Operation, Outcome, PermitId, Receipt};
use crate::domain::rate_limit::terms::Policy;
use crate::service::answer::{Answer, CallId, Event, FailureCode};
use crate::service::settings::Serves;
use crate::service::shares::{GivenShares, lost_shares_warning};
use crate::store::RateLimitBatch;

/// Who waits asks so often at least: nobody tells it that a permit has expired or that another process has died.
const PATIENCE: Duration = Duration::from_secs(1);

/// The calls of this process that wait in the line of its limiter.
#[derive(Default)]
pub(super) struct Line {
    /// With what they asked, to ask again should the store lose them.
    waiting: RefCell<HashMap<CallId, Operation>>,
    calls: RefCell<HashMap<PermitId, CallId>>,
    poll_at: Cell<Option<Instant>>,
    /// It was said that our turn has come, and no batch has left since. What is under way was perhaps decided before.
    is_told: Cell<bool>,
    changed: Notify,
    given: RefCell<GivenShares>,
}

impl Line {
    fn add(&self, call: CallId, id: PermitId, operation: Operation) {
        self.calls.borrow_mut().insert(id, call);
        self.waiting.borrow_mut().insert(call, operation);
    }

    fn take(&self, id: &PermitId) -> Option<CallId> {
        let call = self.calls.borrow_mut().remove(id)?;
        self.waiting.borrow_mut().remove(&call);
        Some(call)
    }

    /// The permit that `call` waits for; it does no longer.
    fn leave(&self, call: CallId) -> Option<PermitId> {
        let Some(Operation::Acquire { id, .. }) = self.waiting.borrow_mut().remove(&call) else { return None };
        self.calls.borrow_mut().remove(&id);
        Some(id)
    }

    fn len(&self) -> u64 {
        self.waiting.borrow().len() as u64
    }

    /// Everything that waits, in the order of the calls.
    fn all(&self) -> Vec<(CallId, Operation)> {
        let mut all: Vec<_> = self.waiting.borrow().iter().map(|(call, asked)| (*call, asked.clone())).collect();
        all.sort_unstable_by_key(|(call, _)| *call);
        all
    }

    fn gives(&self) -> bool {
        !self.given.borrow().is_empty()
    }

    fn set_poll(&self, poll_in: Option<Duration>) {
        self.poll_at.set(poll_in.map(|poll_in| Instant::now() + poll_in));
        self.changed.notify_one();
    }

    /// Polls at once if it would poll some time: who waits may have been forgotten, who holds permits be taken for
    /// dead.
    fn poll_soon(&self) {
        if self.len() > 0 || self.poll_at.get().is_some() {
            self.set_poll(Some(Duration::ZERO));
        }
    }

    /// News of a turn can come before the answer that says who waits, for they travel apart.
    fn poll_when_told(&self) {
        if self.is_told.get() && self.len() > 0 {
            self.set_poll(Some(Duration::ZERO));
        }
    }

    /// A batch leaves; it asks for every turn told so far.
    pub(super) fn on_batch(&self) {
        self.is_told.set(false);
    }

    /// Waits until it is time to poll.
    async fn poll_due(&self) {
        loop {
            let changed = self.changed.notified();
            match self.poll_at.get() {
                None => changed.await,
                Some(at) => {
                    let _ = tokio::time::timeout_at(at.into(), changed).await;
                    if self.poll_at.get().is_some_and(|at| at <= Instant::now()) {
                        self.poll_at.set(None);
                        return;
                    }
                }
            }
        }
    }
}

impl Tracker {
    /// The limiter this tracker serves.
    fn limiter(&self) -> Option<(&OrchestratorId, &Arc<Policy>)> {
        match &self.settings.serves {
            Serves::Limiter { name, policy } => Some((name, policy)),
            Serves::Budgets | Serves::Pools | Serves::Coordination { .. } => None,
        }
    }

    pub(super) fn limit_subject(&self) -> Option<Subject> {
        self.limiter().map(|(name, _)| Subject::Limiter(name.clone()))
    }

    pub(super) fn limit_policy(&self) -> Arc<Policy> {
        self.limiter().map(|(_, policy)| Arc::clone(policy)).unwrap_or_default()
    }

    pub(super) async fn poll_forever(self: Rc<Self>) {
        loop {
            self.line.poll_due().await;
            self.poll();
        }
    }

    fn poll(self: &Rc<Self>) {
        if let Some(subject) = self.limit_subject() {
            let operation = self.line.given.borrow().poll();
            self.enqueue_internal(subject, Work::Limit(operation));
        }
    }

    /// What changes shares changes those that this process has by what the store knows.
    pub(super) fn keep_shares_before(self: &Rc<Self>, operation: &Operation) {
        let before = self.line.given.borrow().before(operation);
        if let (Some(operation), Some(subject)) = (before, self.limit_subject()) {
            self.enqueue_internal(subject, Work::Limit(operation));
        }
    }

    /// The store is back, perhaps without what it knew.
    pub(super) fn on_reconnected(&self) {
        self.line.poll_soon();
    }

    /// The store refused a batch, perhaps the poll that was due. Who waits goes on waiting: it is asked again.
    pub(super) fn on_limit_refused(&self) {
        if let Some((_, policy)) = self.limiter()
            && self.line.poll_at.get().is_none()
        {
            self.line.set_poll(Some(Duration::from_millis(policy.client_lease_ms / 3)));
        }
    }

    /// Another process says whose turn it is.
    pub(super) fn on_turn(self: &Rc<Self>, payload: &[u8]) {
        let Some((name, _)) = self.limiter() else { return };
        let told = format!("{} {}", self.settings.client, name.encoded());
        if payload == told.as_bytes() {
            self.line.is_told.set(true);
            self.line.poll_when_told();
        }
    }

    pub(super) fn deliver_limit(
        self: &Rc<Self>,
        queue: &Queue,
        batch: RateLimitBatch,
        calls: Vec<Rc<Pending>>,
        receipt: Receipt,
    ) {
        let mut again = Vec::new();
        let mut unwanted = Vec::new();
        self.answer(|push| {
            for ((pending, request), outcome) in calls.into_iter().zip(batch.requests).zip(receipt.outcomes) {
                if let Ok(outcome) = &outcome {
                    let lost = self.line.given.borrow_mut().note(&request.operation, outcome);
                    if !lost.is_empty() {
                        push(Answer::Event(Event::Warning { message: lost_shares_warning(&lost) }));
                    }
                }
                match outcome {
                    Err(OperationError::DeadlinePassed)
                        if pending.is_waiting() && pending.deadline > Instant::now() =>
                    {
                        again.push((pending, Work::Limit(request.operation)));
                    }
                    Err(error) => self.deliver_error(push, &pending, &error),
                    Ok(outcome) => {
                        unwanted.extend(self.deliver_limit_outcome(push, &pending, request.operation, outcome));
                    }
                }
            }
            for grant in receipt.granted {
                match self.line.take(&grant.id) {
                    Some(call) => push(Answer::Limit { call, outcome: Outcome::Granted(grant) }),
                    None => unwanted.push(grant.id),
                }
            }
        });
        self.ask_again(queue, again);
        for id in unwanted {
            self.enqueue_internal(queue.subject.clone(), Work::Limit(Operation::Cancel { id }));
        }
        // A store that knows nothing of a client that gave shares has lost them.
        let poll_in_ms = receipt.poll_in_ms.or_else(|| self.line.gives().then_some(0));
        let poll_in = poll_in_ms.map(Duration::from_millis);
        self.line.set_poll(poll_in.map(|poll_in| if receipt.places > 0 { poll_in.min(PATIENCE) } else { poll_in }));
        self.line.poll_when_told();
        if receipt.places < self.line.len() {
            self.line_up_again(&queue.subject);
        }
    }

    /// Returns the permit or place that nobody waits for any more.
    fn deliver_limit_outcome(
        &self,
        push: &mut dyn FnMut(Answer),
        pending: &Pending,
        operation: Operation,
        outcome: Outcome,
    ) -> Option<PermitId> {
        if pending.role == Role::Internal {
            // Asked again on behalf of a call that still waits.
            if let (Operation::Acquire { id, .. }, Outcome::Granted(_) | Outcome::Refused(_) | Outcome::LineFull) =
                (operation, &outcome)
            {
                match self.line.take(&id) {
                    Some(call) => push(Answer::Limit { call, outcome }),
                    None => return Some(id),
                }
            }
            return None;
        }
        if pending.stage() == Stage::Answered {
            return match (operation, outcome) {
                (Operation::Acquire { id, .. }, Outcome::Granted(_) | Outcome::Waiting { .. }) => Some(id),
                _ => None,
            };
        }
        self.finish(pending);
        if let (Operation::Acquire { id, .. }, Outcome::Waiting { .. }) = (&operation, &outcome) {
            self.line.add(pending.call, id.clone(), operation.clone());
        }
        push(Answer::Limit { call: pending.call, outcome });
        None
    }

    /// The store does not know all who wait here any more: it was emptied, or took this process for dead. They
    /// ask anew, in their order.
    fn line_up_again(self: &Rc<Self>, subject: &Subject) {
        for (_, operation) in self.line.all() {
            self.enqueue_internal(subject.clone(), Work::Limit(operation));
        }
    }

    /// Gives up the place of `call`, if it waits in the line.
    pub(super) fn leave_line(self: &Rc<Self>, call: CallId) {
        if let (Some(id), Some(subject)) = (self.line.leave(call), self.limit_subject()) {
            self.enqueue_internal(subject, Work::Limit(Operation::Cancel { id }));
        }
    }

    /// Sends home everybody who waits.
    pub(super) fn close_line(self: &Rc<Self>) {
        for (call, _) in self.line.all() {
            self.leave_line(call);
            self.fail(call, FailureCode::Closed, "the limiter was closed while the call waited");
        }
        self.line.set_poll(None);
    }
}
