//! Every state, what is asked in it, and what becomes of it.

use State::{Closed, HalfOpen, Open};
use token_budget::domain::breakers::operation::*;

use super::desk::*;
use super::harness::Harness;

/// How a breaker gets where a row begins.
#[derive(Debug, Clone, Copy)]
enum At {
    /// Closed, nothing having happened.
    Fresh,
    /// Closed, one failure before its threshold.
    Shaken,
    /// Open, its time not over.
    Open,
    /// Open, its time over.
    Due,
    /// Half open, "p" probing.
    Probing,
    /// Half open, nobody probing.
    Half,
    /// Open until it is closed by hand.
    Isolated,
}

async fn bring<H: Harness>(desk: &Desk<H>, at: At) {
    match at {
        At::Fresh => {}
        At::Shaken => drop(desk.one(fail(4)).await),
        At::Open => drop(desk.one(fail(5)).await),
        At::Due => desk.open_and_wait().await,
        At::Probing => {
            desk.open_and_wait().await;
            desk.one(probe("p")).await;
        }
        At::Half => drop(desk.one(force(HalfOpen, None)).await),
        At::Isolated => drop(desk.one(force(Open, None)).await),
    }
}

fn rows() -> Vec<(At, Operation, bool, State)> {
    let mut rows = vec![
        (At::Fresh, record(3, 0), false, Closed),
        (At::Fresh, fail(4), false, Closed),
        (At::Fresh, fail(5), false, Open),
        (At::Shaken, record(1, 0), false, Closed),
        (At::Shaken, record(1, 4), false, Closed),
        (At::Shaken, fail(1), false, Open),
        (At::Due, probe("x"), true, HalfOpen),
        (At::Half, probe("x"), true, HalfOpen),
        (At::Probing, probe("p"), true, HalfOpen),
        (At::Probing, probe("x"), false, HalfOpen),
        (At::Probing, probed("p", Some(true)), true, Closed),
        (At::Probing, probed("p", Some(false)), true, Open),
        (At::Probing, probed("p", None), true, HalfOpen),
    ];
    let (open, half) = ([At::Open, At::Due, At::Isolated], [At::Probing, At::Half]);
    for operation in [record(9, 0), fail(9), record(9, 9), probed("x", Some(true)), probed("x", Some(false))] {
        rows.extend(open.map(|at| (at, operation.clone(), false, Open)));
        rows.extend(half.map(|at| (at, operation.clone(), false, HalfOpen)));
    }
    for at in [At::Fresh, At::Shaken] {
        rows.extend(
            [probe("x"), probed("x", Some(false)), probed("", Some(false))].map(|asked| (at, asked, false, Closed)),
        );
    }
    rows.extend([At::Open, At::Isolated].map(|at| (at, probe("x"), false, Open)));
    for at in [At::Fresh, At::Shaken, At::Open, At::Due, At::Probing, At::Half, At::Isolated] {
        for state in [Closed, Open, HalfOpen] {
            rows.push((at, force(state, Some(MINUTE_MS)), false, state));
            rows.push((at, force(state, None), false, state));
            rows.push((at, Operation::Restore { view: View { state, ..View::default() } }, false, state));
        }
    }
    rows
}

pub async fn every_operation_in_every_state<H: Harness>(mut desk: Desk<H>) {
    for (number, (at, operation, is_granted, state)) in rows().into_iter().enumerate() {
        desk.breaker = token_budget::domain::identifier::OrchestratorId::new(&format!("row {number}")).unwrap();
        bring(&desk, at).await;
        let before = desk.view().await;
        let outcome = desk.one(operation.clone()).await;
        let row = format!("{at:?} {operation:?}");
        assert_eq!((outcome.is_granted, outcome.view.state), (is_granted, state), "{row}");
        let expected = (before.state != state).then_some((before.state, state));
        assert_eq!(turned(&outcome), expected, "{row}");
        if expected.is_some() {
            assert!(outcome.view.version > before.version, "{row}");
        }
        assert_eq!(desk.view().await, outcome.view, "{row}");
    }
}
