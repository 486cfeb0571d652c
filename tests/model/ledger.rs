//! The ledger: a list of facts, and answers worked out from all of them each time.
//!
//! Deliberately simple and slow. It shares types and the calendar with the domain, and no decision.

use token_budget::domain::calendar::Window;
use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::{OrchestratorId, ReservationId};
use token_budget::domain::operation::*;
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::{Limits, Policy};
use token_budget::domain::reservation::OpenReservation;
use token_budget::domain::threshold::{Transition, Unit};
use token_budget::domain::tokens::{MAX_LEVEL, MAX_TOKENS};
use token_budget::domain::usage::{Parts, Usage, history_record};

/// One thing that happened to one orchestrator.
#[derive(Debug, Clone)]
enum Fact {
    /// A writing batch came by.
    Written {
        now_ms: u64,
    },
    Held(OpenReservation),
    GivenBack(OpenReservation),
    Expired(OpenReservation),
    SettledLate(ReservationId),
    /// In which windows (by their start) the usage counted.
    Used {
        usage: Usage,
        record: String,
        windows: [Option<u64>; 3],
    },
    Seen {
        now_ms: u64,
        usage: Usage,
    },
    Level {
        period: Period,
        unit: Unit,
        window: u64,
        level: f64,
    },
    Limits(Option<Limits>),
    OverrideSet(Override),
    OverrideEnded(String),
    Paused(Option<Pause>),
}

pub struct Ledger {
    pub orchestrator: OrchestratorId,
    pub policy: Policy,
    pub configured: Limits,
    now_ms: u64,
    facts: Vec<Fact>,
}

/// What is used and held.
#[derive(Clone, Copy)]
struct Spent {
    tokens: u64,
    cost: u64,
}

/// What `add` keeps of a sum that grows too large.
fn add(a: u64, b: u64) -> u64 {
    (a + b).min(MAX_TOKENS)
}

/// With the price of a token that the reservation stands for, where nobody says what they cost.
fn charge(reservation: &OpenReservation, usage: &Usage) -> Usage {
    let mut usage = usage.clone();
    if usage.costs_as_held && usage.total > 0 {
        let (held, used) = (u128::from(reservation.tokens), u128::from(usage.total));
        let money = u128::from(reservation.cost_micros);
        let whole = (money * used).checked_div(held).unwrap_or(money);
        let is_less = whole * held < money * used;
        usage.cost_micros =
            u64::try_from(whole + u128::from(is_less && held > 0)).unwrap_or(MAX_TOKENS).min(MAX_TOKENS);
    }
    usage
}

fn level(spent: u64, limit: Option<u64>) -> f64 {
    match limit {
        None => 0.0,
        Some(_) if spent == 0 => 0.0,
        Some(0) => MAX_LEVEL,
        Some(limit) => (spent.min(MAX_TOKENS) as f64 / limit as f64).min(MAX_LEVEL),
    }
}

fn numbers(usage: &Usage) -> (u64, Parts) {
    (usage.total, usage.parts)
}

impl Ledger {
    pub fn new(orchestrator: OrchestratorId, policy: Policy, configured: Limits) -> Self {
        Self { orchestrator, policy, configured, now_ms: 0, facts: Vec::new() }
    }

    pub fn apply(&mut self, now_ms: u64, requests: &[Request]) -> Receipt {
        self.now_ms = now_ms;
        let mut expired = Vec::new();
        if requests.iter().any(|request| request.operation.writes()) {
            self.facts.push(Fact::Written { now_ms });
            expired = self.open().into_iter().filter(|open| open.expires_at_ms <= now_ms).collect();
            for open in &expired {
                self.facts.push(Fact::GivenBack(open.clone()));
                self.facts.push(Fact::Expired(open.clone()));
            }
        }
        let mut outcomes = Vec::new();
        for request in requests {
            outcomes.push(match request.deadline_ms {
                Some(deadline_ms) if deadline_ms <= now_ms => Err(OperationError::DeadlinePassed),
                _ => self.decide(&request.operation),
            });
        }
        let next_expiry_ms = self.open().iter().map(|open| open.expires_at_ms).min();
        Receipt { now_ms, outcomes, expired, next_expiry_ms }
    }

    /// The latest end of a life that has ended by `now_ms`.
    pub fn last_end_ms(&self, now_ms: u64) -> u64 {
        let ends = self.facts.iter().map(|fact| match fact {
            Fact::Seen { now_ms, .. } => now_ms + self.policy.idempotency_ttl_ms,
            Fact::Expired(open) => open.expires_at_ms + self.policy.late_settle_ttl_ms,
            Fact::OverrideSet(entry) => entry.expires_at_ms,
            Fact::Paused(Some(Pause { until_ms: Some(until_ms), .. })) => *until_ms,
            _ => 0,
        });
        ends.filter(|end_ms| *end_ms <= now_ms).max().unwrap_or(0)
    }

