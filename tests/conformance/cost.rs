use super::desk::*;
use super::harness::Harness;
use token_budget::domain::error::OperationError;
use token_budget::domain::identifier::{ReservationId, UnheldId};
use token_budget::domain::operation::{CostView, Operation, Outcome, Override, PeriodView, Request};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::Limits;
use token_budget::domain::threshold::{Transition, Unit};
use token_budget::domain::tokens::MAX_TOKENS;
use token_budget::domain::usage::Usage;

/// 100 micro-units an hour beside the 100 tokens.
fn with_cost<H>(mut desk: Desk<H>) -> Desk<H> {
    desk.limits = Limits { tokens: [Some(100), None, None], cost: [Some(100), None, None] };
    desk
}

fn priced(total: u64, cost_micros: u64) -> Usage {
    Usage { cost_micros, ..usage(total) }
}

async fn reserve<H: Harness>(
    desk: &Desk<H>,
    tokens: u64,
    cost_micros: u64,
    periods: Periods,
) -> Result<ReservationId, PeriodView> {
    let id = desk.new_id(periods);
    let operation = Operation::Reserve { id: id.clone(), tokens, periods, ttl_ms: TTL_MS, cost_micros };
    match desk.one(operation).await.unwrap() {
        Outcome::Reserved { .. } => Ok(id),
        Outcome::Denied(view) => Err(view),
        other => panic!("{other:?}"),
    }
}

async fn cost<H: Harness>(desk: &Desk<H>, period: Period) -> [u64; 2] {
    let view = desk.check(period).await.cost;
    [view.used, view.reserved]
}

fn of_cost(transitions: &[Transition]) -> Vec<(Period, f64, f64)> {
    let costs = transitions.iter().filter(|transition| transition.unit == Unit::Cost);
    costs.map(|transition| (transition.period, transition.level_before, transition.level_after)).collect()
}

pub async fn tokens_and_money_are_held_together_or_nothing<H: Harness>(desk: Desk<H>) {
    let desk = with_cost(desk);
    reserve(&desk, 10, 60, Period::Hourly.into()).await.unwrap();
    let view = reserve(&desk, 1, 41, Periods::ALL).await.unwrap_err();
    assert_eq!((view.period, view.available()), (Period::Hourly, Some(90)));
    assert_eq!(view.cost, CostView { used: 0, reserved: 60, limit: Some(100) });
    let view = reserve(&desk, 91, 1, Period::Hourly.into()).await.unwrap_err();
    assert!(!view.cost.is_exceeded_by(1));
    assert_eq!((desk.hour().await, cost(&desk, Period::Hourly).await), ([0, 10], [0, 60]));
    reserve(&desk, 90, 40, Period::Hourly.into()).await.unwrap();
    reserve(&desk, 0, 0, Period::Hourly.into()).await.unwrap();
    assert_eq!((desk.hour().await, cost(&desk, Period::Hourly).await), ([0, 100], [0, 100]));
}

pub async fn the_shortest_period_in_which_either_does_not_fit_is_told<H: Harness>(mut desk: Desk<H>) {
    desk.limits = Limits { tokens: [None, Some(10), None], cost: [None, Some(100), Some(5)] };
    assert_eq!(reserve(&desk, 11, 6, Periods::ALL).await.unwrap_err().period, Period::Daily);
    assert_eq!(reserve(&desk, 10, 6, Periods::ALL).await.unwrap_err().period, Period::Monthly);
    reserve(&desk, 10, 6, Periods::from_bits(3).unwrap()).await.unwrap();
    desk.limits.cost = [Some(5), None, None];
    assert_eq!(reserve(&desk, 11, 6, Periods::ALL).await.unwrap_err().period, Period::Hourly);
}

pub async fn without_a_limit_money_is_counted_all_the_same<H: Harness>(desk: Desk<H>) {
    let id = reserve(&desk, 10, 5_000, Periods::ALL).await.unwrap();
    assert_eq!(desk.check(Period::Daily).await.cost, CostView { used: 0, reserved: 5_000, limit: None });
    let settled = desk.try_settle(&id, Some(priced(20, 7_000))).await.unwrap();
    assert_eq!((settled.reserved_cost, settled.recorded_cost, settled.overage), (5_000, 7_000, 10));
    for period in Period::ALL {
        assert_eq!(cost(&desk, period).await, [7_000, 0]);
        assert_eq!(desk.stats(period).await.view.cost, CostView { used: 7_000, reserved: 0, limit: None });
    }
    desk.try_track(priced(1, MAX_TOKENS)).await.unwrap();
    assert_eq!(cost(&desk, Period::Hourly).await, [MAX_TOKENS, 0]);
}

