//! What every store of limiters promises, as one suite.
//!
//! A store is put to it by a [`harness::Harness`] and one line, `rate_limit_tests!(MyHarness);`, which expands to
//! one `#[test]` per guarantee. Each starts with an empty store.

// Each test program uses its own part of the suite.
#![allow(dead_code)]

pub mod agents;
pub mod batches;
pub mod clients;
pub mod clock;
pub mod desk;
pub mod harness;
pub mod ledger;
pub mod limits;
pub mod line;
pub mod pauses;
pub mod permits;
pub mod plays;
pub mod properties;
pub mod signals;

/// One `#[test]` for each guarantee, by theme.
#[macro_export]
macro_rules! rate_limit_tests {
    ($harness:ty) => {
        $crate::rate_limit_cases! { $harness;
            limits: [
                no_rolling_minute_holds_more_than_the_limit, all_limits_are_taken_together_or_none,
                a_check_tells_and_consumes_nothing, what_is_larger_than_a_limit_can_never_fit,
                only_critical_calls_use_what_is_held_back, concurrent_calls_are_limited,
                pacing_carries_fractions_and_never_a_burst, limits_change_while_calls_are_made,
                windows_named_anew_know_what_others_know,
                time_stands_still_while_the_clock_is_a_little_behind,
                windows_shorter_than_their_parts_and_odd_ones_work, a_day_is_a_rolling_window_too,
            ];
            permits: [
                a_settle_corrects_the_estimate, overage_is_counted_and_later_calls_wait,
                a_long_answer_counts_when_it_ends, a_permit_is_settled_once, a_cancel_gives_everything_back,
                a_cancel_of_the_last_admission_gives_its_turn_back, an_expired_permit_frees_what_it_held,
                a_late_settle_counts_once_within_an_hour, asked_twice_it_is_admitted_once,
            ];
            line: [
                first_come_first_served_within_a_priority, a_large_call_is_not_starved_by_small_ones,
                who_does_not_wait_is_refused_behind_others, the_line_has_an_end, a_place_can_be_left,
                a_place_is_asked_about_again, only_its_own_client_takes_a_place_up,
                another_client_is_told_once_that_it_is_its_turn, a_place_that_can_never_be_served_ends,
                who_comes_before_keeps_the_pause_between_calls,
            ];
            clients: [
                permits_of_a_dead_client_return, places_of_a_dead_client_vanish, any_call_is_a_sign_of_life,
                shares_of_a_dead_client_end, shares_of_a_client_that_was_taken_for_dead_are_given_again, what_others_have_by_now_is_not_given_again,
                shares_that_others_took_over_are_theirs, what_was_taken_before_the_lease_ended_is_not_given_again,
                what_ended_is_remembered_for_a_day_and_of_64_clients, a_share_that_was_handed_on_lives_with_who_did_it,
            ];
            signals: [
                a_hit_pauses_everyone, hits_double_the_pause_up_to_a_bound,
                jitter_lengthens_the_first_pause_and_shortens_further_ones, no_backoff_is_shorter_than_the_cooldown,
                a_pause_is_at_least_what_the_provider_s_rules_say,
                what_a_provider_asks_for_is_bounded, hits_of_one_burst_count_once,
                after_a_pause_one_call_at_a_time_tries, a_probe_that_is_cancelled_or_lost_is_free_again,
                a_pause_by_hand_needs_no_probe, readings_bound_what_is_admitted,
                readings_out_of_order_never_raise_what_is_left, nothing_of_a_quota_is_stranded_by_calls_side_by_side, a_call_that_was_settled_without_numbers_still_counts, what_was_not_used_is_given_back_to_the_quota,
                a_reset_counts_no_later_than_the_longest_pause,
            ];
            pauses: [
                a_provider_that_refuses_again_is_left_alone_for_longer, a_wait_of_nothing_is_none_told,
                calls_under_way_that_are_refused_one_by_one_count_once,
                who_has_nothing_left_is_not_asked_as_soon_as_it_says, it_is_told_what_a_pause_goes_back_to,
                a_probe_that_takes_long_is_not_waited_for, without_a_cooldown_one_call_at_a_time_tries_too,
                what_is_said_of_a_permit_that_is_not_known_counts,
            ];
            clock: [
                a_clock_that_was_wrong_stalls_nobody, no_window_holds_more_though_the_clock_went_back,
                a_pause_of_a_wrong_clock_lasts_as_long_as_it_did,
                a_pause_that_was_told_by_the_right_clock_stays,
                shares_outlast_a_wrong_clock_and_live_with_who_gave_them,
                a_quota_of_a_wrong_clock_is_used_up_for_as_long_as_it_was,
                a_quota_that_was_told_by_the_right_clock_stays,
                a_quota_that_was_saved_by_a_clock_ahead_is_used_up_for_as_long_as_it_was,
                a_pause_that_was_saved_by_a_clock_ahead_lasts_as_long_as_it_did, to_ask_only_sees_a_wrong_clock_once,
                a_refusal_told_by_a_permit_of_a_wrong_clock_pauses,
            ];
            agents: [
                idle_shares_are_lent_in_proportion_and_come_back, shares_are_at_most_the_whole,
                who_has_used_its_share_holds_nobody_up, others_share_the_common_pool,
                a_call_larger_than_its_share_can_go, everything_of_one_agent_is_handed_to_another,
                there_is_an_end_to_the_number_of_agents,
            ];
            batches: [
                a_batch_is_decided_in_order, after_its_deadline_a_request_does_nothing,
                a_repeated_batch_is_answered_and_not_applied, what_is_remembered_counts_once,
                the_pause_between_calls_is_remembered,
                counters_add_up_and_have_an_end, limiters_share_nothing,
                after_a_long_silence_everything_is_forgotten_but_terms,
            ];
        }
    };
}

#[macro_export]
macro_rules! rate_limit_cases {
    ($harness:ty; $($theme:ident: [$($case:ident),* $(,)?];)*) => {
        $(mod $theme {
            use super::*;
            $(#[test]
            fn $case() {
                $crate::rate_limit::harness::run::<$harness, _>($crate::rate_limit::$theme::$case);
            })*
        })*
    };
}