    /// Whether a reservation still holds tokens at `now_ms`: one that has expired does not, even if
    /// nobody has swept it yet. Ids are random, so that none is ever reserved again after that.
    pub fn is_open(&self, id: &ReservationId, now_ms: u64) -> bool {
        self.open().iter().any(|open| open.id == *id && open.expires_at_ms > now_ms)
    }

    fn decide(&mut self, operation: &Operation) -> Result<Outcome, OperationError> {
        Ok(match operation {
            Operation::Check { period, .. } => Outcome::Check(self.view(*period)),
            Operation::Reserve { id, tokens, periods, ttl_ms, cost_micros } => {
                self.reserve(id, *tokens, *cost_micros, *periods, *ttl_ms)
            }
            Operation::Settle { id, usage } => self.settle(id, usage.as_ref())?,
            // Granted by a tracker whose store is away, never by a store.
            Operation::SettleUnheld { .. } => unreachable!("no step of the model asks for it"),
            Operation::Track(usage) => self.track(usage)?,
            Operation::Stats { period } => Outcome::Stats(self.stats(*period)),
            Operation::SetBudget(limits) => {
                self.facts.push(Fact::Limits(*limits));
                Outcome::BudgetSet
            }
            Operation::GetBudget => Outcome::Budget(BudgetView {
                base: self.base(),
                effective: Limits {
                    tokens: Period::ALL.map(|period| self.limit(period)),
                    cost: Period::ALL.map(|period| self.cost_limit(period)),
                },
                stored: self.stored().is_some(),
            }),
            Operation::SetOverride(entry) => {
                self.facts.push(Fact::OverrideSet(entry.clone()));
                Outcome::OverrideSet
            }
            Operation::RemoveOverride { id } => {
                let was_live = self.overrides(None).iter().any(|entry| entry.id == *id);
                self.facts.push(Fact::OverrideEnded(id.clone()));
                Outcome::OverrideRemoved(was_live)
            }
            Operation::ListOverrides { period } => Outcome::Overrides(self.overrides(*period)),
            Operation::ListReservations { period, offset, limit } => {
                let mut list = self.live();
                list.retain(|open| period.is_none_or(|period| open.periods.contains(period)));
                Outcome::Reservations(page(list, *offset, *limit))
            }
            Operation::History { period, offset, limit } => {
                let mut records: Vec<_> = self.used_in(*period).into_iter().map(|(_, record)| record).collect();
                records.reverse();
                records.truncate(self.policy.history_limit as usize);
                Outcome::History(page(records, *offset, *limit))
            }
            Operation::ClearThresholds { period } => {
                for period in period.map_or(Periods::ALL, Periods::from).iter() {
                    let window = self.window(period).start_ms;
                    self.facts.push(Fact::Level { period, unit: Unit::Tokens, window, level: 0.0 });
                    self.facts.push(Fact::Level { period, unit: Unit::Cost, window, level: 0.0 });
                }
                Outcome::ThresholdsCleared
            }
            Operation::Sweep => Outcome::Swept,
            Operation::Pause { until_ms, document_json } => {
                let (until_ms, document_json) = (*until_ms, document_json.clone());
                self.facts.push(Fact::Paused(Some(Pause { until_ms, since_ms: self.now_ms, document_json })));
                Outcome::Pause(self.pause())
            }
            Operation::Resume => {
                let was_paused = self.pause().is_some();
                self.facts.push(Fact::Paused(None));
                Outcome::Resumed(was_paused)
            }
            Operation::GetPause => Outcome::Pause(self.pause()),
        })
    }

