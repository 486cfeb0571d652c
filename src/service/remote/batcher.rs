//! Carries the queue of a subject to the store, batch by batch.

use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::SemaphorePermit;

use super::batch::{Batch, Receipt};
use super::pending::{Pending, Role, Stage};
use super::queue::{Entry, Queue};
use super::tracker::Tracker;
use super::window::STUCK_AFTER;
use super::work::Work;
use crate::domain::error::{Applied, OperationError, StoreError};
use crate::service::answer::{Answer, FailureCode};

/// How long one attempt may wait for an answer when nobody's deadline is nearer: usage in the spool.
const SPOOL_ATTEMPT: Duration = Duration::from_secs(1);

/// Pause before an attempt that follows a refusal to even try.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// An attempt ends so long before the first deadline of a usage, so that what happens to it is clear
/// when its caller is answered.
const DEADLINE_MARGIN: Duration = Duration::from_millis(5);

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
        if let Batch::Budget(batch) = &batch {
            self.note_ahead(batch);
        }
        // Of the first attempt: its receipt may be the one that is remembered.
        let asked_at = Instant::now();
        loop {
            let started = Instant::now();
            let deadline = self.attempt_deadline(&calls, started);
            calls.iter().for_each(|call| call.may_be_applied.set(true));
            match self.attempt(&batch, deadline, &mut place).await {
                Ok(receipt) => {
                    if let (Batch::Budget(batch), Receipt::Budget(receipt)) = (&batch, &receipt) {
                        self.note_expiries(&batch.orchestrator, &batch.requests, receipt.next_expiry_ms, asked_at);
                    }
                    return self.deliver(queue, batch, calls, receipt);
                }
                Err(StoreError::Refused { message }) => return self.refuse(queue, &calls, &message),
                Err(StoreError::Unavailable { applied, .. }) => {
                    batch.ticket().retry |= applied == Applied::Unknown;
                }
            }
            let may_be_applied = batch.ticket().retry;
            calls.iter().for_each(|call| call.may_be_applied.set(may_be_applied));
            if self.closed.get() || calls.iter().all(|call| call.is_dead(may_be_applied)) {
                return;
            }
            if self.closing.get() && batch.only_polls() {
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
        let mut answer = pin!(self.apply(batch, deadline));
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

    fn attempt_deadline(&self, calls: &[Rc<Pending>], now: Instant) -> Instant {
        let waiting = || calls.iter().filter(|call| call.is_waiting());
        let last = waiting().map(|call| call.deadline).max().unwrap_or(now).max(now + SPOOL_ATTEMPT);
        let usages = waiting().filter(|call| call.role == Role::Usage);
        usages.map(|call| call.deadline - DEADLINE_MARGIN).min().unwrap_or(last).min(last)
    }

    fn deliver(self: &Rc<Self>, queue: &Queue, batch: Batch, calls: Vec<Rc<Pending>>, receipt: Receipt) {
        match (batch, receipt) {
            (Batch::Budget(batch), Receipt::Budget(receipt)) => self.deliver_budget(queue, batch, calls, receipt),
            (Batch::Limit(batch), Receipt::Limit(receipt)) => self.deliver_limit(queue, batch, calls, receipt),
            (Batch::Credential(batch), Receipt::Credential(receipt)) => {
                self.deliver_credential(queue, batch, calls, receipt);
            }
            (Batch::Timer(batch), Receipt::Timer(receipt)) => self.deliver_timer(queue, batch, calls, receipt),
            (Batch::Breaker(batch), Receipt::Breaker(receipt)) => self.deliver_breaker(queue, batch, calls, receipt),
            _ => unreachable!("a receipt is of its batch's kind"),
        }
    }

    pub(super) fn deliver_error(&self, push: &mut dyn FnMut(Answer), pending: &Pending, error: &OperationError) {
        if pending.stage() == Stage::Answered {
            return;
        }
        self.finish(pending);
        push(Answer::Failed { call: pending.call, code: FailureCode::of(error), message: error.to_string() });
    }

    /// Asks again what the store found too late though its caller still waits: our picture of the store's clock
    /// was wrong; by now it is right.
    pub(super) fn ask_again(&self, queue: &Queue, again: Vec<(Rc<Pending>, Work)>) {
        for (pending, work) in again.into_iter().rev() {
            queue.push_first(Entry { pending, work, caller_skew_ms: 0 });
        }
    }

    /// The server answered with an error: sending again would meet the same one.
    fn refuse(&self, queue: &Queue, calls: &[Rc<Pending>], message: &str) {
        self.on_limit_refused();
        for pending in calls.iter().filter(|pending| pending.stage() != Stage::Answered) {
            self.finish(pending);
            if !self.answer_by_policy(pending, &queue.subject) {
                self.fail(pending.call, FailureCode::StoreUnavailable, format!("the store refused: {message}"));
            }
        }
    }

    pub(super) fn finish(&self, pending: &Pending) {
        if pending.stage() == Stage::Spooled {
            self.spooled.set(self.spooled.get() - 1);
        }
        pending.set_stage(Stage::Answered);
    }
}

/// Takes out what nobody counts on any more. Only while the store has surely not seen the batch.
fn drop_dead(batch: &mut Batch, calls: &mut Vec<Rc<Pending>>) {
    let mut is_dead = calls.iter().map(|call| call.is_dead(false)).collect::<Vec<_>>().into_iter();
    batch.retain(|| !is_dead.next().unwrap_or(false));
    calls.retain(|call| !call.is_dead(false));
}

fn has_deadline_within(calls: &[Rc<Pending>], span: Duration) -> bool {
    let soon = Instant::now() + span;
    calls.iter().any(|call| call.is_waiting() && call.deadline <= soon)
}
