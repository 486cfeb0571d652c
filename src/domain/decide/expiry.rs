//! What every writing batch does first: windows, then expiry.

use super::holds::Hold;
use super::{Context, OrchestratorState, Written};
use crate::domain::identifier::OrchestratorId;
use crate::domain::period::Period;
use crate::domain::reservation::ExpiredReservation;

impl OrchestratorState {
    /// Steps 2 and 3 of a writing batch. Returns the reservations found expired.
    pub(super) fn begin(&mut self, context: &Context<'_>, request_count: usize) -> Vec<ExpiredReservation> {
        self.turn_windows(context);
        self.tidy(context, request_count);
        self.expire(context.orchestrator, context.now_ms)
    }

    /// One writing operation from its beginning to its answer.
    pub(super) fn write<T>(&mut self, context: &Context<'_>, decide: impl FnOnce(&mut Self) -> T) -> Written<T> {
        let expired = self.begin(context, 1);
        let answer = decide(self);
        Written { answer, expired, next_expiry_ms: self.next_expiry_ms() }
    }

    /// When the next reservation that holds tokens expires. It may have expired already, when no
    /// writing batch or sweep has come by since.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.open.first_expiry_ms()
    }

    /// Gives back what expired, by the policy of the last writing batch. For stores that sweep
    /// without being asked.
    pub fn sweep(&mut self, orchestrator: &OrchestratorId, now_ms: u64) -> Vec<ExpiredReservation> {
        self.expire(orchestrator, now_ms)
    }

    /// Step 2: a section whose window is over starts anew.
    fn turn_windows(&mut self, context: &Context<'_>) {
        let mut has_restarted = false;
        for period in Period::ALL {
            let section = &mut self.sections[period.index()];
            let (window, is_current) = section.in_force(context.windows[period.index()], context.now_ms);
            if is_current {
                section.window = window;
                continue;
            }
            section.restart(window);
            has_restarted = true;
            match period {
                Period::Monthly => self.models.clear(),
                _ => self.models.restart(period),
            }
        }
        if has_restarted {
            self.trim_history();
        }
    }

    /// Step 3: expired reservations give their tokens back and are remembered.
    fn expire(&mut self, orchestrator: &OrchestratorId, now_ms: u64) -> Vec<ExpiredReservation> {
        let mut expired = Vec::new();
        while let Some((key, hold)) = self.open.pop_due(now_ms) {
            self.give_back(&hold);
            if self.lives.settles_late(&hold, now_ms) {
                self.expired.insert(key, hold);
            }
            expired.push(hold.to_reservation(key, orchestrator));
        }
        expired
    }

    pub(super) fn give_back(&mut self, hold: &Hold) {
        for period in hold.periods.iter() {
            self.sections[period.index()].give_back(hold);
        }
    }
}

impl super::state::Section {
    /// One reservation of this period ends.
    pub(super) fn give_back(&mut self, hold: &Hold) {
        self.reserved = self.reserved.saturating_sub(hold.tokens);
        self.open_count = self.open_count.saturating_sub(1);
        self.cost.reserved = self.cost.reserved.saturating_sub(hold.cost_micros);
    }
}
