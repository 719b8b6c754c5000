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
        closed_to -> Nullable<BigInt>,
        fenced_to -> Nullable<BigInt>,
        assumed -> Bool,
    }
}

diesel::table! {
    receipts (epoch, seq) {
        epoch -> Text,
        seq -> BigInt,
        bucket -> Text,
        recorded_at -> BigInt,
        due_at -> Nullable<BigInt>,
        lost_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    lanes (lane) {
        lane -> Text,
        beat_at -> BigInt,
        shard -> Nullable<Integer>,
        beats -> BigInt,
        idles -> BigInt,
    }
}

diesel::table! {
    fences (fence, shard) {
        fence -> Text,
        shard -> Integer,
        passed_at -> BigInt,
    }
}

diesel::table! {
    lone_tries (message_id) {
        message_id -> Text,
        lane -> Text,
        tag -> BigInt,
        tries -> Integer,
        tried_at -> BigInt,
    }
}

diesel::table! {
    compacted (epoch) {
        epoch -> Text,
        through -> BigInt,
        settled -> BigInt,
        duplicate -> BigInt,
        no_op -> BigInt,
        cases -> BigInt,
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
