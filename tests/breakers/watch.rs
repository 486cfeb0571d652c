//! A service that fails and comes back, callers that ask before they call, and somebody who watches them: never two
//! probes at once, open exactly at the threshold, closed only by successful probes.

use proptest::collection::vec;
use proptest::prelude::*;
use token_budget::domain::breakers::operation::*;

use super::desk::*;
use super::harness::Harness;

#[derive(Debug, Clone)]
pub enum Move {
    /// A caller that nothing holds up is served, or not.
    Call {
        succeeds: bool,
    },
    Probe {
        caller: usize,
    },
    /// The caller's probe ends.
    End {
        caller: usize,
        succeeded: Option<bool>,
    },
    Later {
        by_ms: u64,
    },
    Back {
        by_ms: u64,
    },
}

pub fn moves() -> impl Strategy<Value = Vec<Move>> {
    let later = prop_oneof![0..2 * MINUTE_MS, Just(5 * MINUTE_MS)];
    let ends = prop_oneof![3 => Just(Some(true)), 2 => Just(Some(false)), 1 => Just(None)];
    let step = prop_oneof![
        8 => prop_oneof![3 => Just(false), 1 => Just(true)].prop_map(|succeeds| Move::Call { succeeds }),
        6 => (0..4_usize).prop_map(|caller| Move::Probe { caller }),
        5 => (0..4_usize, ends).prop_map(|(caller, succeeded)| Move::End { caller, succeeded }),
        4 => later.prop_map(|by_ms| Move::Later { by_ms }),
        1 => (1..MINUTE_MS).prop_map(|by_ms| Move::Back { by_ms }),
    ];
    vec(step, 1..80)
}

/// A clock that goes back a little between two probes, a prober that asks again at the end of its time, and another.
pub fn a_little_back() -> [Move; 10] {
    let again = Move::Probe { caller: 0 };
    [
        Move::Call { succeeds: false },
        Move::Later { by_ms: 5 * MINUTE_MS },
        Move::Probe { caller: 3 },
        Move::End { caller: 3, succeeded: None },
        Move::Back { by_ms: 900 },
        again.clone(),
        Move::Later { by_ms: 60_400 },
        again,
        Move::Later { by_ms: 500 },
        Move::Probe { caller: 1 },
    ]
}

/// What the watcher knows.
struct Watch {
    failures: u64,
    successes: u64,
    /// Who probes, and since when.
    probe: Option<(usize, u64)>,
}

pub async fn watch<H: Harness>(threshold: u64, needed: u64, moves: &[Move]) {
    let mut desk = Desk::new(H::open().await);
    desk.policy.mode = Mode::Consecutive { threshold };
    desk.policy.successes_to_close = needed;
    let mut watch = Watch { failures: 0, successes: 0, probe: None };
    let mut view = View::default();
    for step in moves {
        match step {
            Move::Later { by_ms } => desk.advance(*by_ms),
            Move::Back { by_ms } => {
                desk.set_now(desk.now() - by_ms);
                watch.probe = watch.probe.map(|(caller, since_ms)| (caller, since_ms.min(desk.now())));
            }
            Move::Call { succeeds } if view.state == State::Closed => {
                watch.failures = if *succeeds { 0 } else { watch.failures + 1 };
                let outcome = desk.one(record(u64::from(*succeeds), u64::from(!succeeds))).await;
                assert_eq!(outcome.view.state == State::Open, watch.failures == threshold);
            }
            Move::Call { .. } => {
                let outcome = desk.one(fail(1)).await;
                assert!(outcome.view.state != State::Closed && turned(&outcome).is_none());
            }
            Move::Probe { caller } => {
                let outcome = desk.one(probe(&caller.to_string())).await;
                if outcome.is_granted {
                    let others = watch.probe.filter(|(other, since_ms)| {
                        other != caller && since_ms + desk.policy.probe_ttl_ms > desk.now()
                    });
                    assert_eq!(others, None, "two probes at once");
                    assert!(view.state == State::HalfOpen || desk.now() >= desk.view().await.opened_at_ms);
                    if view.state == State::Open {
                        watch.successes = 0;
                    }
                    // Asked again it is the same probe, which began when it began. The store tells which it is: where the
                    // clock went back a little, it still lets a probe have the whole of its time.
                    let goes_on = view.probe_until_ms > 0 && outcome.view.probe_until_ms == view.probe_until_ms;
                    let since_ms = watch.probe.filter(|_| goes_on).map_or(desk.now(), |(_, since_ms)| since_ms);
                    watch.probe = Some((*caller, since_ms));
                }
            }
            Move::End { caller, succeeded } => {
                let outcome = desk.one(probed(&caller.to_string(), *succeeded)).await;
                if outcome.is_granted {
                    assert_eq!(watch.probe.map(|(holder, _)| holder), Some(*caller));
                    watch.probe = None;
                    watch.successes += u64::from(*succeeded == Some(true));
                    let expected = match succeeded {
                        Some(true) if watch.successes == needed => State::Closed,
                        Some(false) => State::Open,
                        _ => State::HalfOpen,
                    };
                    assert_eq!(outcome.view.state, expected);
                    watch.failures = if expected == State::Closed { 0 } else { watch.failures };
                } else {
                    assert_eq!(turned(&outcome), None);
                }
            }
        }
        let now = desk.view().await;
        assert!(now.version >= view.version);
        assert!(now.open_until_ms <= desk.now() + desk.policy.reset_after_max_ms);
        view = now;
    }
}
