//! Timers in memory: never early, one holder at a time, nothing lost, whoever dies when.

mod timers;

use proptest::prelude::*;
use timers::crew::{Crew, steps};
use timers::lists;
use token_budget::domain::timers::decide::ShardState;
use token_budget::domain::timers::operation::*;

proptest! {
    // What fails prints its play; nothing is written beside the sources.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_dies_when_every_timer_fires_once_and_never_early(steps in steps(false)) {
        let mut crew = Crew::new();
        steps.iter().for_each(|step| crew.play(step));
        crew.finish_all();
        crew.check_replay();
    }

    #[test]
    fn a_clock_that_jumps_loses_nothing_and_makes_nothing_early(steps in steps(true)) {
        let mut crew = Crew::new();
        steps.iter().for_each(|step| crew.play(step));
        crew.finish_all();
        crew.check_replay();
    }

    #[test]
    fn lists_agree_with_a_model_that_looks_at_everything(steps in lists::steps()) {
        lists::agree(&steps);
    }

    /// After a clock was set back, a claim of somebody who died is over within its lease and the second that is let
    /// pass.
    #[test]
    fn no_claim_outlasts_its_lease_when_the_clock_is_set_back(back_ms in 0..10_000_000_u64, lease_ms in 1..100_000_u64) {
        let claim = |lease_ms| Operation::Claim { holder: "p".into(), lease_ms, timers: 1, deliveries: 0 };
        let mut shard = ShardState::default();
        let mut taken = |now_ms, operation| {
            let receipt = shard.apply(now_ms, &Policy::default(), &[Request { operation, deadline_ms: None }]);
            matches!(&receipt.outcomes[0], Ok(Outcome::Claimed { timers, .. }) if timers.len() == 1)
        };
        let timer = NewTimer {
            id: "t".into(),
            name: "t".into(),
            owner: "".into(),
            due: Due::At(1),
            document_json: "{}".into(),
            recurrence_json: "".into(),
            nonce: "n".into(),
            fingerprint: "f".into(),
        };
        taken(1, Operation::Create(timer));
        let start_ms = 20_000_000;
        prop_assert!(taken(start_ms, claim(lease_ms)));
        let now_ms = start_ms - back_ms;
        prop_assert!(!taken(now_ms, claim(5)), "somebody has it");
        prop_assert!(taken(now_ms + lease_ms + 1_000, claim(5)));
    }
}

#[test]
#[ignore = "measures"]
fn a_million_timers() {
    let mut shard = ShardState::default();
    let policy = Policy::default();
    let count = 1_000_000_u64;
    let ask = |shard: &mut ShardState, now_ms, operations: Vec<Operation>| {
        let requests: Vec<_> =
            operations.into_iter().map(|operation| Request { operation, deadline_ms: None }).collect();
        shard.apply(now_ms, &policy, &requests)
    };
    let created = std::time::Instant::now();
    for number in 0..count {
        // Scattered, as ids are.
        let id = format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let timer = NewTimer {
            id: id.clone().into(),
            name: "GitHub API Reset".into(),
            owner: "".into(),
            due: Due::At(number % 1_000 * 100),
            document_json: "{\"message\":\"resume\"}".into(),
            recurrence_json: "".into(),
            nonce: id.into(),
            fingerprint: "f".into(),
        };
        ask(&mut shard, 0, vec![Operation::Create(timer)]);
    }
    let fired = std::time::Instant::now();
    let mut done = 0;
    while done < count {
        let claim = Operation::Claim { holder: "p".into(), lease_ms: 30_000, timers: 500, deliveries: 0 };
        let receipt = ask(&mut shard, 100_000, vec![claim]);
        let Ok(Outcome::Claimed { timers, .. }) = &receipt.outcomes[0] else { panic!("claim") };
        done += timers.len() as u64;
        let fire = timers.iter().map(|timer| Operation::Fired {
            id: timer.id.clone(),
            nonce: timer.nonce.clone(),
            holder: "p".into(),
            occurrence: 0,
            next_fire_at_ms: None,
            delivery: None,
        });
        ask(&mut shard, 100_000, fire.collect());
    }
    println!("{count} created in {:?}, claimed and fired in {:?}", fired - created, fired.elapsed());
    assert_eq!(shard.footprint().scheduled, 0);
}
