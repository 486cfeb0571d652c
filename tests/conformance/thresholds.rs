use super::desk::*;
use super::harness::Harness;
use token_budget::domain::operation::{Operation, Outcome};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::Limits;
use token_budget::domain::threshold::{Transition, Unit};
use token_budget::domain::tokens::MAX_LEVEL;

const NONE: [f64; 0] = [];

fn half_and_full<H: Harness>(desk: Desk<H>) -> Desk<H> {
    desk.with_thresholds(&[0.5, 1.0])
}

pub async fn each_threshold_is_crossed_once<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    assert_eq!(desk.crossed(49).await, NONE);
    assert_eq!(desk.crossed(1).await, [0.5]);
    assert_eq!(desk.crossed(1).await, NONE);
    assert_eq!(desk.crossed(48).await, NONE);
    assert_eq!(desk.crossed(1).await, [1.0]);
    assert_eq!(desk.crossed(100).await, NONE);
}

pub async fn one_recording_can_cross_several<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk).with_limits([Some(100), Some(150), Some(1_000)]);
    let transitions = desk.track(120).await;
    let periods: Vec<_> = transitions.iter().map(|transition| transition.period).collect();
    assert_eq!(periods, [Period::Hourly, Period::Daily]);
    assert_eq!(transitions[0].crossed(&[0.5, 1.0]).collect::<Vec<_>>(), [0.5, 1.0]);
    assert_eq!(transitions[1].crossed(&[0.5, 1.0]).collect::<Vec<_>>(), [0.5]);
}

pub async fn held_tokens_count_for_the_level<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    desk.reserve(45).await;
    assert_eq!(desk.crossed(5).await, [0.5]);
}

pub async fn any_fraction_is_a_threshold<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_thresholds(&[0.001, 1.0 / 3.0, 0.725]).with_limits([Some(3_000), None, None]);
    assert_eq!(desk.crossed(2).await, NONE);
    assert_eq!(desk.crossed(1).await, [0.001]);
    assert_eq!(desk.crossed(996).await, NONE);
    assert_eq!(desk.crossed(1).await, [1.0 / 3.0]);
    assert_eq!(desk.crossed(1_174).await, NONE);
    assert_eq!(desk.crossed(1).await, [0.725]);
}

pub async fn above_the_limit_too<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_thresholds(&[1.5, 2.0]);
    assert_eq!(desk.crossed(149).await, NONE);
    assert_eq!(desk.crossed(51).await, [1.5, 2.0]);
}

pub async fn a_higher_limit_rearms<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    assert_eq!(desk.crossed(60).await, [0.5]);
    desk.raise("o", 100, HOUR_MS).await;
    assert_eq!(desk.crossed(30).await, NONE);
    assert_eq!(desk.crossed(10).await, [0.5]);
    desk.set_budget(Some(hourly(1_000))).await;
    assert_eq!(desk.crossed(800).await, [0.5]);
}

pub async fn a_new_window_rearms<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    assert_eq!(desk.crossed(60).await, [0.5]);
    desk.advance(HOUR_MS);
    assert_eq!(desk.crossed(60).await, [0.5]);
}

pub async fn a_release_rearms<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    let id = desk.reserve(60).await;
    assert_eq!(desk.crossed(10).await, [0.5]);
    desk.release(&id).await;
    assert_eq!(desk.crossed(30).await, NONE);
    assert_eq!(desk.crossed(10).await, [0.5]);
    // And so does an expiry.
    desk.advance(HOUR_MS);
    desk.reserve(60).await;
    assert_eq!(desk.crossed(10).await, [0.5]);
    desk.advance(TTL_MS);
    assert_eq!(desk.crossed(40).await, [0.5]);
}

pub async fn clearing_rearms<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    assert_eq!(desk.crossed(60).await, [0.5]);
    desk.one(Operation::ClearThresholds { period: None }).await.unwrap();
    assert_eq!(desk.crossed(1).await, [0.5]);
    assert_eq!(desk.crossed(1).await, NONE);
}

pub async fn clearing_one_period_leaves_the_others<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk).with_limits([Some(100), Some(100), None]);
    assert_eq!(desk.track(60).await.len(), 2);
    desk.one(Operation::ClearThresholds { period: Some(Period::Daily) }).await.unwrap();
    let transitions = desk.track(1).await;
    assert_eq!(transitions.len(), 1);
    assert_eq!((transitions[0].period, transitions[0].level_before), (Period::Daily, 0.0));
}

