//! Dead letters and their replays as diesel sees them.

diesel::table! {
    failure_groups (id) {
        id -> Text,
        fingerprint -> Binary,
        stage -> Text,
        code -> Text,
        provider -> Text,
        message -> Text,
        status -> Text,
        owner -> Nullable<Text>,
        note -> Nullable<Text>,
        first_seen_at -> BigInt,
        last_seen_at -> BigInt,
    }
}

diesel::table! {
    dead_letters (id) {
        id -> Text,
        identity -> Binary,
        message_id -> Text,
        provider -> Text,
        account -> Nullable<Text>,
        order_number -> Nullable<Text>,
        amount -> Nullable<BigInt>,
        currency -> Nullable<Text>,
        group_id -> Text,
        received_at -> Nullable<BigInt>,
        buried_at -> BigInt,
        epoch -> Nullable<Text>,
        seq -> Nullable<BigInt>,
        state -> Text,
        parcel -> Text,
    }
}

diesel::table! {
    dead_letter_failures (letter_id, n) {
        letter_id -> Text,
        n -> BigInt,
        group_id -> Text,
        cause -> Text,
        attempts -> BigInt,
        first_failed_at -> Nullable<BigInt>,
        last_failed_at -> Nullable<BigInt>,
        buried_at -> BigInt,
        worker -> Nullable<Text>,
        item -> Nullable<Text>,
    }
}

diesel::table! {
    dead_letter_parts (letter_id, part) {
        letter_id -> Text,
        part -> BigInt,
        account -> Text,
        order_number -> Nullable<Text>,
        transaction -> Nullable<Text>,
        agreement -> Nullable<Text>,
        subscription_no -> Nullable<Text>,
    }
}

diesel::table! {
    dead_letter_resolutions (id) {
        id -> BigInt,
        letter_id -> Text,
        at -> BigInt,
        resolution -> Text,
        actor -> Text,
        reason -> Text,
    }
}

diesel::table! {
    replay_jobs (id) {
        id -> Text,
        state -> Text,
        selection -> Text,
        planned_at -> BigInt,
        planned_by -> Text,
        started_at -> Nullable<BigInt>,
        started_by -> Nullable<Text>,
        reason -> Nullable<Text>,
        rate -> Integer,
        canary -> Integer,
        stop_percent -> Nullable<Integer>,
        ended_at -> Nullable<BigInt>,
        halted -> Nullable<Text>,
        judged_from -> Nullable<BigInt>,
    }
}

diesel::table! {
    replay_items (id) {
        id -> Text,
        job_id -> Text,
        place -> BigInt,
        letter_id -> Text,
        group_id -> Text,
        failures -> BigInt,
        forecast -> Text,
        state -> Text,
        publishes -> Integer,
        holder -> Nullable<Text>,
        outcome -> Nullable<Text>,
        decided_at -> Nullable<BigInt>,
        new_cause -> Bool,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    failure_groups,
    dead_letters,
    dead_letter_failures,
    dead_letter_parts,
    replay_jobs,
    replay_items,
);
