//! What a ledger owes.

mod back;
mod bodies;
mod cases;
mod clock;
mod constraints;
mod custody;
mod dead_letters;
mod desk;
mod failures;
mod flow;
mod keys;
mod lanes;
mod people;
mod replays;
mod restored;
mod subscriptions;
mod words;

pub(crate) use self::back::{
    a_dispute_before_its_payment_waits_for_it, a_dispute_is_a_case_until_it_ends,
    a_hint_is_a_case_until_it_is_signed,
    a_named_refund_counts_and_its_reversal_gives_the_money_back,
    a_refund_and_its_payment_at_once_never_miss_each_other,
    a_refund_and_its_payment_in_one_batch_both_settle,
    a_refund_before_its_payment_takes_effect_with_it,
    a_refund_whose_payment_never_comes_is_a_case_at_its_deadline,
    named_refunds_and_totals_are_one_account,
};
pub(crate) use self::bodies::{
    a_body_is_read_with_its_ring_alone, a_body_that_states_no_fact_ends_before_the_others,
    a_charge_that_an_order_pays_is_stripped_with_its_subscription,
    a_letter_is_erased_by_all_that_it_names,
    a_letter_that_nobody_could_read_is_erased_by_its_message,
    a_letter_under_a_tombstone_keeps_its_money_until_it_ends,
    a_refund_of_what_was_paid_after_erasing_is_stripped_too,
    a_rotated_ring_wraps_what_the_former_key_did, a_shared_body_loses_only_what_was_erased,
    a_shared_body_that_does_not_open_goes_whole_only_when_asked,
    an_agreement_that_is_signed_after_its_subscription_was_erased_is_stripped,
    an_erased_order_keeps_its_money_and_loses_its_bodies,
    an_erased_order_leaves_its_subscription_alone,
    an_erased_subscription_keeps_its_money_and_loses_its_bodies,
    an_erased_subscription_takes_no_agreement_of_another,
    an_erasure_and_the_ends_of_letters_never_wait_in_a_ring,
    an_expired_body_leaves_the_money_and_when_it_went, an_open_letter_is_in_the_way_of_an_erasure,
    bodies_in_the_clear_are_sealed_by_the_sweep, bodies_of_a_former_version_move_and_are_sealed,
    bodies_that_nothing_opens_hold_up_no_others, metadata_ends_a_while_after_its_order_is_over,
    no_body_slips_past_an_erasure, no_charge_slips_past_an_erasure,
    notifications_are_found_by_their_columns, what_is_known_by_its_transaction_alone_is_erased_too,
    what_people_wrote_is_counted_and_stays, without_a_ring_nothing_is_recorded,
};
pub(crate) use self::cases::{
    a_payment_after_cancel_is_a_case, a_payment_waits_for_its_order_and_is_joined,
    a_payment_without_an_order_becomes_a_case_and_settles_when_it_appears,
    a_second_payment_is_a_case_that_its_refund_closes, a_wrong_amount_is_a_case,
    an_order_that_cannot_be_derived_holds_up_no_other,
    more_refused_orders_than_a_sweep_takes_hold_up_no_other,
    refunds_are_the_differences_of_their_totals,
};
pub(crate) use self::clock::{
    a_clock_that_jumps_back_changes_no_end,
    an_order_that_ran_out_stays_so_when_the_clock_jumps_back,
    facts_whose_times_run_backwards_end_as_those_that_do_not,
};
pub(crate) use self::constraints::the_schema_keeps_its_rules_against_any_program;
pub(crate) use self::custody::{
    a_dead_message_without_its_letter_is_missing_once_it_is_fenced,
    a_gap_between_two_statements_is_missing_once_it_is_fenced,
    a_longer_repeat_of_a_statement_opens_its_window_again,
    a_statement_that_is_repeated_after_it_was_counted_makes_nothing_missing,
    old_receipts_are_counted_once_and_go,
    what_a_statement_names_and_nobody_received_is_missing_once_it_is_fenced,
    what_was_assumed_gives_way_to_a_longer_repeat,
};
pub(crate) use self::dead_letters::{
    a_dead_letters_body_is_sealed_and_ends_as_all_bodies_do, a_letter_is_buried_once_and_found,
    a_letter_is_discarded_and_restored_by_name,
    a_letter_that_names_a_transaction_alone_is_its_orders,
    an_open_letter_counts_as_dead_whatever_became_of_a_copy,
    erasing_an_order_takes_its_dead_letters_bodies, garbage_is_kept,
    letters_of_one_cause_are_one_group_and_a_resolved_one_regresses,
    two_morgues_at_once_bury_each_letter_once,
};
pub(crate) use self::desk::{
    a_cancelled_order_that_was_accepted_holds_up_no_sweep, a_case_keeps_its_owner_and_its_notes,
    a_case_that_is_closed_opens_again_for_more_money,
    a_case_that_is_fulfilled_pays_once_and_is_on_file,
    an_order_runs_out_and_what_was_paid_in_time_still_pays, live_money_never_pays_a_test_order,
};
pub(crate) use self::failures::a_message_of_an_account_that_is_not_known_yet_counts_as_retried;
pub(crate) use self::flow::{
    a_beat_is_taken_over_only_when_it_stands_still, a_later_notification_settles_those_that_waited,
    a_payment_settles_its_order_once, a_repeat_in_one_batch_and_in_the_next_is_a_duplicate,
    a_retried_message_moves_to_its_outcome, a_transaction_that_names_another_order_is_refused,
    a_word_without_an_order_goes_where_its_payment_is,
    one_transaction_for_two_orders_in_one_batch_is_refused,
    only_the_lowest_unsent_event_of_a_subject_is_published, the_same_message_again_changes_nothing,
    two_sessions_at_once_settle_each_order_once,
};
pub(crate) use self::keys::{
    each_key_is_known_by_its_latest_use,
    two_sessions_that_use_the_same_keys_do_not_wait_for_each_other, what_a_person_did_is_noted,
};
pub(crate) use self::lanes::{
    a_try_alone_that_never_ended_is_known_and_told_twice_it_is_one,
    lanes_are_known_by_what_they_counted,
};
pub(crate) use self::people::{
    a_paid_order_cannot_be_cancelled,
    an_import_brings_forgotten_metadata_back_while_nothing_is_paid,
    an_import_updates_until_something_is_paid, an_order_is_stored_exactly,
    an_order_may_be_paid_under_any_of_its_numbers,
    orders_of_one_batch_are_taken_one_after_the_other,
};
pub(crate) use self::replays::{
    a_copy_that_dies_later_undoes_no_outcome, a_former_holder_of_a_replay_changes_nothing,
    a_letter_whose_replayed_message_is_gone_is_open_again,
    a_look_at_a_replay_tells_what_was_decided_first_and_last,
    a_new_cause_is_seen_however_many_died_of_the_old, a_plan_of_hours_ago_is_told_to_be_too_old,
    a_plan_that_is_cancelled_touches_no_letter_of_another_replay,
    a_plan_that_is_stale_or_old_is_not_started, a_rehearsal_decides_and_writes_nothing,
    a_repeat_that_died_is_replayed_as_a_duplicate, a_replay_records_each_publish_before_it_happens,
    a_resumed_replay_is_judged_by_what_comes_then,
    a_second_copy_of_what_a_replay_settled_changes_nothing,
    a_strangers_letter_marks_no_item_of_another, an_item_that_is_skipped_leaves_its_letter_open,
};
pub(crate) use self::restored::what_is_announced_after_a_backup_was_restored_is_no_repeat;
pub(crate) use self::subscriptions::{
    a_charge_that_no_terms_explain_is_a_case, a_subscription_is_signed_charged_refunded_and_ended,
    an_agreement_runs_out_silently, an_order_extends_the_subscription_that_it_names,
    two_sessions_at_once_extend_a_subscription_by_each_charge,
    whatever_comes_first_a_charge_joins_its_subscription,
};
