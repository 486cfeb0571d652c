//! A model of every store.
//!
//! [`ledger`] keeps a list of all that ever happened and works out each answer from the beginning;
//! [`steps`] makes up operations and clock movements; [`drive`] plays them to a store and to the
//! ledger and compares. `model_tests!(MyHarness);` expands to the tests,
//! `model_tests!(MyHarness, 32);` to as many with that number of plays each.
//!
//! What a store may do either way is not played: the clock never goes back before the end of a
//! request id, an override or a late settle (whether it is forgotten by then is open), and it goes
//! back only after every orchestrator recorded something (whether a window without usage is stored
//! is open).

#![allow(dead_code)]

pub mod drive;
pub mod ledger;
pub mod steps;

#[macro_export]
macro_rules! model_tests {
    ($harness:ty) => {
        $crate::model_tests!($harness, proptest::prelude::ProptestConfig::default().cases);
    };
    ($harness:ty, $cases:expr) => {
        proptest::proptest! {
            // What fails prints its play; nothing is written beside the sources.
            #![proptest_config(proptest::prelude::ProptestConfig {
                failure_persistence: None,
                cases: $cases,
                ..Default::default()
            })]

            #[test]
            fn the_store_agrees_with_the_ledger(play in $crate::model::steps::play()) {
                $crate::model::drive::agree::<$harness>(&play);
            }

            #[test]
            fn settled_and_pending_never_exceed_the_limit(
                steps in $crate::model::steps::reservations_only()
            ) {
                $crate::model::drive::stay_within_the_limit::<$harness>(&steps);
            }
        }
    };
}
