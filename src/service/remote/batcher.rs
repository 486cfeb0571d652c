//! Carries the queue of an orchestrator to the store, batch by batch.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::SemaphorePermit;

use super::pending::{Pending, Role, Stage};
use super::queue::{Entry, Queue};
use super::tracker::Tracker;
use super::window::STUCK_AFTER;
use crate::domain::error::{Applied, OperationError, StoreError};
use crate::domain::operation::{Operation, Outcome, Receipt, Request, Settlement};
use crate::domain::tokens;
use crate::service::answer::{Answer, CallId, FailureCode, expired_events, threshold_events, transitions};
use crate::store::{Batch, Store, Ticket};

/// How long one attempt may wait for an answer when nobody's deadline is nearer: usage in the spool.
const SPOOL_ATTEMPT: Duration = Duration::from_secs(1);

/// Pause before an attempt that follows a refusal to even try.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// An attempt ends so long before the first deadline of a usage, so that what happens to it is clear
/// when its caller is answered.
const DEADLINE_MARGIN: Duration = Duration::from_millis(5);

/// Clocks that differ by less are taken to agree: the difference is measured across a network.
const CLOCK_TOLERANCE_MS: i64 = 10;

impl Tracker {
    pub(super) async fn carry_queue(self: Rc<Self>, queue: Rc<Queue>) {
        while !queue.is_empty() && !self.closed.get() {
            // What is asked while the batch waits for its turn belongs to it.
            let place = self.window.enter().await;
            let entries = queue.next_batch();
            if !entries.is_empty() {
                self.carry(&queue, entries, place).await;
            }
        }
        self.retire_queue(&queue);
    }

    async fn carry(self: &Rc<Self>, queue: &Queue, entries: Vec<Entry>, place: Option<SemaphorePermit<'_>>) {
        let (mut batch, mut calls) = self.batch(queue, entries);
        let mut place = Some(place);
        self.note_ahead(&batch);
        // Of the first attempt: its receipt may be the one that is remembered.
        let asked_at = Instant::now();
        loop {
            let started = Instant::now();
            let deadline = self.attempt_deadline(&calls, started);
            calls.iter().for_each(|call| call.may_be_applied.set(true));
            match self.attempt(&batch, deadline, &mut place).await {
                Ok(receipt) => {
                    self.note_expiries(&queue.orchestrator, &batch.requests, receipt.next_expiry_ms, asked_at);
                    return self.deliver(queue, batch, calls, receipt);
                }
                Err(StoreError::Refused { message }) => return self.refuse(queue, &calls, &message),
                Err(StoreError::Unavailable { applied, .. }) => {
                    batch.ticket.retry |= applied == Applied::Unknown;
                }
            }
            let may_be_applied = batch.ticket.retry;
            calls.iter().for_each(|call| call.may_be_applied.set(may_be_applied));
            if self.closed.get() || calls.iter().all(|call| call.is_dead(may_be_applied)) {
                return;
            }
            if started.elapsed() < RETRY_PAUSE || has_deadline_within(&calls, RETRY_PAUSE) {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            if !may_be_applied {
                drop_dead(&mut batch, &mut calls);
            }
        }
    }

    /// Sends a batch. `place` is its place in the window, given up by the first attempt.
    async fn attempt<'a>(
        &'a self,
        batch: &Batch,
        deadline: Instant,
        place: &mut Option<Option<SemaphorePermit<'a>>>,
    ) -> Result<Receipt, StoreError> {
        let sent_at = Instant::now();
        let mut answer = pin!(self.store.apply_until(batch, deadline));
        self.under_way.set(self.under_way.get() + 1);
        let result = match place.take() {
            None => answer.await,
            Some(place) => match tokio::time::timeout(STUCK_AFTER, answer.as_mut()).await {
                Ok(result) => {
                    self.window.leave(place, sent_at.elapsed());
                    result
                }
                Err(_) => {
                    drop(place);
                    answer.await
                }
            },
        };
        self.under_way.set(self.under_way.get() - 1);
        result
    }

    fn batch(&self, queue: &Queue, entries: Vec<Entry>) -> (Batch, Vec<Rc<Pending>>) {
        let sequence = self.last_sequence.get() + 1;
        self.last_sequence.set(sequence);
        let now = Instant::now();
        let store_now_ms = self.store.now_ms();
        let mut calls = Vec::with_capacity(entries.len());
        let mut requests = Vec::with_capacity(entries.len());
        for entry in entries {
            let Entry { pending, mut operation, caller_skew_ms } = entry;
            self.date(&mut operation, caller_skew_ms);
            let deadline_ms = has_deadline(pending.role, &operation)
                .then(|| store_now_ms + pending.deadline.saturating_duration_since(now).as_millis() as u64);
            requests.push(Request { operation, deadline_ms });
            calls.push(pending);
        }
        let batch = Batch {
            orchestrator: queue.orchestrator.clone(),
            policy: Arc::clone(&self.settings.shared.policy),
            configured: self.settings.shared.configured(&queue.orchestrator),
            requests,
            ticket: Ticket { client: Arc::clone(&self.settings.client), sequence, retry: false },
        };
        (batch, calls)
    }

    /// Translates a timestamp of the caller's clock into the store's, once.
    fn date(&self, operation: &mut Operation, caller_skew_ms: i64) {
        let usage = match operation {
            Operation::Track(usage) => usage,
            Operation::Settle { usage: Some(usage), .. } => usage,
            _ => return,
        };
        let Some(occurred_at_ms) = usage.occurred_at_ms else { return };
        let skew_ms = self.link.clock_offset_ms() + caller_skew_ms;
        if skew_ms.abs() > CLOCK_TOLERANCE_MS {
            usage.occurred_at_ms = Some(occurred_at_ms.saturating_add_signed(skew_ms).min(tokens::MAX_TOKENS));
        }
    }

