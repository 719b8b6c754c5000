//! The tables of the machinery.

diesel::table! {
    relays (part) {
        part -> BigInt,
        holder -> Text,
        beat -> BigInt,
    }
}

diesel::table! {
    statements (epoch, from_seq) {
        epoch -> Text,
        from_seq -> BigInt,
        to_seq -> BigInt,
        holes -> Text,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    receipts (epoch, seq) {
        epoch -> Text,
        seq -> BigInt,
        bucket -> Text,
        recorded_at -> BigInt,
        due_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    lanes (lane) {
        lane -> Text,
        idle_at -> Nullable<BigInt>,
        beat_at -> BigInt,
    }
}

diesel::table! {
    keys (account, key) {
        account -> Text,
        key -> Text,
        last_used_at -> BigInt,
    }
}

diesel::table! {
    audit (id) {
        id -> BigInt,
        at -> BigInt,
        actor -> Text,
        action -> Text,
        subject -> Text,
        reason -> Text,
    }
}
