//! Everything a store knows of one orchestrator, and how full its periods are.

use serde::{Deserialize, Serialize};

use super::Context;
use super::cost::CostSection;
use super::history::{History, Span};
use super::holds::Holds;
use super::life::Lives;
use super::models::Models;
use super::overrides::Overrides;
use super::requests::RequestLog;
use crate::domain::calendar::Window;
use crate::domain::operation::{CostView, Pause, PeriodView};
use crate::domain::period::{PERIOD_COUNT, Period};
use crate::domain::policy::Limits;
use crate::domain::tokens;
use crate::domain::usage::Parts;

/// The budget of one orchestrator.
///
/// ```
/// use std::sync::Arc;
/// use token_budget::domain::calendar::Calendar;
/// use token_budget::domain::decide::{Context, OrchestratorState};
/// use token_budget::domain::identifier::OrchestratorId;
/// use token_budget::domain::period::Period;
/// use token_budget::domain::policy::{Limits, Policy};
/// use token_budget::domain::usage::Usage;
///
/// let policy = Policy {
///     calendar: Calendar::parse("UTC").unwrap(),
///     thresholds: Arc::new([0.5]),
///     idempotency_ttl_ms: 3_600_000,
///     late_settle_ttl_ms: 3_600_000,
///     history_limit: 100,
///     broadcast: false,
/// };
/// let orchestrator = OrchestratorId::new("team-a").unwrap();
/// let limits = Limits::tokens([Some(100), None, None]);
/// let now = Context::new(&orchestrator, &policy, limits, 1_700_000_000_000);
///
/// let mut state = OrchestratorState::default();
/// let tracked = state.track(&now, &Usage { total: 60, ..Usage::default() }).answer.unwrap();
/// assert_eq!(tracked.transitions.len(), 1);
/// assert_eq!(state.check(&now, Period::Hourly).available(), Some(40));
/// ```
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrchestratorState {
    pub(super) sections: [Section; PERIOD_COUNT],
    pub(super) models: Models,
    pub(super) history: History,
    pub(super) open: Holds,
    /// Expired, and can still be settled late.
    pub(super) expired: Holds,
    pub(super) requests: RequestLog,
    /// Set at run time.
    pub(super) limits: Option<Limits>,
    pub(super) overrides: Overrides,
    pub(super) lives: Lives,
    /// May be over.
    #[serde(default)]
    pub(super) pause: Option<Pause>,
}

/// One period of an orchestrator.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Section {
    /// The window that everything but `reserved` and `open_count` belongs to.
    pub window: Window,
    pub used: u64,
    pub reserved: u64,
    /// Reservations that hold tokens in the period.
    pub open_count: u64,
    /// The level at the last recording.
    pub level: f64,
    pub parts: Parts,
    pub unattributed: u64,
    /// Its part of the orchestrator's history.
    pub history: Span,
    #[serde(default)]
    pub cost: CostSection,
}

impl Section {
    /// The window in force when the calendar says `window`, and whether it is the section's own.
    ///
    /// A section that is not over stays in force, though the clock went back behind its start or it was begun in
    /// another time zone: a budget is never granted twice.
    pub fn in_force(&self, window: Window, now_ms: u64) -> (Window, bool) {
        match now_ms < self.window.end_ms {
            true => (self.window, true),
            false => (window, false),
        }
    }

    /// Starts anew in `window`. What is held stays held.
    pub fn restart(&mut self, window: Window) {
        let (reserved, open_count) = (self.reserved, self.open_count);
        let cost = CostSection { reserved: self.cost.reserved, ..CostSection::default() };
        *self = Self { window, reserved, open_count, cost, ..Self::default() };
    }

    pub fn level(&self, limit: Option<u64>) -> f64 {
        limit.map_or(0.0, |limit| tokens::level(self.used, self.reserved, limit))
    }
}

impl OrchestratorState {
    /// How full `period` is. Writes nothing.
    pub fn check(&self, context: &Context<'_>, period: Period) -> PeriodView {
        self.view(context, period)
    }

    pub(super) fn view(&self, context: &Context<'_>, period: Period) -> PeriodView {
        let section = &self.sections[period.index()];
        let (window, is_current) = section.in_force(context.windows[period.index()], context.now_ms);
        let used = if is_current { section.used } else { 0 };
        let (reserved, _) = self.held(context.now_ms, period);
        let paused_until_ms = self.paused_until_ms(context.now_ms);
        let cost = CostView {
            used: if is_current { section.cost.used } else { 0 },
            reserved: self.held_cost(context.now_ms, period),
            limit: self.cost_limit(context, period),
        };
        PeriodView { period, used, reserved, limit: self.limit(context, period), window, paused_until_ms, cost }
    }

    /// Tokens held in `period` and by how many reservations, those that expired not counted.
    pub(super) fn held(&self, now_ms: u64, period: Period) -> (u64, u64) {
        let section = &self.sections[period.index()];
        let held = (section.reserved, section.open_count);
        if !self.open.has_due(now_ms) {
            return held;
        }
        let due = self.open.due(now_ms).filter(|hold| hold.periods.contains(period));
        due.fold(held, |(reserved, count), hold| (reserved.saturating_sub(hold.tokens), count.saturating_sub(1)))
    }

    /// Lets go of records that no period keeps any more.
    pub(super) fn trim_history(&mut self) {
        self.history.trim(self.sections.each_ref().map(|section| section.history));
    }

    /// The section of `period` as long as its window is in force.
    pub(super) fn current_section(&self, context: &Context<'_>, period: Period) -> Option<&Section> {
        let section = &self.sections[period.index()];
        let (_, is_current) = section.in_force(context.windows[period.index()], context.now_ms);
        is_current.then_some(section)
    }
}
