//! The tables as diesel sees them; `ops/migrations` has their rules.

mod contracts;
mod desk;
mod letters;
mod machinery;

pub(super) use self::contracts::{
    agreement_changes, agreement_notifications, charges, number_changes, subscription_changes,
    subscriptions, written_subscriptions,
};
pub(super) use self::desk::{case_notes, case_resolutions};
pub(super) use self::letters::{
    dead_letter_failures, dead_letter_parts, dead_letter_resolutions, dead_letters, failure_groups,
    replay_items, replay_jobs,
};
pub(super) use self::machinery::{
    audit, compacted, fences, keys, lanes, lone_tries, receipts, relays, statements,
};

diesel::table! {
    queue (id) {
        id -> BigInt,
        place -> Text,
        ready_at -> BigInt,
        taken -> Bool,
        returns -> BigInt,
        message_id -> Text,
        kind -> Text,
        content_type -> Nullable<Text>,
        timestamp_s -> BigInt,
        headers -> Text,
        body -> Binary,
    }
}

diesel::table! {
    orders (order_no) {
        order_no -> Text,
        amount -> BigInt,
        currency -> Text,
        account -> Nullable<Text>,
        subscription_no -> Nullable<Text>,
        period -> Nullable<Text>,
        status -> Text,
        paid_amount -> BigInt,
        refunded_amount -> BigInt,
        paid_at -> Nullable<BigInt>,
        cancelled_at -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
        created_at -> BigInt,
        metadata -> Nullable<Text>,
        mode -> Text,
    }
}

diesel::table! {
    order_numbers (number) {
        number -> Text,
        order_no -> Text,
    }
}

diesel::table! {
    payments (account, transaction) {
        account -> Text,
        transaction -> Text,
        order_number -> Text,
        order_no -> Nullable<Text>,
        status -> Text,
        amount -> BigInt,
        currency -> Text,
        occurred_at -> BigInt,
        closed_at -> Nullable<BigInt>,
        deadline -> Nullable<BigInt>,
        created_at -> BigInt,
        absent -> Bool,
        agreement -> Nullable<Text>,
        without_order -> Bool,
        mode -> Text,
        named_only -> Bool,
    }
}

diesel::table! {
    refunds (account, transaction, total, refund_no, occurred_at) {
        account -> Text,
        transaction -> Text,
        total -> BigInt,
        refund_no -> Text,
        occurred_at -> BigInt,
    }
}

diesel::table! {
    refund_items (account, transaction, refund, evidence) {
        account -> Text,
        transaction -> Text,
        refund -> Text,
        evidence -> Text,
        status -> Text,
        amount -> BigInt,
        currency -> Text,
        refund_no -> Text,
        occurred_at -> BigInt,
    }
}

diesel::table! {
    disputes (account, transaction, dispute) {
        account -> Text,
        transaction -> Text,
        dispute -> Text,
        status -> Text,
        amount -> BigInt,
        currency -> Text,
        occurred_at -> BigInt,
    }
}

diesel::table! {
    fulfilments (order_no) {
        order_no -> Text,
        active -> Bool,
        created_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    cases (id) {
        id -> Text,
        kind -> Text,
        status -> Text,
        order_number -> Text,
        account -> Nullable<Text>,
        transaction -> Nullable<Text>,
        amount -> BigInt,
        currency -> Text,
        opened_at -> BigInt,
        resolved_at -> Nullable<BigInt>,
        policy -> Text,
        owner -> Nullable<Text>,
        resolution -> Nullable<Text>,
        refund_by -> Nullable<BigInt>,
    }
}

diesel::table! {
    loose_notifications (account, transaction, message_id, part) {
        account -> Text,
        transaction -> Text,
        message_id -> Text,
        part -> BigInt,
    }
}

diesel::table! {
    notifications (message_id, part) {
        message_id -> Text,
        part -> BigInt,
        account -> Text,
        provider -> Text,
        identity -> Text,
        kind -> Text,
        order_number -> Nullable<Text>,
        transaction -> Nullable<Text>,
        outcome -> Text,
        epoch -> Text,
        seq -> BigInt,
        received_at -> BigInt,
        recorded_at -> BigInt,
        body -> Nullable<Binary>,
    }
}

diesel::table! {
    bodies (message_id) {
        message_id -> Text,
        key_id -> Nullable<Text>,
        wrapped -> Nullable<Binary>,
        body -> Binary,
        redacted_at -> Nullable<BigInt>,
        unopened_at -> Nullable<BigInt>,
        ignored -> Bool,
    }
}

diesel::table! {
    removed_bodies (message_id) {
        message_id -> Text,
        removed_at -> BigInt,
        reason -> Text,
    }
}

diesel::table! {
    tombstones (hash) {
        hash -> Binary,
        kind -> Text,
        erased_at -> BigInt,
    }
}

diesel::table! {
    body_moves (one) {
        one -> BigInt,
        message_id -> Text,
    }
}

diesel::table! {
    identities (account, identity) {
        account -> Text,
        identity -> Text,
        message_id -> Text,
    }
}

diesel::table! {
    subjects (subject) {
        subject -> Text,
        last_seq -> BigInt,
    }
}

diesel::table! {
    events (id) {
        id -> Text,
        subject -> Text,
        sequence -> BigInt,
        #[sql_name = "type"]
        kind -> Text,
        body -> Text,
        occurred_at -> BigInt,
        position -> Nullable<BigInt>,
    }
}

diesel::table! {
    event_log (one) {
        one -> BigInt,
        last_position -> BigInt,
        sequences_after -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    orders,
    order_numbers,
    payments,
    refunds,
    refund_items,
    disputes,
    cases,
);

diesel::allow_tables_to_appear_in_same_query!(notifications, agreement_notifications);
