//! The end of a call.

use super::direct::Settlement;
use super::state::{LimiterState, Moment, Permit};
use crate::domain::rate_limit::amounts::{Amounts, Unit};
use crate::domain::rate_limit::operation::Signals;

impl LimiterState {
    /// The call was made: what was estimated becomes what was used.
    pub(super) fn end_call(
        &mut self,
        moment: &Moment<'_>,
        id: &str,
        used: Amounts,
        signals: Option<&Signals>,
    ) -> Settlement {
        let Some(permit) = self.take_permit(id) else {
            // What the provider said is true of whatever request.
            signals.into_iter().for_each(|signals| self.observe(moment, signals, signals.sent_at_ms, [0; 4]));
            return Settlement::default();
        };
        let (estimated, used) = (permit.amounts, Amounts { requests: 1, ..used });
        // A part that has left: the answer was spoken in the meantime.
        let rest = Amounts { output_tokens: used.output_tokens, requests: 0, ..used.minus(estimated) };
        for window in &mut self.windows {
            if !window.parts.correct(permit.admitted_at_ms, estimated, used) {
                window.parts.add(moment.now_ms, rest);
            }
        }
        for parts in &mut self.agents.get_mut(permit.agent).windows {
            if !parts.correct(permit.admitted_at_ms, estimated, used) {
                parts.add(moment.now_ms, rest);
            }
        }
        let own = self.correct_quotas(&permit, used);
        if let Some(signals) = signals {
            self.observe(moment, signals, permit.admitted_at_ms, own);
        }
        self.settled_at_ms = moment.now_ms;
        Settlement { known: true, late: permit.is_late, estimated }
    }

    /// The call was not made: everything comes back. Ends a place in the line, too. Whether there was one.
    pub(super) fn call_off(&mut self, id: &str) -> bool {
        let Some(permit) = self.take_permit(id) else { return self.leave_line(id).is_some() };
        let none = Amounts::default();
        for window in &mut self.windows {
            window.parts.correct(permit.admitted_at_ms, permit.amounts, none);
        }
        for parts in &mut self.agents.get_mut(permit.agent).windows {
            parts.correct(permit.admitted_at_ms, permit.amounts, none);
        }
        self.correct_quotas(&permit, none);
        if let Some((last, before_us)) = self.last_admission
            && last == permit.number
        {
            self.next_admission_us = before_us;
            self.last_admission = None;
        }
        true
    }

    /// The permit ends.
    #[inline]
    fn take_permit(&mut self, id: &str) -> Option<Permit> {
        let permit = self.permits.remove(id)?;
        self.ends.remove(&permit.end());
        match permit.is_late {
            true => self.late -= 1,
            false => self.let_go(id, &permit),
        }
        Some(permit)
    }

    /// Answers what the call took of each quota and was not told, by [`Unit::index`]. A permit that expired before the
    /// last reading was counted as told by it.
    #[inline]
    fn correct_quotas(&mut self, permit: &Permit, used: Amounts) -> [u64; 4] {
        let mut own = [0; 4];
        for unit in Unit::ALL {
            let (was, is) = (permit.amounts.of(unit), used.of(unit));
            let quota = &mut self.quotas[unit.index()];
            if permit.is_late && permit.admitted_at_ms < quota.seen_at_ms {
                quota.take(is.saturating_sub(was));
                continue;
            }
            match is > was {
                true => quota.take(is - was),
                false => quota.give_back(was - is),
            }
            own[unit.index()] = is;
        }
        own
    }
}