    fn reserve(&mut self, id: &ReservationId, tokens: u64, cost_micros: u64, periods: Periods, ttl_ms: u64) -> Outcome {
        if !self.is_open(id, self.now_ms) {
            for period in periods.iter() {
                let view = self.view(period);
                if self.pause().is_some() {
                    return Outcome::Denied(view);
                }
                let exceeds = |wanted: u64, limit: Option<u64>, used: u64, reserved: u64| {
                    let left = limit.map(|limit| i128::from(limit) - i128::from(used) - i128::from(reserved));
                    wanted > 0 && left.is_some_and(|left| i128::from(wanted) > left)
                };
                if exceeds(tokens, view.limit, view.used, view.reserved)
                    || exceeds(cost_micros, view.cost.limit, view.cost.used, view.cost.reserved)
                {
                    return Outcome::Denied(view);
                }
            }
            let expires_at_ms = self.now_ms + ttl_ms;
            let id = id.clone();
            let created_at_ms = self.now_ms;
            self.facts.push(Fact::Held(OpenReservation {
                id,
                tokens,
                cost_micros,
                periods,
                created_at_ms,
                expires_at_ms,
            }));
        }
        let open = self.open().into_iter().find(|open| open.id == *id).unwrap();
        let left = open.periods.iter().filter_map(|period| self.view(period).available());
        let remaining = left.min();
        Outcome::Reserved { created_at_ms: open.created_at_ms, expires_at_ms: open.expires_at_ms, remaining }
    }

    fn settle(&mut self, id: &ReservationId, usage: Option<&Usage>) -> Result<Outcome, OperationError> {
        let open = self.open().into_iter().find(|open| open.id == *id);
        let late = open.is_none();
        let reservation = open
            .or_else(|| self.expired(id))
            .ok_or_else(|| OperationError::ReservationNotFound { id: id.as_str().to_owned() })?;
        let charged = usage.map(|usage| charge(&reservation, usage));
        let usage = charged.as_ref().filter(|usage| usage.total > 0 || usage.cost_micros > 0);
        let is_known = usage.map_or(Ok(false), |usage| self.is_known(usage))?;
        let spent_before = Period::ALL.map(|period| self.spent(period));
        self.facts.push(match late {
            true => Fact::SettledLate(id.clone()),
            false => Fact::GivenBack(reservation.clone()),
        });
        let recorded = usage.filter(|_| !is_known);
        let transitions = recorded.map_or(Vec::new(), |usage| self.record(usage, Some(id), spent_before));
        let recorded_cost = recorded.map_or(0, |usage| usage.cost_micros);
        let recorded = recorded.map_or(0, |usage| usage.total);
        Ok(Outcome::Settled(Settlement {
            reserved: reservation.tokens,
            periods: reservation.periods,
            recorded,
            overage: recorded.saturating_sub(reservation.tokens),
            reserved_cost: reservation.cost_micros,
            recorded_cost,
            late,
            duplicate: is_known,
            transitions,
        }))
    }

    fn track(&mut self, usage: &Usage) -> Result<Outcome, OperationError> {
        if self.is_known(usage)? {
            return Ok(Outcome::Tracked { duplicate: true, transitions: Vec::new() });
        }
        let spent_before = Period::ALL.map(|period| self.spent(period));
        let transitions = self.record(usage, None, spent_before);
        Ok(Outcome::Tracked { duplicate: false, transitions })
    }

    fn record(&mut self, usage: &Usage, id: Option<&ReservationId>, spent_before: [Spent; 3]) -> Vec<Transition> {
        let windows = Period::ALL.map(|period| {
            let start_ms = self.window(period).start_ms;
            let happened_ms = usage.occurred_at_ms.unwrap_or(u64::MAX);
            // While the clock is behind, now is the window's start.
            let counts = happened_ms >= start_ms || happened_ms >= self.now_ms;
            counts.then_some(start_ms)
        });
        let record = history_record(usage, id);
        self.facts.push(Fact::Used { usage: usage.clone(), record, windows });
        self.facts.push(Fact::Seen { now_ms: self.now_ms, usage: usage.clone() });
        let mut transitions = Vec::new();
        for period in Period::ALL {
            let Some(window) = windows[period.index()].filter(|_| usage.total > 0) else { continue };
            let view = self.view(period);
            let just_before = level(spent_before[period.index()].tokens, view.limit);
            let level_before = self.last_level(period, Unit::Tokens).min(just_before);
            let level_after = level(view.used + view.reserved, view.limit);
            let unit = Unit::Tokens;
            self.facts.push(Fact::Level { period, unit, window, level: level_after });
            let crosses = |threshold: &f64| level_before < *threshold && *threshold <= level_after;
            if let Some(limit) = view.limit
                && self.policy.thresholds.iter().any(crosses)
            {
                let (used, reserved, at_ms) = (view.used, view.reserved, self.now_ms);
                transitions.push(Transition { period, unit, level_before, level_after, used, reserved, limit, at_ms });
            }
        }
        for period in Period::ALL {
            let Some(window) = windows[period.index()].filter(|_| usage.cost_micros > 0) else { continue };
            let (unit, CostView { used, reserved, limit }) = (Unit::Cost, self.view(period).cost);
            let just_before = level(spent_before[period.index()].cost, limit);
            let level_before = self.last_level(period, unit).min(just_before);
            let level_after = level(add(used, reserved), limit);
            self.facts.push(Fact::Level { period, unit, window, level: level_after });
            let crosses = |threshold: &f64| level_before < *threshold && *threshold <= level_after;
            if let Some(limit) = limit
                && self.policy.thresholds.iter().any(crosses)
            {
                let at_ms = self.now_ms;
                transitions.push(Transition { period, unit, level_before, level_after, used, reserved, limit, at_ms });
            }
        }
        transitions
    }

