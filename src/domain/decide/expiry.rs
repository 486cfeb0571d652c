//! What every writing batch does first: windows, then expiry.

use super::holds::Hold;
use super::{Context, OrchestratorState, Written};
use crate::domain::period::Period;
use crate::domain::reservation::ExpiredReservation;

impl OrchestratorState {
    /// Steps 2 and 3 of a writing batch. Returns the reservations found expired.
    pub(super) fn begin(&mut self, context: &Context<'_>) -> Vec<ExpiredReservation> {
        self.turn_windows(context);
        self.tidy(context);
        self.expire(context)
    }

    /// One writing operation from its beginning to its answer.
    pub(super) fn write<T>(
        &mut self,
        context: &Context<'_>,
        decide: impl FnOnce(&mut Self) -> T,
    ) -> Written<T> {
        let expired = self.begin(context);
        let answer = decide(self);
        Written { answer, expired, next_expiry_ms: self.next_expiry_ms() }
    }

    /// When the next reservation that holds tokens expires. It may have expired already, when no
    /// writing batch or sweep has come by since.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.open.first_expiry_ms()
    }

    /// Gives back what expired and does nothing else.
    pub fn sweep(&mut self, context: &Context<'_>) -> Written<()> {
        self.write(context, |_| ())
    }

    /// Step 2: a section whose window is over starts anew.
    fn turn_windows(&mut self, context: &Context<'_>) {
        for period in Period::ALL {
            let section = &mut self.sections[period.index()];
            let (window, is_current) = section.in_force(context.windows[period.index()]);
            if is_current {
                section.window = window;
                continue;
            }
            section.restart(window);
            match period {
                Period::Monthly => self.models.clear(),
                _ => self.models.restart(period),
            }
        }
    }

    /// Step 3: expired reservations give their tokens back and are remembered.
    fn expire(&mut self, context: &Context<'_>) -> Vec<ExpiredReservation> {
        let mut expired = Vec::new();
        while let Some((key, hold)) = self.open.pop_due(context.now_ms) {
            self.give_back(&hold);
            if self.can_settle_late(context, &hold) {
                self.expired.insert(key, hold);
            }
            expired.push(hold.to_reservation(key, context.orchestrator));
        }
        expired
    }

    pub(super) fn can_settle_late(&self, context: &Context<'_>, hold: &Hold) -> bool {
        hold.expires_at_ms.saturating_add(context.policy.late_settle_ttl_ms) > context.now_ms
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
    }
}
