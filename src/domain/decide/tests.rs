use std::sync::Arc;

use super::*;
use crate::domain::calendar::Calendar;
use crate::domain::identifier::ReservationId;
use crate::domain::operation::{Operation, Outcome, Override, Request};
use crate::domain::period::{Period, Periods};
use crate::domain::usage::Usage;

const NOW_MS: u64 = 1_715_768_100_000;
const MINUTE_MS: u64 = 60_000;

struct Fixture {
    orchestrator: OrchestratorId,
    policy: Policy,
}

impl Fixture {
    fn new() -> Self {
        let policy = Policy {
            calendar: Calendar::parse("UTC").unwrap(),
            thresholds: Arc::new([0.5]),
            idempotency_ttl_ms: MINUTE_MS,
            late_settle_ttl_ms: MINUTE_MS,
            history_limit: 2,
            broadcast: false,
        };
        Self { orchestrator: OrchestratorId::new("team-a").unwrap(), policy }
    }

    fn at(&self, now_ms: u64) -> Context<'_> {
        Context::new(&self.orchestrator, &self.policy, Limits::tokens([Some(100); 3]), now_ms)
    }

    fn id(&self) -> ReservationId {
        ReservationId::generate(&self.orchestrator, Periods::ALL)
    }
}

fn usage(total: u64) -> Usage {
    Usage { total, request_id: Some("r".to_owned()), ..Usage::default() }
}

fn one(state: &mut OrchestratorState, context: &Context<'_>, operation: Operation) -> Outcome {
    let request = Request { operation, deadline_ms: None };
    apply(state, context, &[request]).outcomes.remove(0).unwrap()
}

#[test]
fn a_single_operation_answers_as_a_batch_of_one() {
    let fixture = Fixture::new();
    let now = fixture.at(NOW_MS);
    let id = fixture.id();
    let (mut single, mut batch) = <(OrchestratorState, OrchestratorState)>::default();

    let reserved: Outcome = single.reserve(&now, &id, 60, Periods::ALL, MINUTE_MS).answer.into();
    let reserve =
        Operation::Reserve { id: id.clone(), tokens: 60, periods: Periods::ALL, ttl_ms: MINUTE_MS, cost_micros: 0 };
    assert_eq!(one(&mut batch, &now, reserve), reserved);

    let settled = single.settle(&now, &id, Some(&usage(70))).answer.unwrap();
    let settle = Operation::Settle { id, usage: Some(usage(70)) };
    assert_eq!(one(&mut batch, &now, settle), Outcome::Settled(settled));

    let tracked: Outcome = single.track(&now, &usage(70)).answer.unwrap().into();
    assert_eq!(one(&mut batch, &now, Operation::Track(usage(70))), tracked);

    let check = Operation::Check { period: Period::Daily, tokens: 1 };
    assert_eq!(one(&mut batch, &now, check), Outcome::Check(single.check(&now, Period::Daily)));
}

#[test]
fn a_single_operation_tells_what_expired() {
    let fixture = Fixture::new();
    let mut state = OrchestratorState::default();
    let id = fixture.id();
    let reserved = state.reserve(&fixture.at(NOW_MS), &id, 60, Periods::ALL, MINUTE_MS);
    assert_eq!((reserved.expired.len(), reserved.next_expiry_ms), (0, Some(NOW_MS + MINUTE_MS)));
    let settled = state.settle(&fixture.at(NOW_MS + MINUTE_MS), &id, None);
    assert!(settled.answer.unwrap().late);
    assert_eq!((settled.expired.len(), settled.next_expiry_ms), (1, None));
}

#[test]
fn the_reservation_of_another_orchestrator_is_not_found() {
    let fixture = Fixture::new();
    let mut state = OrchestratorState::default();
    let id = fixture.id();
    state.reserve(&fixture.at(NOW_MS), &id, 60, Periods::ALL, MINUTE_MS);
    let other = id.key().to_id(&OrchestratorId::new("team-b").unwrap());
    assert!(state.settle(&fixture.at(NOW_MS), &other, None).answer.is_err());
    assert!(state.settle(&fixture.at(NOW_MS), &id, None).answer.is_ok());
}

