//! The frequent operations, one at a time.

use std::sync::Arc;

use super::line::{NewPlace, order_key};
use super::state::{LimiterState, Moment};
use super::turns::Turns;
use crate::domain::rate_limit::amounts::Amounts;
use crate::domain::rate_limit::operation::{Priority, Reason, Signals, Verdict};
use crate::domain::rate_limit::terms::Policy;
use crate::domain::tokens::{self, MAX_TOKENS};

/// A call that somebody wants to make. `requests` of its amounts is 1.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// See [`PermitId`](crate::domain::rate_limit::operation::PermitId); means nothing to
    /// [`LimiterState::check`].
    pub id: &'a str,
    pub amounts: Amounts,
    pub priority: Priority,
    pub agent: &'a str,
    pub wait: bool,
}

/// The answer to [`LimiterState::acquire`]; see [`Outcome`](crate::domain::rate_limit::operation::Outcome).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Granted { admitted_at_ms: u64, expires_at_ms: u64 },
    Waiting { wait_ms: u64, reason: Reason, ahead: u64 },
    Refused(Verdict),
    LineFull,
}

/// The answer to [`LimiterState::settle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settlement {
    /// Whether there was such a permit.
    pub known: bool,
    /// Its time was over.
    pub late: bool,
    pub estimated: Amounts,
}

/// An answer, and what came with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered<T> {
    pub now_ms: u64,
    pub answer: T,
    pub turns: Turns,
}

impl LimiterState {
    /// Admits the call, or lets it wait. A call that waited may be among the `granted` at once.
    pub fn acquire(&mut self, now_ms: u64, client: &str, policy: &Policy, ask: &Ask<'_>) -> Answered<Admission> {
        self.change(now_ms, client, policy, |state, moment| state.ask(moment, ask))
    }

    /// The call was made, and used so much.
    pub fn settle(
        &mut self,
        now_ms: u64,
        client: &str,
        policy: &Policy,
        id: &str,
        used: Amounts,
        signals: Option<&Signals>,
    ) -> Answered<Settlement> {
        self.change(now_ms, client, policy, |state, moment| state.end_call(moment, id, used, signals))
    }

    /// The call is not made: gives everything back. Whether there was a permit or place.
    pub fn cancel(&mut self, now_ms: u64, client: &str, policy: &Policy, id: &str) -> Answered<bool> {
        self.change(now_ms, client, policy, |state, _| state.call_off(id))
    }

    /// Turns what waits into permits where it fits, and says that the client lives.
    pub fn poll(&mut self, now_ms: u64, client: &str, policy: &Policy) -> Answered<()> {
        self.change(now_ms, client, policy, |_, _| ())
    }

    /// Could the call be made? Consumes nothing.
    pub fn check(&mut self, now_ms: u64, client: &str, policy: &Policy, ask: &Ask<'_>) -> Verdict {
        let now_ms = self.pass(now_ms, policy);
        let set_terms = self.set_terms.clone();
        let terms = set_terms.as_deref().unwrap_or(&policy.configured);
        self.verdict(&Moment { now_ms, client, policy, terms }, ask)
    }

    /// One operation that can change something, with all that belongs around it.
    fn change<T>(
        &mut self,
        now_ms: u64,
        client: &str,
        policy: &Policy,
        decide: impl FnOnce(&mut Self, &Moment<'_>) -> T,
    ) -> Answered<T> {
        let now_ms = self.begin(now_ms, client, policy);
        let set_terms = self.set_terms.clone();
        let terms = set_terms.as_deref().unwrap_or(&policy.configured);
        let moment = Moment { now_ms, client, policy, terms };
        let answer = decide(self, &moment);
        let turns = self.take_turns(&moment);
        self.rest(&moment);
        Answered { now_ms, answer, turns }
    }

    pub(super) fn ask(&mut self, moment: &Moment<'_>, ask: &Ask<'_>) -> Admission {
        if let Some(permit) = self.permits.get(ask.id) {
            let (admitted_at_ms, expires_at_ms) = (permit.admitted_at_ms, permit.expires_at_ms);
            return Admission::Granted { admitted_at_ms, expires_at_ms };
        }
        if let Some((number, key)) = self.places.get(ask.id).copied() {
            let found = self.agents.get(number).line.get(&key).map(|place| (place.amounts, place.priority));
            let (amounts, priority) = found.unwrap_or((ask.amounts, ask.priority));
            let (wait_ms, reason) = self.hindrance(moment, number, amounts, priority, key);
            let reason = reason.unwrap_or(Reason::Line);
            return Admission::Waiting { wait_ms, reason, ahead: self.ahead(number, key) };
        }
        if let Some(never) = self.never(moment, ask.amounts, ask.priority) {
            return Admission::Refused(never);
        }
        let agent = self.agents.number_of(ask.agent);
        let key = order_key(ask.priority, moment.now_ms, self.arrivals + 1);
        match self.hindrance(moment, agent, ask.amounts, ask.priority, key) {
            (_, None) => {
                let expires_at_ms = self.admit(moment, agent, Arc::from(ask.id), ask.amounts);
                Admission::Granted { admitted_at_ms: moment.now_ms, expires_at_ms }
            }
            (wait_ms, Some(reason)) if !ask.wait => Admission::Refused(Verdict::Wait { wait_ms, reason }),
            _ if self.places.len() as u64 >= moment.policy.line_max => Admission::LineFull,
            (wait_ms, Some(reason)) => {
                let place = NewPlace { id: ask.id, amounts: ask.amounts, priority: ask.priority };
                let ahead = self.join_line(moment, agent, place);
                Admission::Waiting { wait_ms, reason, ahead }
            }
        }
    }

    pub(super) fn verdict(&self, moment: &Moment<'_>, ask: &Ask<'_>) -> Verdict {
        if let Some(never) = self.never(moment, ask.amounts, ask.priority) {
            return never;
        }
        let agent = self.agents.number_of(ask.agent);
        let key = order_key(ask.priority, moment.now_ms, self.arrivals + 1);
        match self.hindrance(moment, agent, ask.amounts, ask.priority, key) {
            (_, None) => Verdict::Now,
            (wait_ms, Some(reason)) => Verdict::Wait { wait_ms, reason },
        }
    }

    /// How long a call has to wait as far as is known, and why, the line included: each that comes before keeps the
    /// pause between calls.
    #[inline]
    fn hindrance(
        &self,
        moment: &Moment<'_>,
        agent: u64,
        amounts: Amounts,
        priority: Priority,
        key: (u64, u64, u64),
    ) -> (u64, Option<Reason>) {
        let obstacles = self.obstacles(moment, agent, amounts, priority);
        if !self.is_behind_others(moment, agent, key) {
            return (obstacles.wait_ms, obstacles.reason);
        }
        let before = u128::from(self.ahead(agent, key).max(1));
        let paced_ms = (before * u128::from(moment.terms.pause_us) / 1_000).min(u128::from(MAX_TOKENS)) as u64;
        (tokens::add(obstacles.wait_ms, paced_ms), Some(Reason::Line))
    }
}