pub async fn money_counts_over_the_limit<H: Harness>(desk: Desk<H>) {
    let desk = with_cost(desk);
    desk.try_track(priced(1, 150)).await.unwrap();
    assert_eq!(cost(&desk, Period::Hourly).await, [150, 0]);
    assert!(reserve(&desk, 1, 1, Period::Hourly.into()).await.is_err());
    desk.reserve(1).await;
    desk.at("2024-05-15T11:00:00Z");
    assert_eq!(cost(&desk, Period::Hourly).await, [0, 0]);
    assert_eq!(cost(&desk, Period::Daily).await, [150, 0]);
    reserve(&desk, 1, 100, Period::Hourly.into()).await.unwrap();
}

pub async fn money_without_tokens_is_recorded<H: Harness>(desk: Desk<H>) {
    let id = reserve(&desk, 0, 10, Period::Hourly.into()).await.unwrap();
    let settled = desk.try_settle(&id, Some(priced(0, 12))).await.unwrap();
    assert_eq!((settled.recorded, settled.recorded_cost), (0, 12));
    assert_eq!(cost(&desk, Period::Hourly).await, [12, 0]);
}

pub async fn held_money_comes_back_whoever_finds_it<H: Harness>(desk: Desk<H>) {
    let desk = with_cost(desk);
    let id = reserve(&desk, 10, 60, Periods::ALL).await.unwrap();
    let released = reserve(&desk, 10, 30, Periods::ALL).await.unwrap();
    desk.release(&released).await;
    assert_eq!(cost(&desk, Period::Daily).await, [0, 60]);
    desk.advance(TTL_MS);
    assert_eq!(cost(&desk, Period::Daily).await, [0, 0], "a read counts it as given back");
    let expired = desk.apply(vec![Operation::Track(usage(1))]).await.expired;
    assert_eq!(expired.iter().map(|open| (open.tokens, open.cost_micros)).collect::<Vec<_>>(), [(10, 60)]);
    assert_eq!(cost(&desk, Period::Daily).await, [0, 0]);
    let late = desk.try_settle(&id, Some(priced(10, 80))).await.unwrap();
    assert_eq!((late.late, late.reserved_cost, late.recorded_cost), (true, 60, 80));
    assert_eq!(cost(&desk, Period::Hourly).await, [80, 0]);
}

pub async fn what_is_held_stays_held_in_the_next_window<H: Harness>(desk: Desk<H>) {
    let desk = with_cost(desk);
    desk.at("2024-05-15T10:59:00Z");
    desk.try_track(priced(1, 90)).await.unwrap();
    reserve(&desk, 1, 10, Periods::ALL).await.unwrap();
    desk.at("2024-05-15T11:01:00Z");
    assert_eq!(cost(&desk, Period::Hourly).await, [0, 10]);
    assert_eq!(cost(&desk, Period::Daily).await, [90, 10]);
}

pub async fn a_request_counts_once_whatever_it_is_said_to_cost<H: Harness>(desk: Desk<H>) {
    let usage = |cost_micros| Usage { cost_micros, ..usage_of("r", 10) };
    assert!(!desk.try_track(usage(5)).await.unwrap().0);
    assert!(desk.try_track(usage(9)).await.unwrap().0);
    let id = reserve(&desk, 10, 5, Period::Hourly.into()).await.unwrap();
    let settled = desk.try_settle(&id, Some(usage(5))).await.unwrap();
    assert_eq!((settled.duplicate, settled.reserved_cost, settled.recorded_cost), (true, 5, 0));
    assert_eq!(cost(&desk, Period::Hourly).await, [5, 0]);
}

pub async fn a_conflict_keeps_the_money_held<H: Harness>(desk: Desk<H>) {
    desk.try_track(usage_of("r", 10)).await.unwrap();
    let id = reserve(&desk, 10, 5, Period::Hourly.into()).await.unwrap();
    let usage = Usage { cost_micros: 5, ..usage_of("r", 11) };
    assert!(matches!(desk.try_settle(&id, Some(usage)).await, Err(OperationError::RequestConflict { .. })));
    assert_eq!(cost(&desk, Period::Hourly).await, [0, 5]);
}

