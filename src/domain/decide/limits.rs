//! Limits in force: configured or set at run time, raised by overrides.

use super::{Context, OrchestratorState};
use crate::domain::operation::BudgetView;
use crate::domain::period::Period;
use crate::domain::policy::Limits;
use crate::domain::tokens;

impl OrchestratorState {
    /// The limit of `period` with live overrides; `None` is unlimited and stays so.
    pub(super) fn limit(&self, context: &Context<'_>, period: Period) -> Option<u64> {
        let base = self.base_limits(context).get(period)?;
        Some(tokens::add(base, self.overrides.extra(context.now_ms, period)))
    }

    /// The limit of `period` in micro-units of money; `None` is unlimited.
    pub(super) fn cost_limit(&self, context: &Context<'_>, period: Period) -> Option<u64> {
        let base = self.base_limits(context).cost[period.index()]?;
        Some(tokens::add(base, self.overrides.extra_cost(context.now_ms, period)))
    }

    pub(super) fn budget(&self, context: &Context<'_>) -> BudgetView {
        BudgetView {
            base: *self.base_limits(context),
            effective: Limits {
                tokens: Period::ALL.map(|period| self.limit(context, period)),
                cost: Period::ALL.map(|period| self.cost_limit(context, period)),
            },
            stored: self.limits.is_some(),
        }
    }

    /// Limits set at run time replace the configured ones as a whole.
    fn base_limits<'a>(&'a self, context: &'a Context<'_>) -> &'a Limits {
        self.limits.as_ref().unwrap_or(&context.configured)
    }
}
