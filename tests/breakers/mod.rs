//! What every store of circuit breakers promises, as one suite.
//!
//! As for budgets: a store is put to it by a [`harness::Harness`] and one line, `breaker_tests!(MyHarness);`.
//! Each case starts with an empty store.

// Each test program uses its own part of the suite.
#![allow(dead_code)]

pub mod batches;
pub mod by_hand;
pub mod desk;
pub mod harness;
pub mod life;
pub mod opening;
pub mod plays;
pub mod probing;
pub mod sampling;
pub mod table;
pub mod watch;

/// One `#[test]` for each guarantee, by theme.
#[macro_export]
macro_rules! breaker_tests {
    ($harness:ty) => {
        $crate::breaker_cases! { $harness;
            table: [every_operation_in_every_state];
            opening: [
                it_opens_at_its_threshold, a_success_ends_failures_in_a_row, successes_come_first,
                what_ends_after_it_opened_changes_nothing, it_opens_until_the_provider_is_back,
                the_latest_reset_that_was_told_counts, a_reset_has_a_cap, a_later_reset_keeps_it_open,
                failed_probes_lengthen_the_time, breakers_share_nothing, others_hear_of_what_matters,
            ];
            probing: [
                one_probe_at_a_time, a_probe_that_says_nothing_makes_room,
                a_late_probe_counts_while_nobody_took_its_place, a_probe_that_told_nothing_makes_room_at_once,
                several_successes_close_it, a_failed_probe_starts_over, a_closed_breaker_needs_no_probe,
            ];
            sampling: [
                it_opens_at_its_share_of_enough_calls, a_success_never_opens_it, what_leaves_the_window_is_forgotten,
                windows_of_other_lengths_meet, counts_have_an_end,
            ];
            by_hand: [
                opened_by_hand_it_stays_open, opened_by_hand_for_a_time, closed_by_hand_it_is_clean,
                half_opened_by_hand, what_another_store_knew_is_taken_over, a_restored_time_has_a_cap,
                a_restored_window_counts,
            ];
            life: [
                what_nobody_uses_is_forgotten, a_clock_that_goes_back_lengthens_nothing,
                a_clock_that_is_corrected_is_waited_for, a_probe_outlives_no_clock, versions_grow_when_all_was_forgotten,
            ];
            batches: [
                a_batch_is_decided_in_order, after_its_deadline_a_request_does_nothing,
                a_repeated_batch_is_answered_and_not_applied, a_new_batch_is_no_repetition,
                numbers_stop_where_they_are_exact,
            ];
        }
    };
}

#[macro_export]
macro_rules! breaker_cases {
    ($harness:ty; $($theme:ident: [$($case:ident),* $(,)?];)*) => {
        $(mod $theme {
            use super::*;
            $(#[test]
            fn $case() {
                $crate::breakers::harness::run::<$harness, _>($crate::breakers::$theme::$case);
            })*
        })*
    };
}

/// Plays of made-up operations: `breaker_plays!(MyHarness);`, or with the number of plays of each kind.
#[macro_export]
macro_rules! breaker_plays {
    ($harness:ty) => {
        $crate::breaker_plays!($harness, proptest::prelude::ProptestConfig::default().cases);
    };
    ($harness:ty, $cases:expr) => {
        #[test]
        fn a_probe_has_its_time_where_the_clock_goes_back_a_little() {
            use $crate::breakers::watch;
            $crate::breakers::harness::on_one_thread(watch::watch::<$harness>(1, 1, &watch::a_little_back()));
        }

        proptest::proptest! {
            // What fails prints its play; nothing is written beside the sources.
            #![proptest_config(proptest::prelude::ProptestConfig {
                failure_persistence: None,
                cases: $cases,
                ..Default::default()
            })]

            #[test]
            fn the_store_answers_as_the_store_in_memory_does(steps in $crate::breakers::plays::steps()) {
                $crate::breakers::harness::on_one_thread($crate::breakers::plays::agree::<$harness>(&steps));
            }

            #[test]
            fn nothing_is_seen_that_must_not_be(
                threshold in 1..7_u64, needed in 1..4_u64, moves in $crate::breakers::watch::moves()
            ) {
                $crate::breakers::harness::on_one_thread(
                    $crate::breakers::watch::watch::<$harness>(threshold, needed, &moves),
                );
            }
        }
    };
}