pub async fn usage_of_an_earlier_hour_costs_the_day_only<H: Harness>(desk: Desk<H>) {
    desk.try_track(Usage { cost_micros: 5, ..usage_at("2024-05-15T09:00:00Z", 10) }).await.unwrap();
    assert_eq!([cost(&desk, Period::Hourly).await, cost(&desk, Period::Daily).await], [[0, 0], [5, 0]]);
}

pub async fn what_was_not_held_costs_what_it_cost<H: Harness>(desk: Desk<H>) {
    let id = UnheldId::generate(&desk.orchestrator);
    let operation = Operation::SettleUnheld { id, usage: Some(priced(10, 5)) };
    let Ok(Outcome::Settled(settled)) = desk.one(operation).await else { panic!("it settles") };
    assert_eq!((settled.reserved_cost, settled.recorded_cost), (0, 5));
    assert_eq!(cost(&desk, Period::Hourly).await, [5, 0]);
}

fn as_held(total: u64) -> Usage {
    Usage { costs_as_held: true, ..usage(total) }
}

pub async fn a_settle_of_unknown_cost_costs_its_share_of_what_was_held<H: Harness>(mut desk: Desk<H>) {
    desk.limits = Limits::UNLIMITED;
    // Held tokens, their money, used tokens, and what these cost.
    let shares = [
        (100, 60, 50, 30),
        (100, 60, 100, 60),
        (100, 60, 150, 90),
        (100, 60, 0, 0),
        (3, 10, 1, 4),
        (3, 10, 2, 7),
        (7, 0, 7, 0),
        (0, 10, 0, 0),
        (0, 10, 1, 10),
        (MAX_TOKENS, 1, 1, 1),
        (1, MAX_TOKENS, 1, MAX_TOKENS),
        (1, MAX_TOKENS, 2, MAX_TOKENS),
        (MAX_TOKENS, MAX_TOKENS, MAX_TOKENS - 1, MAX_TOKENS - 1),
        (MAX_TOKENS, MAX_TOKENS - 1, MAX_TOKENS - 2, MAX_TOKENS - 2),
        (3, MAX_TOKENS, 2, 6_004_799_503_160_661),
    ];
    for (held, money, used, costs) in shares {
        let id = reserve(&desk, held, money, Periods::ALL).await.unwrap();
        let settled = desk.try_settle(&id, Some(as_held(used))).await.unwrap();
        assert_eq!((settled.reserved_cost, settled.recorded_cost), (money, costs), "{used} of {held} for {money}");
    }
}

pub async fn a_share_of_what_was_held_is_exact<H: Harness>(mut desk: Desk<H>) {
    desk.limits = Limits::UNLIMITED;
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut number = |least| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Of every size.
        ((seed >> 11) >> (seed % 40)).max(least)
    };
    for _ in 0..300 {
        let (held, money, used) = (number(1), number(1), number(1));
        let id = reserve(&desk, held, money, Period::Hourly.into()).await.unwrap();
        let settled = desk.try_settle(&id, Some(as_held(used))).await.unwrap();
        let product = u128::from(money) * u128::from(used);
        let costs = (product / u128::from(held) + u128::from(product % u128::from(held) > 0)) as u64;
        let costs = if product / u128::from(held) >= u128::from(MAX_TOKENS) { MAX_TOKENS } else { costs };
        assert_eq!(settled.recorded_cost, costs, "{used} of {held} for {money}");
    }
}

