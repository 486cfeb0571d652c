//! Recording tokens that are gone.

use super::holds::Hold;
use super::requests::Sighting;
use super::state::Section;
use super::{Context, OrchestratorState, Written};
use crate::domain::error::OperationError;
use crate::domain::identifier::ReservationId;
use crate::domain::period::{PERIOD_COUNT, Period};
use crate::domain::threshold::{Transition, Unit};
use crate::domain::tokens;
use crate::domain::usage::{Parts, Usage, write_history_record};

/// How reporting a usage ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracked {
    /// Whether it was known already by its request id, so that nothing was counted.
    pub duplicate: bool,
    pub transitions: Vec<Transition>,
}

impl OrchestratorState {
    /// Records `usage`, whatever the limit.
    ///
    /// # Errors
    ///
    /// [`OperationError::RequestConflict`] when the request id is known with other numbers.
    pub fn track(&mut self, context: &Context<'_>, usage: &Usage) -> Written<Result<Tracked, OperationError>> {
        self.write(context, |state| state.report(context, usage))
    }

    pub(super) fn report(&mut self, context: &Context<'_>, usage: &Usage) -> Result<Tracked, OperationError> {
        match self.sighting(context, usage) {
            Sighting::New => {
                let transitions = self.record(context, usage, None, None);
                Ok(Tracked { duplicate: false, transitions })
            }
            Sighting::Duplicate => Ok(Tracked { duplicate: true, transitions: Vec::new() }),
            Sighting::Conflict => Err(conflict(usage)),
        }
    }

    pub(super) fn sighting(&self, context: &Context<'_>, usage: &Usage) -> Sighting {
        self.requests.look(usage, context.now_ms, context.policy.idempotency_ttl_ms)
    }

    /// Counts `usage` and looks at the levels. `held` is an open reservation that ends with it: it
    /// counts as held until just before.
    pub(super) fn record(
        &mut self,
        context: &Context<'_>,
        usage: &Usage,
        reservation: Option<&ReservationId>,
        held: Option<&Hold>,
    ) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let mut counts = [false; PERIOD_COUNT];
        let cost_levels = (usage.cost_micros > 0).then(|| self.cost_levels(context));
        for period in Period::ALL {
            let limit = self.limit(context, period);
            let section = &mut self.sections[period.index()];
            let level_just_before = section.level(limit);
            held.filter(|hold| hold.periods.contains(period)).inspect(|hold| section.give_back(hold));
            if !section.counts(usage, context.now_ms) {
                continue;
            }
            counts[period.index()] = true;
            section.grow(usage);
            if usage.total > 0 {
                transitions.extend(section.look(context, period, limit, level_just_before));
            }
        }
        if let Some(just_before) = cost_levels {
            transitions.extend(self.record_cost(context, usage, counts, just_before));
        }
        self.keep(context, usage, reservation, counts);
        self.models.count(&usage.model, usage.total, counts);
        self.requests.remember(usage, context.now_ms);
        transitions
    }

    /// Appends a record to the history of the periods that `counts` marks.
    fn keep(
        &mut self,
        context: &Context<'_>,
        usage: &Usage,
        reservation: Option<&ReservationId>,
        counts: [bool; PERIOD_COUNT],
    ) {
        let limit = context.policy.history_limit;
        if limit == 0 || counts == [false; PERIOD_COUNT] {
            return;
        }
        let number = self.history.append(counts, |json| write_history_record(json, usage, reservation));
        for period in Period::ALL.into_iter().filter(|period| counts[period.index()]) {
            self.history.extend(&mut self.sections[period.index()].history, period, number, limit);
        }
        self.trim_history();
    }
}

impl Section {
    /// Whether `usage` belongs to the window. While the clock is behind the window's start, what
    /// happens now (or later) counts as happening at its start.
    fn counts(&self, usage: &Usage, now_ms: u64) -> bool {
        let earliest_ms = self.window.start_ms.min(now_ms);
        usage.occurred_at_ms.is_none_or(|occurred_at_ms| occurred_at_ms >= earliest_ms)
    }

    fn grow(&mut self, usage: &Usage) {
        let (sum, parts) = (self.parts, usage.parts);
        self.used = tokens::add(self.used, usage.total);
        self.parts = Parts {
            prompt: tokens::add(sum.prompt, parts.prompt),
            completion: tokens::add(sum.completion, parts.completion),
            cache_read: tokens::add(sum.cache_read, parts.cache_read),
            cache_write: tokens::add(sum.cache_write, parts.cache_write),
            reasoning: tokens::add(sum.reasoning, parts.reasoning),
        };
        self.unattributed = tokens::add(self.unattributed, parts.unattributed(usage.total));
    }

    /// Keeps the level and tells when it crossed a threshold.
    fn look(
        &mut self,
        context: &Context<'_>,
        period: Period,
        limit: Option<u64>,
        level_just_before: f64,
    ) -> Option<Transition> {
        let level_before = self.level.min(level_just_before);
        self.level = self.level(limit);
        let transition = Transition {
            period,
            unit: Unit::Tokens,
            level_before,
            level_after: self.level,
            used: self.used,
            reserved: self.reserved,
            limit: limit?,
            at_ms: context.now_ms,
        };
        let has_crossed = transition.crossed(&context.policy.thresholds).next().is_some();
        has_crossed.then_some(transition)
    }
}

pub(super) fn conflict(usage: &Usage) -> OperationError {
    OperationError::RequestConflict { request_id: usage.request_id.clone().unwrap_or_default() }
}
