//! Ending a reservation.

use super::holds::Hold;
use super::requests::Sighting;
use super::{Context, OrchestratorState, Written};
use crate::domain::error::OperationError;
use crate::domain::identifier::{ReservationId, UnheldId};
use crate::domain::operation::Settlement;
use crate::domain::period::Periods;
use crate::domain::usage::Usage;

/// A reservation that can be settled.
struct Found {
    hold: Hold,
    /// It expired and gave its tokens back already.
    late: bool,
}

impl OrchestratorState {
    /// Ends a reservation and records `usage` in full. Without usage, or with one of 0 tokens, it
    /// gives the tokens back and records nothing. What [`costs as held`](Usage::costs_as_held) costs its share
    /// of the money that was held, also when it is late.
    ///
    /// # Errors
    ///
    /// [`OperationError::ReservationNotFound`] when the reservation was settled before, is
    /// forgotten or never was; [`OperationError::RequestConflict`] when the request id is known
    /// with other numbers, in which case the reservation stays as it is.
    pub fn settle(
        &mut self,
        context: &Context<'_>,
        id: &ReservationId,
        usage: Option<&Usage>,
    ) -> Written<Result<Settlement, OperationError>> {
        self.write(context, |state| state.end(context, id, usage))
    }

    pub(super) fn end(
        &mut self,
        context: &Context<'_>,
        id: &ReservationId,
        usage: Option<&Usage>,
    ) -> Result<Settlement, OperationError> {
        let found = self.find(context, id)?;
        let Found { hold, late } = found;
        let mut settlement = Settlement {
            reserved: hold.tokens,
            periods: hold.periods,
            recorded: 0,
            overage: 0,
            reserved_cost: hold.cost_micros,
            recorded_cost: 0,
            late,
            duplicate: false,
            transitions: Vec::new(),
        };
        let held = (!late).then_some(&hold);
        let usage = usage.map(|usage| hold.charge(usage));
        match usage.as_deref().filter(|usage| usage.is_something()) {
            Some(usage) => match self.sighting(context, usage) {
                Sighting::New => {
                    settlement.recorded = usage.total;
                    settlement.recorded_cost = usage.cost_micros;
                    settlement.overage = usage.total.saturating_sub(hold.tokens);
                    settlement.transitions = self.record(context, usage, Some(id), held);
                }
                Sighting::Duplicate => {
                    settlement.duplicate = true;
                    held.inspect(|hold| self.give_back(hold));
                }
                Sighting::Conflict => return Err(super::track::conflict(usage)),
            },
            None => {
                held.inspect(|hold| self.give_back(hold));
            }
        }
        self.forget_reservation(id, late);
        Ok(settlement)
    }

    /// Ends a reservation that holds nothing, and records `usage` in full.
    pub(super) fn end_unheld(
        &mut self,
        context: &Context<'_>,
        id: &UnheldId,
        usage: Option<&Usage>,
    ) -> Result<Settlement, OperationError> {
        if self.requests.is_marked(id.mark(), context.now_ms, context.policy.idempotency_ttl_ms) {
            return Err(OperationError::ReservationNotFound { id: id.as_str().to_owned() });
        }
        let mut settlement = Settlement {
            reserved: 0,
            periods: Periods::ALL,
            recorded: 0,
            overage: 0,
            reserved_cost: 0,
            recorded_cost: 0,
            late: false,
            duplicate: false,
            transitions: Vec::new(),
        };
        if let Some(usage) = usage.filter(|usage| usage.is_something()) {
            match self.sighting(context, usage) {
                Sighting::New => {
                    settlement.recorded = usage.total;
                    settlement.recorded_cost = usage.cost_micros;
                    settlement.overage = usage.total;
                    settlement.transitions = self.record(context, usage, None, None);
                }
                Sighting::Duplicate => settlement.duplicate = true,
                Sighting::Conflict => return Err(super::track::conflict(usage)),
            }
        }
        self.requests.mark(id.mark(), context.now_ms);
        Ok(settlement)
    }

    fn find(&self, context: &Context<'_>, id: &ReservationId) -> Result<Found, OperationError> {
        let key = id.key();
        let open = self.open.get(&key).map(|hold| Found { hold: *hold, late: false });
        let found = open.or_else(|| {
            let expired = self.expired.get(&key);
            let hold = *expired.filter(|hold| self.lives.settles_late(hold, context.now_ms))?;
            Some(Found { hold, late: true })
        });
        found
            .filter(|_| id.orchestrator_encoded() == context.orchestrator.encoded())
            .ok_or_else(|| OperationError::ReservationNotFound { id: id.as_str().to_owned() })
    }

    fn forget_reservation(&mut self, id: &ReservationId, late: bool) {
        let holds = if late { &mut self.expired } else { &mut self.open };
        holds.remove(&id.key());
    }
}
