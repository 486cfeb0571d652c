//! What can be asked about the current windows.

use super::{Context, OrchestratorState};
use crate::domain::operation::Stats;
use crate::domain::period::Period;
use crate::domain::reservation::OpenReservation;
use crate::domain::usage::Parts;

impl OrchestratorState {
    pub(super) fn stats(&self, context: &Context<'_>, period: Period) -> Stats {
        let section = self.current_section(context, period);
        let (_, open_reservations) = self.held(context.now_ms, period);
        Stats {
            view: self.view(context, period),
            open_reservations,
            parts: section.map_or(Parts::default(), |section| section.parts),
            unattributed: section.map_or(0, |section| section.unattributed),
            models: section.map_or(Vec::new(), |_| self.top_models(context, period)),
        }
    }

    /// Records of the current window, newest first.
    pub(super) fn history(&self, context: &Context<'_>, period: Period, offset: u64, limit: u64) -> Vec<String> {
        let Some(section) = self.current_section(context, period) else { return Vec::new() };
        let newest_first = self.history.newest_first(section.history, period);
        page(newest_first, offset, limit).map(|record| record.to_string()).collect()
    }

    /// Open reservations, soonest expiry first, then by id.
    pub(super) fn reservations(
        &self,
        context: &Context<'_>,
        period: Option<Period>,
        offset: u64,
        limit: u64,
    ) -> Vec<OpenReservation> {
        let live = self.open.live(context.now_ms);
        let wanted = live.filter(|(_, hold)| period.is_none_or(|period| hold.periods.contains(period)));
        page(wanted, offset, limit).map(|(key, hold)| hold.to_reservation(key, context.orchestrator)).collect()
    }

    /// The list of names is emptied with the month, whatever became of the period itself.
    fn top_models(&self, context: &Context<'_>, period: Period) -> Vec<(String, u64)> {
        let is_same_month = self.current_section(context, Period::Monthly).is_some();
        if is_same_month { self.models.top(period) } else { Vec::new() }
    }
}

fn page<T>(items: impl Iterator<Item = T>, offset: u64, limit: u64) -> impl Iterator<Item = T> {
    let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
    items.skip(count(offset)).take(count(limit))
}
