//! Plays steps to a store and to the ledger.

use std::sync::Arc;

use token_budget::domain::calendar::Calendar;
use token_budget::domain::identifier::{OrchestratorId, ReservationId};
use token_budget::domain::operation::{Operation, Outcome, Override, Receipt, Request};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::{Limits, Policy};
use token_budget::domain::usage::Usage;
use token_budget::store::{Batch, Store, Ticket};

use super::ledger::Ledger;
use super::steps::{Act, Play, Spent, Step};
use crate::conformance::desk::{HOUR_MS, instant};
use crate::conformance::harness::Harness;

/// A store and one ledger per orchestrator, under one clock.
struct Stage<H> {
    harness: H,
    ledgers: Vec<Ledger>,
    now_ms: u64,
    latest_ms: u64,
    sequence: u64,
    /// In the order they were asked for, with the orchestrator they belong to.
    reservations: Vec<(usize, ReservationId)>,
}

/// The store answers every batch as the ledger does.
pub fn agree<H: Harness>(play: &Play) {
    run(async {
        let mut stage = Stage::<H>::open(play).await;
        for step in &play.steps {
            stage.play(step).await;
        }
    });
}

/// Settled and pending tokens exceed the limit only by overage, late settles and direct tracking.
pub fn stay_within_the_limit<H: Harness>(steps: &[Step]) {
    stay_within_the_limit_from::<H>(instant("2024-05-31T22:30:00Z"), steps);
}

pub fn stay_within_the_limit_from<H: Harness>(start_ms: u64, steps: &[Step]) {
    const LIMIT: u64 = 100;
    let play =
        Play { zone: "UTC", start_ms, limits: Limits::tokens([Some(LIMIT); 3]), history_limit: 0, steps: Vec::new() };
    run(async {
        let mut stage = Stage::<H>::open(&play).await;
        let mut excess = [(0, 0); 3];
        for step in steps {
            let outcomes = stage.play(step).await;
            let more: u64 = outcomes.iter().map(excess_of).sum();
            for view in stage.views().await {
                let (window, sum) = &mut excess[view.period.index()];
                // What exceeded in an earlier window is gone, unless it was counted in this one.
                *sum = if *window == view.window.start_ms { *sum + more } else { more };
                *window = view.window.start_ms;
                assert!(view.used + view.reserved <= LIMIT + *sum, "{view:?} {sum}");
            }
        }
    });
}

fn excess_of((act, outcome): &(Act, Outcome)) -> u64 {
    match (act, outcome) {
        (_, Outcome::Settled(settlement)) if settlement.late => settlement.recorded,
        (_, Outcome::Settled(settlement)) => settlement.overage,
        (Act::Track(spent), Outcome::Tracked { duplicate: false, .. }) => spent.total,
        _ => 0,
    }
}

fn run(play: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, play);
}

impl<H: Harness> Stage<H> {
    async fn open(play: &Play) -> Self {
        let policy = Policy {
            calendar: Calendar::parse(play.zone).unwrap(),
            thresholds: Arc::new([0.5, 0.8, 1.0, 1.25]),
            idempotency_ttl_ms: HOUR_MS,
            late_settle_ttl_ms: HOUR_MS,
            history_limit: play.history_limit,
            broadcast: false,
        };
        let ledger = |id| Ledger::new(OrchestratorId::new(id).unwrap(), policy.clone(), play.limits);
        let mut stage = Self {
            harness: H::open().await,
            ledgers: ["team:a", "team-b"].map(ledger).into(),
            now_ms: 0,
            latest_ms: 0,
            sequence: 0,
            reservations: Vec::new(),
        };
        stage.set_now(play.start_ms);
        stage
    }

    fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.latest_ms = self.latest_ms.max(now_ms);
        self.harness.set_now_ms(now_ms);
    }

    /// What was done, each with its outcome; refusals left out.
    async fn play(&mut self, step: &Step) -> Vec<(Act, Outcome)> {
        match step {
            Step::Forward { by_ms } => self.set_now(self.now_ms + by_ms),
            Step::Back { by_ms } => self.step_back(*by_ms).await,
            Step::Batch { orchestrator, acts } => {
                let requests = acts.iter().map(|(act, deadline_ms)| self.request(*orchestrator, act, *deadline_ms));
                let requests = requests.collect();
                let outcomes = self.apply(*orchestrator, requests).await.outcomes;
                let acts = acts.iter().map(|(act, _)| act.clone());
                return acts.zip(outcomes).filter_map(|(act, outcome)| Some((act, outcome.ok()?))).collect();
            }
        }
        Vec::new()
    }

    async fn step_back(&mut self, by_ms: u64) {
        for orchestrator in 0..self.ledgers.len() {
            let operation = Operation::Track(Usage { total: 1, ..Usage::default() });
            self.apply(orchestrator, vec![Request { operation, deadline_ms: None }]).await;
        }
        let ends_ms = self.ledgers.iter().map(|ledger| ledger.last_end_ms(self.latest_ms));
        let earliest_ms = ends_ms.max().unwrap_or(0);
        self.set_now(self.now_ms.saturating_sub(by_ms).max(earliest_ms).min(self.now_ms));
    }

    async fn apply(&mut self, orchestrator: usize, requests: Vec<Request>) -> Receipt {
        self.sequence += 1;
        let ledger = &mut self.ledgers[orchestrator];
        let batch = Batch {
            orchestrator: ledger.orchestrator.clone(),
            policy: Arc::new(ledger.policy.clone()),
            configured: ledger.configured,
            requests,
            ticket: Ticket { client: "model".into(), sequence: self.sequence, retry: false },
        };
        let mut expected = ledger.apply(self.now_ms, &batch.requests);
        let mut actual = self.harness.store().apply(&batch).await.unwrap();
        if self.harness.forgets_old_expiries() {
            let is_told = |expiry_ms: u64| expiry_ms + batch.policy.late_settle_ttl_ms >= expected.now_ms;
            expected.expired.retain(|reservation| is_told(reservation.expires_at_ms));
            actual.expired.retain(|reservation| is_told(reservation.expires_at_ms));
        }
        expected.expired.sort_by(|a, b| a.id.cmp(&b.id));
        actual.expired.sort_by(|a, b| a.id.cmp(&b.id));
        if !batch.requests.iter().any(|request| request.operation.writes()) {
            // A read may tell of an expiry that nobody has swept yet, or of the one after it.
            actual.next_expiry_ms = expected.next_expiry_ms;
        }
        assert_eq!(actual, expected, "{batch:#?}");
        actual
    }

    async fn views(&mut self) -> Vec<token_budget::domain::operation::PeriodView> {
        let check = |period| Request { operation: Operation::Check { period, tokens: 1 }, deadline_ms: None };
        let receipt = self.apply(0, Period::ALL.map(check).into()).await;
        let views = receipt.outcomes.into_iter().filter_map(|outcome| match outcome {
            Ok(Outcome::Check(view)) => Some(view),
            _ => None,
        });
        views.collect()
    }

    fn request(&mut self, orchestrator: usize, act: &Act, deadline_ms: Option<i64>) -> Request {
        let deadline_ms = deadline_ms.map(|from_now_ms| self.now_ms.saturating_add_signed(from_now_ms));
        Request { operation: self.operation(orchestrator, act), deadline_ms }
    }

    fn operation(&mut self, orchestrator: usize, act: &Act) -> Operation {
        match act.clone() {
            Act::Check(period) => Operation::Check { period, tokens: 1 },
            Act::Reserve { tokens, cost, periods, ttl_ms } => {
                let id = self.new_reservation(orchestrator, periods);
                Operation::Reserve { id, tokens, periods, ttl_ms, cost_micros: cost }
            }
            Act::ReserveAgain { nth } => {
                let id = self.reservation(orchestrator, nth);
                match self.ledgers[orchestrator].is_open(&id, self.now_ms) {
                    true => {
                        Operation::Reserve { periods: id.periods(), id, tokens: 5, ttl_ms: HOUR_MS, cost_micros: 0 }
                    }
                    false => Operation::Sweep,
                }
            }
            Act::Settle { nth, spent } => Operation::Settle {
                id: self.reservation(orchestrator, nth),
                usage: spent.map(|spent| self.usage(spent)),
            },
            Act::Track(spent) => Operation::Track(self.usage(spent)),
            Act::Stats(period) => Operation::Stats { period },
            Act::SetBudget(limits) => Operation::SetBudget(limits),
            Act::GetBudget => Operation::GetBudget,
            Act::SetOverride { id, period, amount, of_money, lasts_ms } => Operation::SetOverride(Override {
                id: format!("o{id}"),
                period,
                additional_tokens: if of_money { 0 } else { amount },
                additional_cost: if of_money { amount } else { 0 },
                expires_at_ms: self.now_ms.saturating_add_signed(lasts_ms),
                document_json: "{}".to_owned(),
            }),
            Act::RemoveOverride { id } => Operation::RemoveOverride { id: format!("o{id}") },
            Act::ListOverrides(period) => Operation::ListOverrides { period },
            Act::ListReservations { period, offset, limit } => Operation::ListReservations { period, offset, limit },
            Act::History { period, offset, limit } => Operation::History { period, offset, limit },
            Act::ClearThresholds(period) => Operation::ClearThresholds { period },
            Act::Sweep => Operation::Sweep,
            Act::Pause { lasts_ms } => Operation::Pause {
                until_ms: lasts_ms.map(|lasts_ms| self.now_ms.saturating_add_signed(lasts_ms)),
                document_json: r#"{"reason":"a ! and 1,2,3"}"#.to_owned(),
            },
            Act::Resume => Operation::Resume,
            Act::GetPause => Operation::GetPause,
        }
    }

    fn usage(&self, spent: Spent) -> Usage {
        Usage {
            total: spent.total,
            parts: spent.parts,
            model: if spent.model == 0 { String::new() } else { format!("m{}", spent.model) },
            session_id: String::new(),
            request_id: spent.request.map(|request| format!("r{request}")),
            metadata_json: None,
            reported_at_ms: self.now_ms,
            occurred_at_ms: spent.occurred_ms.map(|from_now_ms| self.now_ms.saturating_add_signed(from_now_ms)),
            cost_micros: spent.cost.unwrap_or_default(),
            costs_as_held: spent.cost.is_none(),
        }
    }

    fn new_reservation(&mut self, orchestrator: usize, periods: Periods) -> ReservationId {
        let nth = self.reservations.len();
        let encoded = self.ledgers[orchestrator].orchestrator.encoded();
        let id = ReservationId::parse(&format!("{}{nth:021}A.{encoded}", periods.bits())).unwrap();
        self.reservations.push((orchestrator, id.clone()));
        id
    }

    /// The `nth` reservation of the orchestrator, newest first, or one that was never made.
    fn reservation(&self, orchestrator: usize, nth: usize) -> ReservationId {
        let own = self.reservations.iter().rev().filter(|(owner, _)| *owner == orchestrator);
        let known = own.map(|(_, id)| id.clone()).nth(nth / 4);
        known.unwrap_or_else(|| {
            let encoded = self.ledgers[orchestrator].orchestrator.encoded();
            ReservationId::parse(&format!("7{:021}A.{encoded}", 999_999)).unwrap()
        })
    }
}
