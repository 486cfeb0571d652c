//! What every store promises, as one suite.
//!
//! A store is put to it by a [`Harness`] and one line, `conformance_tests!(MyHarness);`, which
//! expands to one `#[test]` per guarantee. Each starts with an empty store.

// Each test program uses its own part of the suite.
#![allow(dead_code)]

pub mod admin;
pub mod clock;
pub mod cost;
pub mod desk;
pub mod expiry;
pub mod harness;
pub mod history;
pub mod idempotency;
pub mod memory_harness;
pub mod overrides;
pub mod pause;
pub mod reserve;
pub mod retry;
pub mod settle;
pub mod stats;
pub mod thresholds;
pub mod track;
pub mod unheld;
pub mod windows;

/// One `#[test]` for each guarantee, by theme.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:ty) => {
        $crate::conformance_cases! { $harness;
            windows: [
                an_hour_ends_at_the_full_hour, a_day_ends_at_midnight, months_end_after_their_own_length,
                reads_see_a_new_window_before_any_write, what_is_held_stays_held_in_the_next_window,
                days_of_new_york_have_23_and_25_hours, the_hour_new_york_repeats_is_two_windows,
                days_of_tokyo_begin_at_15_utc, a_new_window_empties_breakdown_models_and_history,
                a_window_ends_when_it_ends_also_for_another_zone,
                windows_of_two_zones_that_begin_together_end_apart,
            ];
            clock: [
                a_clock_that_goes_back_grants_nothing_twice, usage_counts_while_the_clock_is_behind,
                a_clock_that_has_caught_up_goes_on_as_before,
            ];
            reserve: [
                the_limit_is_used_up_exactly, what_does_not_fit_is_refused_and_not_shrunk,
                several_periods_are_held_all_or_none, the_shortest_full_period_is_told,
                remaining_is_the_least_of_the_limited_periods, asked_twice_it_holds_once,
                a_limit_of_zero_allows_nothing, no_limit_is_unlimited, used_and_held_tokens_both_count,
                over_the_limit_nothing_is_available, counters_stop_at_max_tokens,
                a_check_writes_nothing, a_batch_is_decided_in_order, orchestrators_share_nothing,
            ];
            settle: [
                usage_is_recorded_in_full_in_every_period, overage_is_recorded_and_told,
                a_reservation_is_settled_once, without_usage_nothing_is_recorded,
                a_usage_of_zero_records_nothing, a_late_settle_is_recorded_once,
                what_expired_too_long_ago_is_not_found, an_unknown_reservation_is_not_found,
                a_known_request_ends_the_reservation_uncounted, a_conflict_keeps_the_reservation,
                a_settle_is_seen_by_a_later_track, a_late_duplicate_ends_the_reservation,
                usage_of_an_earlier_window_still_gives_back,
            ];
            expiry: [
                tokens_come_back_at_the_expiry, an_expiry_is_told_once, reads_count_it_as_given_back,
                only_what_expired_is_given_back, a_sweep_does_nothing_else,
                the_next_expiry_is_told, an_expiry_frees_room_for_the_same_batch,
            ];
            track: [
                usage_counts_over_the_limit, usage_of_an_earlier_hour_counts_in_the_day_only,
                usage_of_an_earlier_month_counts_nowhere, usage_of_the_future_counts_now,
                a_usage_of_zero_is_a_record,
            ];
            unheld: [
                what_was_not_held_is_recorded_once, nothing_is_recorded_without_usage_and_it_ends_all_the_same,
                a_request_id_counts_once_with_it, a_conflict_leaves_it_to_be_settled, its_end_is_remembered_for_a_ttl,
                a_batch_ends_it_once, held_tokens_stay_held,
            ];
            idempotency: [
                a_request_counts_once, other_numbers_are_a_conflict, other_parts_are_a_conflict,
                the_same_id_counts_again_after_its_ttl, a_duplicate_does_not_prolong_the_ttl,
                requests_of_two_orchestrators_are_two, a_request_counted_nowhere_is_still_known,
                a_shorter_ttl_of_another_tracker_forgets_nothing,
            ];
            overrides: [
                an_override_raises_the_limit_of_its_period_only, it_ends_at_its_expiry,
                it_outlives_the_window, it_can_be_ended_before, removing_an_unknown_one_says_so,
                the_same_id_replaces, an_expired_one_has_no_effect, an_expired_one_ends_its_predecessor,
                several_add_up, unlimited_stays_unlimited, limits_stop_at_max_tokens,
                they_are_listed_by_expiry_then_id, there_is_an_end_to_their_number,
            ];
            admin: [
                a_set_budget_comes_before_the_configured, a_set_budget_counts_as_a_whole,
                a_budget_can_be_unset, a_lower_budget_refuses_what_the_higher_allowed,
                a_budget_lasts_for_ever, the_budget_tells_base_and_effective_limits,
                reservations_are_listed_by_expiry_in_pages, expired_reservations_are_not_listed,
                after_its_deadline_a_request_does_nothing, a_deadline_is_its_own_requests,
            ];
            thresholds: [
                each_threshold_is_crossed_once, one_recording_can_cross_several,
                held_tokens_count_for_the_level, any_fraction_is_a_threshold, above_the_limit_too,
                a_higher_limit_rearms, a_new_window_rearms, a_release_rearms, clearing_rearms,
                clearing_one_period_leaves_the_others, unlimited_periods_cross_nothing,
                a_limit_of_zero_is_crossed_by_the_first_token, a_transition_tells_the_state_after,
                settling_held_tokens_moves_from_held_to_used, a_usage_of_zero_crosses_nothing,
                usage_outside_the_window_crosses_nothing_there, a_reservation_alone_crosses_nothing,
                usages_of_one_batch_cross_as_if_alone,
            ];
            cost: [
                tokens_and_money_are_held_together_or_nothing, the_shortest_period_in_which_either_does_not_fit_is_told,
                without_a_limit_money_is_counted_all_the_same, money_counts_over_the_limit,
                money_without_tokens_is_recorded, held_money_comes_back_whoever_finds_it,
                what_is_held_stays_held_in_the_next_window, a_request_counts_once_whatever_it_is_said_to_cost,
                a_conflict_keeps_the_money_held, usage_of_an_earlier_hour_costs_the_day_only,
                what_was_not_held_costs_what_it_cost, limits_of_money_are_set_at_run_time,
                money_has_levels_of_its_own, a_limit_of_no_money_is_crossed_by_the_first,
                a_batch_is_decided_in_order, a_record_tells_what_it_cost, a_repeated_batch_costs_once,
                a_settle_of_unknown_cost_costs_its_share_of_what_was_held, a_share_of_what_was_held_is_exact,
                a_share_of_what_was_held_counts_as_any_money,
                an_override_raises_the_limit_of_money,
            ];
            pause: [
                nothing_is_granted_until_it_is_resumed, it_ends_by_the_clock_of_the_store,
                what_is_used_meanwhile_counts, an_open_reservation_asked_again_stays_granted,
                the_last_pause_is_in_force, pauses_and_budgets_leave_each_other_alone, a_batch_sees_its_own_pause,
            ];
            stats: [
                parts_are_summed_and_the_rest_is_unattributed, models_are_ranked_by_tokens_then_name,
                only_five_models_are_told, a_model_without_name_is_unknown,
                models_beyond_the_limit_are_counted_together, model_names_last_a_month,
                open_reservations_are_counted_per_period,
            ];
            history: [
                records_come_newest_first, pages_are_cut, only_the_newest_are_kept,
                no_history_is_kept_when_the_limit_is_zero, each_period_keeps_its_own,
                a_record_tells_its_reservation, a_duplicate_leaves_no_record,
                records_of_one_batch_keep_their_order,
            ];
            retry: [a_repeated_batch_is_answered_and_not_applied,
                a_batch_that_found_many_expiries_is_repeated_without_them, a_new_batch_is_no_repetition,
                a_repeated_read_is_answered_anew];
        }
    };
}

#[macro_export]
macro_rules! conformance_cases {
    ($harness:ty; $($theme:ident: [$($case:ident),* $(,)?];)*) => {
        $(mod $theme {
            use super::*;
            $(#[test]
            fn $case() {
                $crate::conformance::harness::run::<$harness, _>($crate::conformance::$theme::$case);
            })*
        })*
    };
}