    fn attempt_deadline(&self, calls: &[Rc<Pending>], now: Instant) -> Instant {
        let waiting = || calls.iter().filter(|call| call.is_waiting());
        let last = waiting().map(|call| call.deadline).max().unwrap_or(now).max(now + SPOOL_ATTEMPT);
        let usages = waiting().filter(|call| call.role == Role::Usage);
        usages.map(|call| call.deadline - DEADLINE_MARGIN).min().unwrap_or(last).min(last)
    }

    fn deliver(self: &Rc<Self>, queue: &Queue, batch: Batch, calls: Vec<Rc<Pending>>, receipt: Receipt) {
        let mut again = Vec::new();
        let mut orphans = Vec::new();
        self.answer(|push| {
            expired_events(&queue.orchestrator, &receipt, |event| push(Answer::Event(event)));
            for ((pending, request), outcome) in calls.into_iter().zip(batch.requests).zip(receipt.outcomes) {
                match outcome {
                    Err(OperationError::DeadlinePassed)
                        if pending.is_waiting() && pending.deadline > Instant::now() =>
                    {
                        // Our picture of the store's clock was wrong; by now it is right.
                        again.push(Entry { pending, operation: request.operation, caller_skew_ms: 0 });
                    }
                    Err(error) => self.deliver_error(push, &pending, &error),
                    Ok(outcome) => {
                        let abandoned = self.deliver_outcome(push, queue, &pending, request.operation, outcome);
                        orphans.extend(abandoned);
                    }
                }
            }
        });
        for entry in again.into_iter().rev() {
            queue.push_first(entry);
        }
        for operation in orphans {
            self.enqueue_internal(queue.orchestrator.clone(), operation);
        }
    }

    /// Returns what has to be undone because nobody waits for it any more.
    fn deliver_outcome(
        &self,
        push: &mut dyn FnMut(Answer),
        queue: &Queue,
        pending: &Pending,
        operation: Operation,
        outcome: Outcome,
    ) -> Option<Operation> {
        let thresholds = &self.settings.shared.policy.thresholds;
        threshold_events(&queue.orchestrator, transitions(&outcome), thresholds, |event| push(Answer::Event(event)));
        if pending.stage() == Stage::Answered {
            return match (pending.role, operation, outcome) {
                (Role::Reserve, Operation::Reserve { id, .. }, Outcome::Reserved { .. }) => {
                    Some(Operation::Settle { id, usage: None })
                }
                _ => None,
            };
        }
        self.finish(pending);
        let call = pending.call;
        push(match (operation, outcome) {
            (Operation::Reserve { id, .. }, Outcome::Reserved { created_at_ms, expires_at_ms, remaining }) => {
                let id = id.as_str().to_owned();
                Answer::Reserved { call, id, created_at_ms, expires_at_ms, remaining, store_down: false }
            }
            (_, Outcome::Denied(view)) => Answer::Denied { call, view, store_down: false },
            (Operation::SettleUnheld { .. }, Outcome::Settled(settlement)) => unheld_settled(call, &settlement),
            (_, Outcome::Settled(settlement)) => {
                Answer::Settled { call, orchestrator: queue.orchestrator.clone(), settlement }
            }
            (_, outcome) => Answer::Outcome { call, outcome },
        });
        None
    }

    fn deliver_error(&self, push: &mut dyn FnMut(Answer), pending: &Pending, error: &OperationError) {
        if pending.stage() == Stage::Answered {
            return;
        }
        self.finish(pending);
        push(Answer::Failed { call: pending.call, code: FailureCode::of(error), message: error.to_string() });
    }

    /// The server answered with an error: sending again would meet the same one.
    fn refuse(&self, queue: &Queue, calls: &[Rc<Pending>], message: &str) {
        for pending in calls.iter().filter(|pending| pending.stage() != Stage::Answered) {
            self.finish(pending);
            if !self.answer_by_policy(pending, &queue.orchestrator) {
                self.fail(pending.call, FailureCode::StoreUnavailable, format!("the store refused: {message}"));
            }
        }
    }

    fn finish(&self, pending: &Pending) {
        if pending.stage() == Stage::Spooled {
            self.spooled.set(self.spooled.get() - 1);
        }
        pending.set_stage(Stage::Answered);
    }
}

/// Whether an operation must not run late: those that change something nobody would hear of.
/// Spent tokens are recorded however late they arrive.
fn has_deadline(role: Role, operation: &Operation) -> bool {
    matches!(role, Role::Reserve | Role::Other) && operation.writes()
}

/// A reservation that held nothing has ended.
fn unheld_settled(call: CallId, settlement: &Settlement) -> Answer {
    match settlement.recorded {
        0 => Answer::Done { call },
        _ => Answer::Outcome { call, outcome: Outcome::Tracked { duplicate: false, transitions: Vec::new() } },
    }
}

/// Takes out what nobody counts on any more. Only while the store has surely not seen the batch.
fn drop_dead(batch: &mut Batch, calls: &mut Vec<Rc<Pending>>) {
    let mut is_dead = calls.iter().map(|call| call.is_dead(false)).collect::<Vec<_>>().into_iter();
    batch.requests.retain(|_| !is_dead.next().unwrap_or(false));
    calls.retain(|call| !call.is_dead(false));
}

fn has_deadline_within(calls: &[Rc<Pending>], span: Duration) -> bool {
    let soon = Instant::now() + span;
    calls.iter().any(|call| call.is_waiting() && call.deadline <= soon)
}