#[test]
fn reading_does_not_change_what_a_write_finds() {
    let fixture = Fixture::new();
    let mut state = OrchestratorState::default();
    state.reserve(&fixture.at(NOW_MS), &fixture.id(), 60, Periods::ALL, MINUTE_MS);
    let entry = Override {
        id: "o".to_owned(),
        period: Period::Hourly,
        additional_tokens: 50,
        additional_cost: 0,
        expires_at_ms: NOW_MS + MINUTE_MS,
        document_json: "{}".to_owned(),
    };
    one(&mut state, &fixture.at(NOW_MS), Operation::SetOverride(entry));
    let view = |state: &OrchestratorState, now_ms| {
        let view = state.check(&fixture.at(now_ms), Period::Hourly);
        (view.reserved, view.limit)
    };
    assert_eq!(view(&state, NOW_MS + MINUTE_MS), (0, Some(100)));
    assert_eq!(view(&state, NOW_MS + MINUTE_MS - 1), (60, Some(150)));
    assert_eq!(state.sweep(&fixture.orchestrator, NOW_MS + MINUTE_MS).len(), 1);
}

#[test]
fn forgetting_changes_no_answer() {
    let fixture = Fixture::new();
    let mut state = OrchestratorState::default();
    state.track(&fixture.at(NOW_MS), &usage(7)).answer.unwrap();
    let later_ms = NOW_MS + MINUTE_MS;
    assert!(!state.review(later_ms, 10));
    assert_eq!(state.footprint().request_ids, 0);
    assert_eq!(state.check(&fixture.at(later_ms), Period::Hourly).used, 7);
    assert!(!state.track(&fixture.at(later_ms), &usage(9)).answer.unwrap().duplicate);
    let month_end_ms = fixture.at(later_ms).windows[Period::Monthly.index()].end_ms;
    state.review(month_end_ms, 10);
    assert!(state.is_blank());
}

/// As states and entries stood on disk before there was money and pauses.
#[test]
fn what_was_written_before_there_was_money_is_read() {
    let fixture = Fixture::new();
    let now = fixture.at(NOW_MS);
    let mut state = OrchestratorState::default();
    let id = fixture.id();
    state.reserve(&now, &id, 60, Periods::ALL, MINUTE_MS);
    state.track(&now, &usage(30)).answer.unwrap();
    let sections = state.sections.each_ref().map(|section| {
        let state::Section { window, used, reserved, open_count, level, parts, unattributed, history, cost: _ } =
            section;
        (*window, *used, *reserved, *open_count, *level, *parts, *unattributed, *history)
    });
    let open = state.open.live(NOW_MS);
    let open: Vec<_> =
        open.map(|(key, hold)| (key, (hold.tokens, hold.periods, hold.created_at_ms, hold.expires_at_ms))).collect();
    let OrchestratorState { models, history, expired, requests, limits, overrides, lives, .. } = &state;
    let before = (sections, models, history, open, expired, requests, limits, overrides, lives);
    let read: OrchestratorState = rmp_serde::from_slice(&rmp_serde::to_vec(&before).unwrap()).unwrap();
    assert_eq!(read, state);

    let limits: Limits = rmp_serde::from_slice(&rmp_serde::to_vec(&[Some(1), None, Some(3)]).unwrap()).unwrap();
    assert_eq!(limits, Limits::tokens([Some(1), None, Some(3)]));
    let priced = Limits { cost: [None, Some(5), None], ..limits };
    for limits in [limits, priced] {
        assert_eq!(rmp_serde::from_slice::<Limits>(&rmp_serde::to_vec(&limits).unwrap()).unwrap(), limits);
    }
    let asked = [("Reserve", (&id, 60_u64, Periods::ALL, MINUTE_MS))];
    let asked = rmp_serde::to_vec(&std::collections::BTreeMap::from(asked)).unwrap();
    let Operation::Reserve { tokens: 60, cost_micros: 0, .. } = rmp_serde::from_slice(&asked).unwrap() else {
        panic!("another operation")
    };
}
