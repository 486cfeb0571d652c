//! What callers are told while the store does not answer.

use std::rc::Rc;

use super::pending::{Pending, Role, Stage};
use super::queue::Queue;
use super::tracker::Tracker;
use super::work::Subject;
use crate::domain::calendar::Window;
use crate::domain::identifier::{OrchestratorId, UnheldId};
use crate::domain::operation::{CostView, PeriodView};
use crate::domain::period::Period;
use crate::service::answer::{Answer, CallId, FailureCode};
use crate::service::settings::OnStoreError;

impl Tracker {
    /// Whether it is clear, without waiting, that there is no connection.
    pub(super) fn is_known_down(&self) -> bool {
        let was_due = self.ever_connected.get() || self.opened_at.elapsed() > self.settings.redis.connect_timeout;
        was_due && !self.link.is_connected()
    }

    /// Tells the caller that its usage is kept until the store has it. `false` when the spool is
    /// full. What the store may have done already is kept in any case: "not counted" could be wrong.
    pub(super) fn spool(&self, pending: &Pending) -> bool {
        if self.spooled.get() >= self.settings.spool_limit && !pending.may_be_applied.get() {
            return false;
        }
        self.spooled.set(self.spooled.get() + 1);
        pending.set_stage(Stage::Spooled);
        self.answer(|push| push(Answer::Spooled { call: pending.call }));
        true
    }

    /// The call ran out of time.
    pub(super) fn on_deadline(&self, pending: &Rc<Pending>, queue: &Queue) {
        if pending.role == Role::Usage {
            return self.on_usage_deadline(pending, queue);
        }
        if !self.answer_by_policy(pending, &queue.subject) {
            self.fail_late(pending.call);
        }
        pending.set_stage(Stage::Answered);
        queue.note_answered();
    }

    /// Answers a check or a reservation that the store did not decide, as `onStoreError` asks for.
    /// `false` when it is to be rejected, as everything is that no budget is about.
    pub(super) fn answer_by_policy(&self, pending: &Pending, subject: &Subject) -> bool {
        let Subject::Budget(orchestrator) = subject else { return false };
        match (pending.role, self.settings.on_store_error) {
            (Role::Check, OnStoreError::Allow) => self.answer_store_down(pending.call, true),
            (Role::Check, OnStoreError::Deny) => self.answer_store_down(pending.call, false),
            (Role::Reserve, OnStoreError::Allow) => self.grant_unheld(pending.call, orchestrator),
            (Role::Reserve, OnStoreError::Deny) => self.deny_unheard(pending.call),
            _ => return false,
        }
        true
    }

    fn on_usage_deadline(&self, pending: &Rc<Pending>, queue: &Queue) {
        if self.spool(pending) {
            return;
        }
        let limit = self.settings.spool_limit;
        let state = if self.link.is_connected() { "does not keep up" } else { "is away" };
        let message = format!("the store {state} and {limit} usages wait for it already; this one is not kept");
        self.fail(pending.call, FailureCode::StoreUnavailable, message);
        pending.set_stage(Stage::Answered);
        queue.note_answered();
    }

    fn fail_late(&self, call: CallId) {
        let timeout_ms = self.settings.command_timeout.as_millis();
        if self.link.is_connected() {
            self.fail(call, FailureCode::Timeout, format!("the store did not answer within {timeout_ms} ms"));
        } else {
            let message = format!("the store cannot be reached: {}", self.link.trouble());
            self.fail(call, FailureCode::StoreUnavailable, message);
        }
    }

    fn answer_store_down(&self, call: CallId, allowed: bool) {
        self.answer(|push| push(Answer::StoreDown { call, allowed }));
    }

    /// Grants a reservation that holds nothing, as the caller's settings ask for.
    fn grant_unheld(&self, call: CallId, orchestrator: &OrchestratorId) {
        let id = UnheldId::generate(orchestrator).as_str().to_owned();
        let created_at_ms = crate::store::Store::now_ms(&self.store);
        self.answer(|push| {
            push(Answer::Reserved {
                call,
                id,
                created_at_ms,
                expires_at_ms: created_at_ms,
                remaining: None,
                store_down: true,
            });
        });
    }

    fn deny_unheard(&self, call: CallId) {
        let window = Window { start_ms: 0, end_ms: 0 };
        let view = PeriodView {
            period: Period::Hourly,
            used: 0,
            reserved: 0,
            limit: Some(0),
            window,
            paused_until_ms: None,
            cost: CostView::default(),
        };
        self.answer(|push| push(Answer::Denied { call, view, store_down: true }));
    }

    /// The caller no longer waits for the answer of `call`.
    pub(super) fn forget(&self, call: CallId) {
        if let Some((pending, queue)) = self.deadlines.find(call) {
            // Spent tokens are recorded whether or not anybody waits to hear of it.
            if pending.role != Role::Usage {
                pending.set_stage(Stage::Answered);
                queue.note_answered();
            }
        }
    }
}
