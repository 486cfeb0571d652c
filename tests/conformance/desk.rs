//! A test's desk: one store, one orchestrator, and short words for what is asked of them.

use std::cell::Cell;
use std::sync::Arc;

use token_budget::domain::calendar::Calendar;
use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::{OrchestratorId, ReservationId};
use token_budget::domain::operation::{Operation, Outcome, Override, PeriodView, Receipt, Request, Settlement, Stats};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::{Limits, Policy};
use token_budget::domain::threshold::Transition;
use token_budget::domain::usage::Usage;
use token_budget::store::{Batch, Store, Ticket};

use super::harness::Harness;

pub const SECOND_MS: u64 = 1_000;
pub const MINUTE_MS: u64 = 60 * SECOND_MS;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const DAY_MS: u64 = 24 * HOUR_MS;
/// How long reservations last unless a case says otherwise.
pub const TTL_MS: u64 = 5 * MINUTE_MS;
/// Where the clock of every case stands at first.
pub const START: &str = "2024-05-15T10:15:00Z";

pub struct Desk<H> {
    pub harness: H,
    pub orchestrator: OrchestratorId,
    pub policy: Policy,
    pub limits: Limits,
    now_ms: Cell<u64>,
    sequence: Cell<u64>,
}

/// Milliseconds of an RFC 3339 instant.
pub fn instant(text: &str) -> u64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis() as u64
}

pub fn usage(total: u64) -> Usage {
    Usage { total, ..Usage::default() }
}

pub fn usage_of(request_id: &str, total: u64) -> Usage {
    Usage { request_id: Some(request_id.to_owned()), ..usage(total) }
}

pub fn usage_at(occurred_at: &str, total: u64) -> Usage {
    Usage { occurred_at_ms: Some(instant(occurred_at)), ..usage(total) }
}

pub fn hourly(tokens: u64) -> Limits {
    Limits::tokens([Some(tokens), None, None])
}

impl<H: Harness> Desk<H> {
    pub fn new(harness: H) -> Self {
        let policy = Policy {
            calendar: Calendar::parse("UTC").unwrap(),
            thresholds: Arc::new([]),
            idempotency_ttl_ms: HOUR_MS,
            late_settle_ttl_ms: HOUR_MS,
            history_limit: 100,
            broadcast: false,
        };
        let desk = Self {
            harness,
            orchestrator: OrchestratorId::new("team-a").unwrap(),
            policy,
            limits: hourly(100),
            now_ms: Cell::new(0),
            sequence: Cell::new(0),
        };
        desk.at(START);
        desk
    }

    pub fn with_limits(mut self, limits: [Option<u64>; 3]) -> Self {
        self.limits = Limits::tokens(limits);
        self
    }

    pub fn in_zone(mut self, zone: &str) -> Self {
        self.policy.calendar = Calendar::parse(zone).unwrap();
        self
    }

    pub fn with_thresholds(mut self, thresholds: &[f64]) -> Self {
        self.policy.thresholds = thresholds.into();
        self
    }

    pub fn with_history_limit(mut self, history_limit: u64) -> Self {
        self.policy.history_limit = history_limit;
        self
    }

    pub fn at(&self, text: &str) {
        self.set_now(instant(text));
    }

    pub fn advance(&self, by_ms: u64) {
        self.set_now(self.now() + by_ms);
    }

    pub fn set_now(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
        self.harness.set_now_ms(now_ms);
    }

    pub fn now(&self) -> u64 {
        self.now_ms.get()
    }

    pub fn batch(&self, requests: Vec<Request>) -> Batch {
        self.sequence.set(self.sequence.get() + 1);
        Batch {
            orchestrator: self.orchestrator.clone(),
            policy: Arc::new(self.policy.clone()),
            configured: self.limits,
            requests,
            ticket: Ticket { client: "desk".into(), sequence: self.sequence.get(), retry: false },
        }
    }

    pub async fn send(&self, batch: &Batch) -> Receipt {
        let receipt = self.harness.store().apply(batch).await.unwrap();
        assert_eq!(receipt.now_ms, self.now(), "the store decides by its clock");
        assert_eq!(receipt.outcomes.len(), batch.requests.len());
        receipt
    }

    pub async fn apply(&self, operations: Vec<Operation>) -> Receipt {
        let requests = operations.into_iter().map(|operation| Request { operation, deadline_ms: None });
        self.send(&self.batch(requests.collect())).await
    }

    pub async fn one(&self, operation: Operation) -> Result<Outcome, OperationError> {
        self.apply(vec![operation]).await.outcomes.remove(0)
    }

