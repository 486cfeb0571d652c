//! Batches: operations of one orchestrator, in order.

use super::reserve::{Amount, Grant, Reserving};
use super::track::Tracked;
use super::{Context, OrchestratorState};
use crate::domain::error::OperationError;
use crate::domain::operation::{Operation, Outcome, Receipt, Request};
use crate::domain::period::{Period, Periods};

/// Decides `requests` in their order at the instant of `context`.
///
/// When all of them only read, nothing is written and nothing is listed as expired.
pub fn apply(state: &mut OrchestratorState, context: &Context<'_>, requests: &[Request]) -> Receipt {
    let writes = requests.iter().any(|request| request.operation.writes());
    let expired = if writes { state.begin(context, requests.len()) } else { Vec::new() };
    let outcomes = requests.iter().map(|request| {
        let has_passed = request.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= context.now_ms);
        if has_passed { Err(OperationError::DeadlinePassed) } else { state.decide(context, &request.operation) }
    });
    let outcomes = outcomes.collect();
    Receipt { now_ms: context.now_ms, outcomes, expired, next_expiry_ms: state.next_expiry_ms() }
}

impl OrchestratorState {
    fn decide(&mut self, context: &Context<'_>, operation: &Operation) -> Result<Outcome, OperationError> {
        Ok(match operation {
            Operation::Check { period, tokens: _ } => Outcome::Check(self.view(context, *period)),
            Operation::Reserve { id, tokens, periods, ttl_ms, cost_micros } => {
                let amount = Amount { tokens: *tokens, cost_micros: *cost_micros };
                self.hold(context, id, amount, *periods, *ttl_ms).into()
            }
            Operation::Settle { id, usage } => Outcome::Settled(self.end(context, id, usage.as_ref())?),
            Operation::SettleUnheld { id, usage } => Outcome::Settled(self.end_unheld(context, id, usage.as_ref())?),
            Operation::Track(usage) => self.report(context, usage)?.into(),
            Operation::Stats { period } => Outcome::Stats(self.stats(context, *period)),
            Operation::SetBudget(limits) => {
                self.limits = *limits;
                Outcome::BudgetSet
            }
            Operation::GetBudget => Outcome::Budget(self.budget(context)),
            Operation::SetOverride(entry) => match self.overrides.set(entry, context.now_ms) {
                true => Outcome::OverrideSet,
                false => return Err(OperationError::TooManyOverrides),
            },
            Operation::RemoveOverride { id } => Outcome::OverrideRemoved(self.overrides.remove(id)),
            Operation::ListOverrides { period } => Outcome::Overrides(self.overrides.list(context.now_ms, *period)),
            Operation::ListReservations { period, offset, limit } => {
                Outcome::Reservations(self.reservations(context, *period, *offset, *limit))
            }
            Operation::History { period, offset, limit } => {
                Outcome::History(self.history(context, *period, *offset, *limit))
            }
            Operation::ClearThresholds { period } => {
                self.clear_thresholds(*period);
                Outcome::ThresholdsCleared
            }
            Operation::Sweep => Outcome::Swept,
            Operation::Pause { until_ms, document_json } => {
                Outcome::Pause(self.set_pause(context.now_ms, *until_ms, document_json))
            }
            Operation::Resume => Outcome::Resumed(self.resume(context.now_ms)),
            Operation::GetPause => Outcome::Pause(self.pause_in_force(context.now_ms).cloned()),
        })
    }

    fn clear_thresholds(&mut self, period: Option<Period>) {
        for period in period.map_or(Periods::ALL, Periods::from).iter() {
            let section = &mut self.sections[period.index()];
            (section.level, section.cost.level) = (0.0, 0.0);
        }
    }
}

impl From<Reserving> for Outcome {
    fn from(reserving: Reserving) -> Self {
        match reserving {
            Reserving::Denied(view) => Outcome::Denied(view),
            Reserving::Granted(Grant { created_at_ms, expires_at_ms, remaining }) => {
                Outcome::Reserved { created_at_ms, expires_at_ms, remaining }
            }
        }
    }
}

impl From<Tracked> for Outcome {
    fn from(Tracked { duplicate, transitions }: Tracked) -> Self {
        Outcome::Tracked { duplicate, transitions }
    }
}
