use proptest::prelude::*;

use super::*;
use crate::domain::breakers::operation::{Mode, Operation, Outcome, Policy, Request};

const MINUTE_MS: u64 = 60_000;

fn apply(breaker: &mut BreakerState, now_ms: u64, operation: Operation) -> Outcome {
    let request = Request { operation, deadline_ms: None };
    breaker.apply(now_ms, &Policy::default(), &[request]).outcomes.remove(0).unwrap()
}

fn fail(failures: u64) -> Operation {
    Operation::Record { successes: 0, failures, reset_in_ms: None }
}

#[test]
fn what_nobody_needs_is_over() {
    let mut breaker = BreakerState::default();
    assert!(breaker.is_over(0));
    apply(&mut breaker, 1_000, fail(1));
    assert!(!breaker.is_over(1_000 + UNUSED_TTL_MS - 1));
    assert!(breaker.is_over(1_000 + UNUSED_TTL_MS));
    apply(&mut breaker, 1_000, Operation::Record { successes: 1, failures: 0, reset_in_ms: None });
    assert_eq!(breaker.ends_at_ms(), 1_000 + CLEAN_TTL_MS);
    apply(&mut breaker, 1_000, Operation::Force { state: State::Open, for_ms: None });
    assert!(!breaker.is_over(FOREVER_MS), "what was opened by hand stays open");
}

#[test]
fn looking_changes_nothing() {
    let mut breaker = BreakerState::default();
    apply(&mut breaker, 10 * MINUTE_MS, fail(5));
    let before = breaker.clone();
    apply(&mut breaker, 1, Operation::View);
    apply(&mut breaker, 10 * MINUTE_MS + 2 * UNUSED_TTL_MS, Operation::View);
    assert_eq!(breaker, before);
}

#[test]
fn it_can_be_written_down() {
    let mut breaker = BreakerState::default();
    let policy =
        Policy { mode: Mode::Sampling { threshold_ppm: 500_000, minimum: 10, window_ms: 10_000 }, ..Policy::default() };
    let request = Request { operation: fail(3), deadline_ms: None };
    breaker.apply(5, &policy, &[request]);
    let text = serde_json::to_string(&breaker).unwrap();
    assert_eq!(serde_json::from_str::<BreakerState>(&text).unwrap(), breaker);
}

proptest! {
    #[test]
    fn no_part_of_a_window_is_lost_or_kept_too_long(
        calls in proptest::collection::vec((0_u64..3_000, 0_u64..5, 0_u64..5, 1_u64..20_000), 1..80),
    ) {
        let mut breaker = BreakerState::default();
        let (mut now_ms, mut all) = (50_000, Vec::new());
        for (later_ms, successes, failures, window_ms) in calls {
            now_ms += later_ms;
            breaker.count(now_ms, window_ms, successes, failures);
            all.push((now_ms, successes + failures));
            prop_assert!(breaker.parts.len() <= 2 * crate::domain::breakers::operation::PARTS as usize);
            let (succeeded, failed) = breaker.counted(now_ms, window_ms);
            let longest: u64 = all.iter().filter(|(at_ms, _)| at_ms + 2 * window_ms > now_ms).map(|(_, calls)| calls).sum();
            prop_assert!(succeeded + failed <= longest);
            prop_assert!(succeeded + failed >= successes + failures);
        }
    }

    #[test]
    fn nothing_stays_open_longer_than_its_time_after_any_clock(
        clocks in proptest::collection::vec(1_u64..2_000_000, 1..20),
    ) {
        let mut breaker = BreakerState::default();
        apply(&mut breaker, 1_000_000, fail(5));
        for clock_ms in clocks {
            let view = apply(&mut breaker, clock_ms, fail(1)).view;
            prop_assert!(view.state == State::Open && view.open_until_ms <= clock_ms + 5 * MINUTE_MS + 1_000);
        }
    }
}