pub async fn unlimited_periods_cross_nothing<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk).with_limits([None, None, None]);
    assert_eq!(desk.track(1_000_000).await, []);
    // A level is kept from recordings only: 0 while unlimited.
    desk.set_budget(Some(hourly(1_000_000))).await;
    let transitions = desk.track(1).await;
    assert_eq!((transitions.len(), transitions[0].level_before), (1, 0.0));
}

pub async fn a_limit_of_zero_is_crossed_by_the_first_token<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk).with_limits([Some(0), None, None]);
    let transitions = desk.track(1).await;
    assert_eq!((transitions[0].level_before, transitions[0].level_after), (0.0, MAX_LEVEL));
    assert_eq!(desk.track(1).await, []);
}

pub async fn a_transition_tells_the_state_after<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    desk.track(20).await;
    desk.reserve(10).await;
    desk.raise("o", 100, HOUR_MS).await;
    let expected = Transition {
        period: Period::Hourly,
        unit: Unit::Tokens,
        level_before: 0.15,
        level_after: 0.55,
        used: 100,
        reserved: 10,
        limit: 200,
        at_ms: desk.now(),
    };
    assert_eq!(desk.track(80).await, [expected]);
}

pub async fn settling_held_tokens_moves_from_held_to_used<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    let id = desk.reserve(60).await;
    desk.track(1).await;
    // From 61 to 61: the threshold was crossed by the recording before.
    assert_eq!(desk.settle(&id, 60).await.transitions, []);
    desk.advance(HOUR_MS);
    let id = desk.reserve(40).await;
    let transitions = desk.settle(&id, 70).await.transitions;
    assert_eq!((transitions[0].level_before, transitions[0].level_after), (0.0, 0.7));
    let id = desk.reserve(20).await;
    let transitions = desk.settle(&id, 40).await.transitions;
    assert_eq!((transitions[0].level_before, transitions[0].level_after), (0.7, 1.1));
}

pub async fn a_usage_of_zero_crosses_nothing<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    desk.reserve(60).await;
    assert_eq!(desk.track(0).await, []);
    // It did not take the crossing away from the next recording.
    assert_eq!(desk.crossed(1).await, [0.5]);
}

pub async fn usage_outside_the_window_crosses_nothing_there<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk).with_limits([Some(100), Some(100), None]);
    let (_, transitions) = desk.try_track(usage_at("2024-05-15T09:00:00Z", 60)).await.unwrap();
    assert_eq!(transitions.len(), 1);
    assert_eq!(transitions[0].period, Period::Daily);
}

pub async fn a_reservation_alone_crosses_nothing<H: Harness>(desk: Desk<H>) {
    let desk = half_and_full(desk);
    desk.set_budget(Some(Limits::tokens([Some(100), Some(100), Some(100)]))).await;
    let id = desk.try_reserve(100, Periods::ALL).await.unwrap();
    assert_eq!(desk.release(&id).await.transitions, []);
    assert_eq!(desk.crossed(10).await, NONE);
}

/// Usages that travel together are told apart where a threshold lies between them.
pub async fn usages_of_one_batch_cross_as_if_alone<H: Harness>(desk: Desk<H>) {
    let desk = desk.with_thresholds(&[0.5, 0.8, 1.0]).with_limits([Some(100), Some(1_000), Some(0)]);
    for (totals, crossings) in [
        (vec![10, 10, 20], vec![vec![], vec![], vec![]]),
        (vec![9, 1, 25, 5, 20, 1], vec![vec![], vec![0.5], vec![], vec![0.8], vec![1.0], vec![]]),
        (vec![1, 1], vec![vec![], vec![]]),
    ] {
        let tracks = totals.iter().map(|total| Operation::Track(usage(*total))).collect();
        for (outcome, expected) in desk.apply(tracks).await.outcomes.into_iter().zip(crossings) {
            let Ok(Outcome::Tracked { transitions, .. }) = outcome else { panic!("expected a track: {outcome:?}") };
            let hourly = transitions.iter().filter(|transition| transition.period == Period::Hourly);
            let crossed: Vec<_> = hourly.flat_map(|transition| transition.crossed(&[0.5, 0.8, 1.0])).collect();
            assert_eq!(crossed, expected);
        }
    }
    assert_eq!(desk.used().await, [103; 3]);
}