    pub async fn check(&self, period: Period) -> PeriodView {
        match self.one(Operation::Check { period, tokens: 1 }).await {
            Ok(Outcome::Check(view)) => view,
            other => panic!("{other:?}"),
        }
    }

    /// `[used, reserved]` of the hour.
    pub async fn hour(&self) -> [u64; 2] {
        let view = self.check(Period::Hourly).await;
        [view.used, view.reserved]
    }

    /// Used tokens per period.
    pub async fn used(&self) -> [u64; 3] {
        let mut used = [0; 3];
        for period in Period::ALL {
            used[period.index()] = self.check(period).await.used;
        }
        used
    }

    pub fn new_id(&self, periods: Periods) -> ReservationId {
        ReservationId::generate(&self.orchestrator, periods)
    }

    pub async fn reserve_as(&self, id: &ReservationId, tokens: u64, ttl_ms: u64) -> Outcome {
        let periods = id.periods();
        self.one(Operation::Reserve { id: id.clone(), tokens, periods, ttl_ms, cost_micros: 0 }).await.unwrap()
    }

    /// The id, or the view of the period that is full.
    pub async fn try_reserve(&self, tokens: u64, periods: Periods) -> Result<ReservationId, PeriodView> {
        let id = self.new_id(periods);
        match self.reserve_as(&id, tokens, TTL_MS).await {
            Outcome::Reserved { .. } => Ok(id),
            Outcome::Denied(view) => Err(view),
            other => panic!("{other:?}"),
        }
    }

    /// Holds tokens in the hour.
    pub async fn reserve(&self, tokens: u64) -> ReservationId {
        self.try_reserve(tokens, Period::Hourly.into()).await.unwrap()
    }

    pub async fn try_settle(&self, id: &ReservationId, usage: Option<Usage>) -> Result<Settlement, OperationError> {
        match self.one(Operation::Settle { id: id.clone(), usage }).await? {
            Outcome::Settled(settlement) => Ok(settlement),
            other => panic!("{other:?}"),
        }
    }

    pub async fn settle(&self, id: &ReservationId, total: u64) -> Settlement {
        self.try_settle(id, Some(usage(total))).await.unwrap()
    }

    pub async fn release(&self, id: &ReservationId) -> Settlement {
        self.try_settle(id, None).await.unwrap()
    }

    pub async fn try_track(&self, usage: Usage) -> Result<(bool, Vec<Transition>), OperationError> {
        match self.one(Operation::Track(usage)).await? {
            Outcome::Tracked { duplicate, transitions } => Ok((duplicate, transitions)),
            other => panic!("{other:?}"),
        }
    }

    pub async fn track(&self, total: u64) -> Vec<Transition> {
        self.try_track(usage(total)).await.unwrap().1
    }

    /// The thresholds that tracking `total` crosses in the hour.
    pub async fn crossed(&self, total: u64) -> Vec<f64> {
        let transitions = self.track(total).await;
        transitions
            .iter()
            .filter(|transition| transition.period == Period::Hourly)
            .flat_map(|transition| transition.crossed(&self.policy.thresholds).collect::<Vec<_>>())
            .collect()
    }

    pub async fn stats(&self, period: Period) -> Stats {
        match self.one(Operation::Stats { period }).await {
            Ok(Outcome::Stats(stats)) => stats,
            other => panic!("{other:?}"),
        }
    }

    /// Records of the current window of `period`, newest first, as JSON.
    pub async fn history(&self, period: Period, offset: u64, limit: u64) -> Vec<serde_json::Value> {
        match self.one(Operation::History { period, offset, limit }).await {
            Ok(Outcome::History(records)) => {
                records.iter().map(|record| serde_json::from_str(record).unwrap()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn override_of(&self, id: &str, period: Period, additional_tokens: u64, lasts_ms: u64) -> Override {
        Override {
            id: id.to_owned(),
            period,
            additional_tokens,
            additional_cost: 0,
            expires_at_ms: self.now() + lasts_ms,
            document_json: format!(r#"{{"id":"{id}"}}"#),
        }
    }

    /// Raises the hour by `additional_tokens`.
    pub async fn raise(&self, id: &str, additional_tokens: u64, lasts_ms: u64) {
        let entry = self.override_of(id, Period::Hourly, additional_tokens, lasts_ms);
        assert_eq!(self.one(Operation::SetOverride(entry)).await, Ok(Outcome::OverrideSet));
    }

    pub async fn set_budget(&self, limits: Option<Limits>) {
        assert_eq!(self.one(Operation::SetBudget(limits)).await, Ok(Outcome::BudgetSet));
    }

    pub async fn limit(&self, period: Period) -> Option<u64> {
        self.check(period).await.limit
    }
}
