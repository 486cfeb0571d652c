//! Holding tokens for a call in flight.

use super::holds::Hold;
use super::{Context, OrchestratorState, Written};
use crate::domain::identifier::ReservationId;
use crate::domain::operation::PeriodView;
use crate::domain::period::Periods;
use crate::domain::tokens;

/// How asking for a reservation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserving {
    Granted(Grant),
    /// The first period, shortest first, in which tokens or money do not fit, or the shortest of a paused
    /// orchestrator. Nothing is held.
    Denied(PeriodView),
}

/// A reservation that holds its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
    /// The least that is left over the limited periods of the reservation.
    pub remaining: Option<u64>,
}

/// What a reservation is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    pub tokens: u64,
    /// Micro-units of the currency.
    pub cost_micros: u64,
}

/// Tokens alone.
impl From<u64> for Amount {
    fn from(tokens: u64) -> Self {
        Self { tokens, cost_micros: 0 }
    }
}

impl OrchestratorState {
    /// Holds `amount` in each of `periods`, or nothing. Asked twice with one id it holds once.
    /// `ttl_ms` is at least 1: a reservation lives beyond the batch that makes it.
    pub fn reserve(
        &mut self,
        context: &Context<'_>,
        id: &ReservationId,
        amount: impl Into<Amount>,
        periods: Periods,
        ttl_ms: u64,
    ) -> Written<Reserving> {
        let amount = amount.into();
        self.write(context, |state| state.hold(context, id, amount, periods, ttl_ms))
    }

    pub(super) fn hold(
        &mut self,
        context: &Context<'_>,
        id: &ReservationId,
        amount: Amount,
        periods: Periods,
        ttl_ms: u64,
    ) -> Reserving {
        let Amount { tokens, cost_micros } = amount;
        let key = id.key();
        if let Some(hold) = self.open.get(&key) {
            return Reserving::Granted(self.grant(context, hold));
        }
        let mut views = periods.iter().map(|period| self.view(context, period));
        let full = views.find(|view| {
            view.paused_until_ms.is_some()
                || view.available().is_some_and(|available| tokens > available)
                || view.cost.is_exceeded_by(cost_micros)
        });
        if let Some(view) = full {
            return Reserving::Denied(view);
        }
        let created_at_ms = context.now_ms;
        let expires_at_ms = created_at_ms.saturating_add(ttl_ms);
        let hold = Hold { tokens, periods, created_at_ms, expires_at_ms, cost_micros };
        for period in periods.iter() {
            let section = &mut self.sections[period.index()];
            section.reserved = tokens::add(section.reserved, tokens);
            section.cost.reserved = tokens::add(section.cost.reserved, cost_micros);
            section.open_count += 1;
        }
        self.open.insert(key, hold);
        Reserving::Granted(self.grant(context, &hold))
    }

    fn grant(&self, context: &Context<'_>, hold: &Hold) -> Grant {
        let views = hold.periods.iter().map(|period| self.view(context, period));
        Grant {
            created_at_ms: hold.created_at_ms,
            expires_at_ms: hold.expires_at_ms,
            remaining: views.filter_map(|view| view.available()).min(),
        }
    }
}
