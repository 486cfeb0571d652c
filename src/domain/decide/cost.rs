//! Money beside the tokens, in micro-units of the currency.

use serde::{Deserialize, Serialize};

use super::state::Section;
use super::{Context, OrchestratorState};
use crate::domain::period::{PERIOD_COUNT, Period};
use crate::domain::threshold::{Transition, Unit};
use crate::domain::tokens;
use crate::domain::usage::Usage;

/// The money of one period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct CostSection {
    pub used: u64,
    pub reserved: u64,
    /// The level at the last recording.
    pub level: f64,
}

impl CostSection {
    fn level(&self, limit: Option<u64>) -> f64 {
        limit.map_or(0.0, |limit| tokens::level(self.used, self.reserved, limit))
    }
}

/// How full the periods were just before a recording.
pub(super) type CostLevels = [f64; PERIOD_COUNT];

impl OrchestratorState {
    /// Money held in `period`, that of reservations that expired not counted.
    pub(super) fn held_cost(&self, now_ms: u64, period: Period) -> u64 {
        let held = self.sections[period.index()].cost.reserved;
        if held == 0 || !self.open.has_due(now_ms) {
            return held;
        }
        let due = self.open.due(now_ms).filter(|hold| hold.periods.contains(period));
        due.fold(held, |held, hold| held.saturating_sub(hold.cost_micros))
    }

    /// To be asked before anything is given back.
    pub(super) fn cost_levels(&self, context: &Context<'_>) -> CostLevels {
        Period::ALL.map(|period| self.sections[period.index()].cost.level(self.cost_limit(context, period)))
    }

    /// Counts what `usage` cost in the periods that `counts` marks, and looks at the levels.
    pub(super) fn record_cost(
        &mut self,
        context: &Context<'_>,
        usage: &Usage,
        counts: [bool; PERIOD_COUNT],
        just_before: CostLevels,
    ) -> Vec<Transition> {
        let mut transitions = Vec::new();
        for period in Period::ALL.into_iter().filter(|period| counts[period.index()]) {
            let limit = self.cost_limit(context, period);
            let section = &mut self.sections[period.index()];
            section.cost.used = tokens::add(section.cost.used, usage.cost_micros);
            transitions.extend(section.look_at_cost(context, period, limit, just_before[period.index()]));
        }
        transitions
    }
}

impl Section {
    fn look_at_cost(
        &mut self,
        context: &Context<'_>,
        period: Period,
        limit: Option<u64>,
        just_before: f64,
    ) -> Option<Transition> {
        let cost = &mut self.cost;
        let level_before = cost.level.min(just_before);
        cost.level = cost.level(limit);
        let (used, reserved, at_ms) = (cost.used, cost.reserved, context.now_ms);
        let (unit, level_after, limit) = (Unit::Cost, cost.level, limit?);
        let transition = Transition { period, unit, level_before, level_after, used, reserved, limit, at_ms };
        let has_crossed = transition.crossed(&context.policy.thresholds).next().is_some();
        has_crossed.then_some(transition)
    }
}
