//! What every store of credentials promises, as one suite.
//!
//! As for budgets: a store is put to it by a [`harness::Harness`] and one line, `credential_tests!(MyHarness);`.
//! Each case starts with an empty store.

// Each test program uses its own part of the suite.
#![allow(dead_code)]

pub mod batches;
pub mod clock;
pub mod desk;
pub mod harness;
pub mod kept;
pub mod life;
pub mod pauses;
pub mod picking;
pub mod plays;
pub mod provider;

pub mod quotas;
pub mod watch;

/// One `#[test]` for each guarantee, by theme.
#[macro_export]
macro_rules! credential_tests {
    ($harness:ty) => {
        $crate::credential_cases! { $harness;
            picking: [
                it_stays_with_a_token_until_that_is_spent, what_lapses_first_is_used_first,
                the_heavier_is_used_first_then_the_order_decides, what_was_tried_is_not_picked,
                another_token_of_a_tried_account_may_be_used, tokens_of_one_account_share_its_quota,
                resources_have_quotas_of_their_own, a_pick_tells_what_is_left_before_the_reserve,
                a_share_of_the_limit_is_a_reserve, when_none_is_left_the_soonest_is_told,
                an_invalid_token_is_never_told_as_soonest, counting_takes_nothing, pools_share_nothing,
                without_tokens_nothing_can_be_picked,
            ];
            quotas: [
                every_pick_counts_at_once, answers_that_overtake_each_other_raise_nothing,
                what_was_reported_meanwhile_may_have_been_served_later, what_is_under_way_is_taken_off_a_reading, a_reading_of_a_window_that_is_over_says_nothing,
                after_the_reset_it_is_taken_as_whole,
                the_first_numbers_of_an_assumed_window_replace_it, what_was_reported_in_an_assumed_window_is_taken_off,
                an_assumed_window_ends_in_a_minute, without_a_limit_nothing_is_assumed,
                a_window_that_has_nothing_left_does_not_begin, a_limit_within_the_reserve_is_not_touched,
                what_was_under_way_at_the_reset_is_taken_off, a_reset_is_believed_for_a_month,
                a_question_that_left_after_all_else_is_newer, a_question_beside_others_is_not,
                an_older_reading_that_is_spent_too_moves_the_reset, what_was_never_sent_is_given_back_once,
                what_nothing_was_picked_for_can_only_lower, a_request_that_nobody_reports_ends,
                large_numbers_are_exact,
            ];
            pauses: [
                a_spent_quota_without_numbers_rests_longer_each_time, jitter_shortens_what_doubled, no_rest_without_a_time_is_shorter_than_the_cooldown,
                one_burst_counts_once, what_was_served_after_the_last_hit_ends_the_doubling,
                a_secondary_limit_rests_the_whole_account, a_wait_is_honoured_as_told_but_not_for_ever,
                a_reset_beside_a_number_that_is_not_spent_is_waited_for, numbers_that_say_all_are_no_hit,
                a_token_that_is_not_accepted_is_left_alone, other_tokens_of_its_account_are_not,
            ];
            life: [
                what_nobody_uses_is_forgotten_in_a_week, what_is_spent_for_a_month_is_known_for_a_month,
                a_token_that_somebody_names_stays_invalid, resources_have_an_end_in_number,
                policies_that_disagree_meet_in_one_pool,
            ];
            clock: [
                a_clock_that_is_a_little_behind_is_waited_for, a_clock_that_was_wrong_stalls_nobody,
                what_is_known_outlasts_a_wrong_clock, a_reset_of_a_wrong_clock_lasts_as_long_as_it_did,
                a_rest_of_a_wrong_clock_lasts_as_long_as_it_did,
                a_rest_without_a_hit_of_a_wrong_clock_lasts_as_long_as_it_did,
                a_reset_that_was_only_moved_by_a_wrong_clock_lasts_as_long_as_it_did, what_a_wrong_clock_picked_is_never_newest,
                to_ask_only_sees_a_wrong_clock_once,
            ];
            kept: [
                what_is_kept_is_listed_by_fingerprint, it_is_replaced_and_dropped, a_batch_sees_what_it_keeps,
                kept_tokens_stay, odd_names_are_kept_as_they_are,
            ];
            batches: [
                a_batch_is_decided_in_order, after_its_deadline_a_request_does_nothing,
                a_repeated_batch_is_answered_and_not_applied, a_new_batch_is_no_repetition,
                a_repeated_list_of_what_is_kept_is_asked_for_anew, a_repeated_read_is_answered_anew,
                names_that_look_like_numbers_are_names, a_token_nobody_configured_changes_nothing,
                a_long_list_of_tried_tokens_is_understood,
            ];
        }
    };
}

#[macro_export]
macro_rules! credential_cases {
    ($harness:ty; $($theme:ident: [$($case:ident),* $(,)?];)*) => {
        $(mod $theme {
            use super::*;
            $(#[test]
            fn $case() {
                $crate::credentials::harness::run::<$harness, _>($crate::credentials::$theme::$case);
            })*
        })*
    };
}

/// Plays of made-up operations: `credential_plays!(MyHarness);`, or with the number of plays of each kind.
#[macro_export]
macro_rules! credential_plays {
    ($harness:ty) => {
        $crate::credential_plays!($harness, proptest::prelude::ProptestConfig::default().cases);
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
            fn the_store_answers_as_the_store_in_memory_does(steps in $crate::credentials::plays::steps()) {
                $crate::credentials::harness::on_one_thread($crate::credentials::plays::agree::<$harness>(&steps));
            }

            #[test]
            fn nothing_is_seen_that_must_not_be(steps in $crate::credentials::plays::single_steps()) {
                $crate::credentials::harness::on_one_thread($crate::credentials::watch::watch::<$harness>(&steps));
            }

            #[test]
            fn a_provider_never_has_to_refuse(
                limit in 0..12_u64, moves in $crate::credentials::provider::moves()
            ) {
                $crate::credentials::harness::on_one_thread(
                    $crate::credentials::provider::never_has_to_refuse::<$harness>(limit, &moves),
                );
            }
        }
    };
}