    fn is_known(&self, usage: &Usage) -> Result<bool, OperationError> {
        let Some(request_id) = &usage.request_id else { return Ok(false) };
        let sight = self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Seen { now_ms, usage } if usage.request_id.as_ref() == Some(request_id) => Some((now_ms, usage)),
            _ => None,
        });
        match sight {
            Some((seen_ms, seen)) if self.now_ms < seen_ms + self.policy.idempotency_ttl_ms => {
                let request_id = request_id.clone();
                let is_same = numbers(seen) == numbers(usage);
                is_same.then_some(true).ok_or(OperationError::RequestConflict { request_id })
            }
            _ => Ok(false),
        }
    }

    fn view(&self, period: Period) -> PeriodView {
        let used_in = self.used_in(period);
        let used = |amount: fn(&Usage) -> u64| used_in.iter().fold(0, |sum, (usage, _)| add(sum, amount(usage)));
        PeriodView {
            period,
            used: used(|usage| usage.total),
            reserved: self.reserved(period, |open| open.tokens),
            limit: self.limit(period),
            window: self.window(period),
            paused_until_ms: self.pause().map(|pause| pause.until_ms.unwrap_or(MAX_TOKENS)),
            cost: CostView {
                used: used(|usage| usage.cost_micros),
                reserved: self.reserved(period, |open| open.cost_micros),
                limit: self.cost_limit(period),
            },
        }
    }

    fn spent(&self, period: Period) -> Spent {
        let view = self.view(period);
        Spent { tokens: add(view.used, view.reserved), cost: add(view.cost.used, view.cost.reserved) }
    }

    fn stats(&self, period: Period) -> Stats {
        let used = self.used_in(period);
        let sum = |number: fn(&Usage) -> u64| used.iter().fold(0, |sum, (usage, _)| add(sum, number(usage)));
        Stats {
            view: self.view(period),
            open_reservations: self.live().iter().filter(|open| open.periods.contains(period)).count() as u64,
            parts: Parts {
                prompt: sum(|usage| usage.parts.prompt),
                completion: sum(|usage| usage.parts.completion),
                cache_read: sum(|usage| usage.parts.cache_read),
                cache_write: sum(|usage| usage.parts.cache_write),
                reasoning: sum(|usage| usage.parts.reasoning),
            },
            unattributed: sum(|usage| {
                let parts = usage.parts;
                let told = [parts.prompt, parts.completion, parts.cache_read, parts.cache_write, parts.reasoning];
                usage.total.saturating_sub(told.iter().sum())
            }),
            models: self.models(&used),
        }
    }

    fn models(&self, used: &[(Usage, String)]) -> Vec<(String, u64)> {
        let name = |usage: &Usage| match usage.model.as_str() {
            "" => "unknown".to_owned(),
            model => model.to_owned(),
        };
        let mut places: Vec<String> = Vec::new();
        for (usage, _) in self.used_in(Period::Monthly) {
            let name = name(&usage);
            if usage.total > 0 && places.len() < 64 && name != "(other)" && !places.contains(&name) {
                places.push(name);
            }
        }
        let mut sums = std::collections::BTreeMap::new();
        for (usage, _) in used.iter().filter(|(usage, _)| usage.total > 0) {
            let name = name(usage);
            let name = if places.contains(&name) { name } else { "(other)".to_owned() };
            let sum = sums.entry(name).or_insert(0);
            *sum = add(*sum, usage.total);
        }
        let mut models: Vec<_> = sums.into_iter().collect();
        models.sort_by_key(|(_, tokens)| std::cmp::Reverse(*tokens));
        models.truncate(5);
        models
    }

    /// The window of now, or the latest that was ever written in.
    fn window(&self, period: Period) -> Window {
        let written = self.facts.iter().filter_map(|fact| match fact {
            Fact::Written { now_ms } => Some(*now_ms),
            _ => None,
        });
        let latest_ms = written.max().unwrap_or(0).max(self.now_ms);
        self.policy.calendar.window(period, latest_ms)
    }

    /// Usage of the current window with its records, oldest first.
    fn used_in(&self, period: Period) -> Vec<(Usage, String)> {
        let start_ms = self.window(period).start_ms;
        let counted = self.facts.iter().filter_map(|fact| match fact {
            Fact::Used { usage, record, windows } if windows[period.index()] == Some(start_ms) => {
                Some((usage.clone(), record.clone()))
            }
            _ => None,
        });
        counted.collect()
    }

    fn reserved(&self, period: Period, amount: fn(&OpenReservation) -> u64) -> u64 {
        let mut reserved = 0;
        for fact in &self.facts {
            match fact {
                Fact::Held(open) if open.periods.contains(period) => reserved = add(reserved, amount(open)),
                Fact::GivenBack(open) if open.periods.contains(period) => {
                    reserved = reserved.saturating_sub(amount(open));
                }
                _ => {}
            }
        }
        let due = self.open().into_iter().filter(|open| open.expires_at_ms <= self.now_ms);
        let due = due.filter(|open| open.periods.contains(period));
        due.fold(reserved, |reserved, open| reserved.saturating_sub(amount(&open)))
    }

    /// Held and not given back, soonest expiry first, then by id.
    fn open(&self) -> Vec<OpenReservation> {
        let mut open: Vec<OpenReservation> = Vec::new();
        for fact in &self.facts {
            match fact {
                Fact::Held(held) => open.push(held.clone()),
                Fact::GivenBack(given) => open.retain(|held| held.id != given.id),
                _ => {}
            }
        }
        open.sort_by_key(|held| (held.expires_at_ms, held.id.clone()));
        open
    }

    fn live(&self) -> Vec<OpenReservation> {
        self.open().into_iter().filter(|open| open.expires_at_ms > self.now_ms).collect()
    }

    /// Expired, not settled since, and not too long ago.
    fn expired(&self, id: &ReservationId) -> Option<OpenReservation> {
        let expired = self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Expired(open) if open.id == *id => Some(Some(open.clone())),
            Fact::SettledLate(settled) if settled == id => Some(None),
            _ => None,
        });
        expired.flatten().filter(|open| self.now_ms < open.expires_at_ms + self.policy.late_settle_ttl_ms)
    }

    fn last_level(&self, period: Period, unit: Unit) -> f64 {
        let current = self.window(period).start_ms;
        let last = self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Level { period: of, unit: unit_of, window, level }
                if (*of, *unit_of, *window) == (period, unit, current) =>
            {
                Some(*level)
            }
            _ => None,
        });
        last.unwrap_or(0.0)
    }

    fn stored(&self) -> Option<Limits> {
        let set = self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Limits(limits) => Some(*limits),
            _ => None,
        });
        set.flatten()
    }

    fn pause(&self) -> Option<Pause> {
        let last = self.facts.iter().rev().find_map(|fact| match fact {
            Fact::Paused(pause) => Some(pause.clone()),
            _ => None,
        });
        last.flatten().filter(|pause| pause.until_ms.is_none_or(|until_ms| self.now_ms < until_ms))
    }

    fn base(&self) -> Limits {
        self.stored().unwrap_or(self.configured)
    }

    fn cost_limit(&self, period: Period) -> Option<u64> {
        let extra = self.overrides(Some(period)).iter().fold(0, |sum, entry| add(sum, entry.additional_cost));
        self.base().cost[period.index()].map(|base| add(base, extra))
    }

    fn limit(&self, period: Period) -> Option<u64> {
        let extra = self.overrides(Some(period)).iter().fold(0, |sum, entry| add(sum, entry.additional_tokens));
        self.base().get(period).map(|base| add(base, extra))
    }

    /// Live overrides, soonest expiry first, then by id.
    fn overrides(&self, period: Option<Period>) -> Vec<Override> {
        let mut live: Vec<Override> = Vec::new();
        for fact in &self.facts {
            match fact {
                Fact::OverrideSet(entry) => {
                    live.retain(|known| known.id != entry.id);
                    live.push(entry.clone());
                }
                Fact::OverrideEnded(id) => live.retain(|known| known.id != *id),
                _ => {}
            }
        }
        live.retain(|entry| entry.expires_at_ms > self.now_ms);
        live.retain(|entry| period.is_none_or(|period| entry.period == period));
        live.sort_by_key(|entry| (entry.expires_at_ms, entry.id.clone()));
        live
    }
}

fn page<T>(items: Vec<T>, offset: u64, limit: u64) -> Vec<T> {
    items.into_iter().skip(offset as usize).take(limit as usize).collect()
}