pub async fn a_share_of_what_was_held_counts_as_any_money<H: Harness>(desk: Desk<H>) {
    let desk = with_cost(desk).with_thresholds(&[0.5]);
    let id = reserve(&desk, 10, 60, Periods::ALL).await.unwrap();
    let text = r#"a "totalTokens":1 \""#.to_owned();
    let settled = desk.try_settle(&id, Some(Usage { session_id: text.clone(), ..as_held(10) })).await.unwrap();
    assert_eq!(of_cost(&settled.transitions), [(Period::Hourly, 0.0, 0.6)]);
    for period in Period::ALL {
        assert_eq!(cost(&desk, period).await, [60, 0]);
    }
    let record = &desk.history(Period::Hourly, 0, 9).await[0];
    let told = (&record["sessionId"], &record["totalTokens"], &record["costMicros"]);
    assert_eq!(told, (&text.into(), &10.into(), &60.into()));
    // Late, after it was given back.
    let id = reserve(&desk, 10, 40, Periods::ALL).await.unwrap();
    desk.advance(TTL_MS);
    desk.try_track(usage(1)).await.unwrap();
    let late = desk.try_settle(&id, Some(as_held(5))).await.unwrap();
    assert_eq!((late.late, late.reserved_cost, late.recorded_cost), (true, 40, 20));
    assert_eq!(cost(&desk, Period::Daily).await, [80, 0]);
    // What is known already costs nothing more, and what holds no money costs nothing.
    let request = |total| Usage { request_id: Some("r".to_owned()), ..as_held(total) };
    let ids = [reserve(&desk, 2, 4, Periods::ALL).await.unwrap(), reserve(&desk, 2, 4, Periods::ALL).await.unwrap()];
    assert_eq!(desk.try_settle(&ids[0], Some(request(1))).await.unwrap().recorded_cost, 2);
    assert_eq!(desk.try_settle(&ids[1], Some(request(1))).await.unwrap().recorded_cost, 0);
    let id = reserve(&desk, 2, 0, Periods::ALL).await.unwrap();
    assert_eq!(desk.try_settle(&id, Some(as_held(2))).await.unwrap().recorded_cost, 0);
    let id = UnheldId::generate(&desk.orchestrator);
    let Ok(Outcome::Settled(settled)) = desk.one(Operation::SettleUnheld { id, usage: Some(as_held(9)) }).await else {
        panic!("it settles")
    };
    assert_eq!((settled.recorded, settled.recorded_cost), (9, 0));
    assert_eq!(cost(&desk, Period::Daily).await, [82, 0]);
}

pub async fn limits_of_money_are_set_at_run_time<H: Harness>(desk: Desk<H>) {
    let desk = with_cost(desk);
    let limits = Limits { tokens: [Some(7), None, None], cost: [None, Some(9), None] };
    desk.set_budget(Some(limits)).await;
    let Ok(Outcome::Budget(budget)) = desk.one(Operation::GetBudget).await else { panic!("it tells") };
    assert_eq!((budget.base, budget.effective, budget.stored), (limits, limits, true));
    assert_eq!(reserve(&desk, 1, 10, Periods::ALL).await.unwrap_err().period, Period::Daily);
    desk.set_budget(Some(hourly(7))).await;
    reserve(&desk, 1, 1_000, Periods::ALL).await.unwrap();
    desk.set_budget(None).await;
    assert_eq!(desk.check(Period::Hourly).await.cost, CostView { used: 0, reserved: 1_000, limit: Some(100) });
}

pub async fn money_has_levels_of_its_own<H: Harness>(desk: Desk<H>) {
    let desk = with_cost(desk).with_thresholds(&[0.5, 0.8]);
    let (_, transitions) = desk.try_track(priced(1, 60)).await.unwrap();
    assert_eq!(of_cost(&transitions), [(Period::Hourly, 0.0, 0.6)]);
    assert_eq!((transitions[0].used, transitions[0].reserved, transitions[0].limit), (60, 0, 100));
    assert!(desk.try_track(priced(1, 1)).await.unwrap().1.is_empty());
    let id = reserve(&desk, 0, 30, Period::Hourly.into()).await.unwrap();
    let settled = desk.try_settle(&id, Some(priced(0, 30))).await.unwrap();
    assert_eq!(of_cost(&settled.transitions), [(Period::Hourly, 0.61, 0.91)], "against the last recording");
    desk.one(Operation::ClearThresholds { period: None }).await.unwrap();
    assert_eq!(of_cost(&desk.try_track(priced(0, 1)).await.unwrap().1), [(Period::Hourly, 0.0, 0.92)]);
    let (_, both) = desk.try_track(priced(60, 0)).await.unwrap();
    assert_eq!((both.len(), both[0].unit), (1, Unit::Tokens));
}

pub async fn a_limit_of_no_money_is_crossed_by_the_first<H: Harness>(desk: Desk<H>) {
    let mut desk = with_cost(desk).with_thresholds(&[1.0]);
    desk.limits.cost = [Some(0), None, None];
    assert!(reserve(&desk, 1, 1, Period::Hourly.into()).await.is_err());
    assert_eq!(of_cost(&desk.try_track(priced(1, 1)).await.unwrap().1), [(Period::Hourly, 0.0, 1e9)]);
}

pub async fn a_batch_is_decided_in_order<H: Harness>(desk: Desk<H>) {
    let desk = with_cost(desk);
    let periods = Period::Hourly.into();
    let ids = [desk.new_id(periods), desk.new_id(periods), desk.new_id(periods)];
    let reserve = |nth: usize, cost_micros| Operation::Reserve {
        id: ids[nth].clone(),
        tokens: 1,
        periods,
        ttl_ms: TTL_MS,
        cost_micros,
    };
    let operations = vec![
        reserve(0, 60),
        reserve(1, 60),
        Operation::Settle { id: ids[0].clone(), usage: Some(priced(1, 40)) },
        reserve(2, 60),
        Operation::Track(priced(1, 5)),
        Operation::Track(usage(1)),
        Operation::ListReservations { period: None, offset: 0, limit: 9 },
        Operation::Check { period: Period::Hourly, tokens: 1 },
    ];
    let outcomes = desk.apply(operations).await.outcomes;
    let granted = |outcome: &_| matches!(outcome, Ok(Outcome::Reserved { .. }));
    assert_eq!([0, 1, 3].map(|nth: usize| granted(&outcomes[nth])), [true, false, true]);
    assert!(matches!(&outcomes[6], Ok(Outcome::Reservations(open)) if open.len() == 1 && open[0].cost_micros == 60));
    let Ok(Outcome::Check(view)) = &outcomes[7] else { panic!("it checks") };
    assert_eq!(view.cost, CostView { used: 45, reserved: 60, limit: Some(100) });
}

pub async fn a_record_tells_what_it_cost<H: Harness>(desk: Desk<H>) {
    desk.try_track(priced(10, 25)).await.unwrap();
    desk.try_track(usage(10)).await.unwrap();
    let records = desk.history(Period::Hourly, 0, 9).await;
    assert_eq!((&records[1]["costMicros"], records[0].get("costMicros")), (&25.into(), None));
}

pub async fn a_repeated_batch_costs_once<H: Harness>(desk: Desk<H>) {
    let mut batch = desk.batch(vec![Request { operation: Operation::Track(priced(10, 25)), deadline_ms: None }]);
    desk.send(&batch).await;
    if !desk.harness.remembers_replies() {
        return;
    }
    batch.ticket.retry = true;
    desk.send(&batch).await;
    assert_eq!(cost(&desk, Period::Hourly).await, [25, 0]);
}

pub async fn an_override_raises_the_limit_of_money<H: Harness>(desk: Desk<H>) {
    let desk = with_cost(desk);
    let more = |id: &str, period, additional_cost| {
        let document_json = format!(r#"{{"id":"{id}"}}"#);
        let expires_at_ms = desk.now() + MINUTE_MS;
        Override { id: id.to_owned(), period, additional_tokens: 0, expires_at_ms, document_json, additional_cost }
    };
    let entries = [more("a", Period::Daily, 5), more("b", Period::Hourly, 30), more("c", Period::Hourly, 20)];
    for entry in &entries {
        desk.one(Operation::SetOverride(entry.clone())).await.unwrap();
    }
    desk.raise("t", 7, MINUTE_MS).await;
    let view = desk.check(Period::Hourly).await;
    assert_eq!((view.cost.limit, view.limit), (Some(150), Some(107)));
    assert_eq!(desk.check(Period::Daily).await.cost.limit, None, "unlimited stays unlimited");
    let Ok(Outcome::Overrides(listed)) = desk.one(Operation::ListOverrides { period: Some(Period::Daily) }).await
    else {
        panic!("it lists")
    };
    assert_eq!(listed, entries[..1]);
    let Ok(Outcome::Budget(budget)) = desk.one(Operation::GetBudget).await else { panic!("it tells") };
    assert_eq!((budget.base.cost[0], budget.effective.cost[0]), (Some(100), Some(150)));
    reserve(&desk, 0, 150, Period::Hourly.into()).await.unwrap();
    assert_eq!(desk.one(Operation::RemoveOverride { id: "b".to_owned() }).await, Ok(Outcome::OverrideRemoved(true)));
    assert_eq!(desk.check(Period::Hourly).await.cost.limit, Some(120));
    desk.advance(MINUTE_MS);
    assert_eq!(desk.check(Period::Hourly).await.cost.limit, Some(100));
}
