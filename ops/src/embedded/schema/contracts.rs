//! The tables about subscriptions.

diesel::table! {
    subscriptions (subscription_no) {
        subscription_no -> Text,
        account -> Text,
        agreement_no -> Nullable<Text>,
        amount -> BigInt,
        currency -> Text,
        period -> Text,
        anchor -> Nullable<BigInt>,
        time_zone -> Text,
        grace -> Text,
        status -> Text,
        agreement -> Nullable<Text>,
        paid_through -> Nullable<BigInt>,
        entitled_until -> Nullable<BigInt>,
        failed_at -> Nullable<BigInt>,
        ended -> Nullable<Text>,
        due_at -> Nullable<BigInt>,
    }
}

// The same table as the shop writes it: diesel takes sixteen columns.
diesel::table! {
    #[sql_name = "subscriptions"]
    written_subscriptions (subscription_no) {
        subscription_no -> Text,
        account -> Text,
        agreement_no -> Nullable<Text>,
        amount -> BigInt,
        currency -> Text,
        period -> Text,
        anchor -> Nullable<BigInt>,
        time_zone -> Text,
        grace -> Text,
        created_at -> BigInt,
        metadata -> Nullable<Text>,
    }
}

diesel::table! {
    agreement_changes (account, agreement, what, occurred_at, charge, subscription_no) {
        account -> Text,
        agreement -> Text,
        what -> Text,
        occurred_at -> BigInt,
        charge -> Text,
        subscription_no -> Text,
        revival -> Text,
        valid_until -> Nullable<BigInt>,
        created_at -> BigInt,
    }
}

diesel::table! {
    agreement_notifications (message_id, part) {
        message_id -> Text,
        part -> BigInt,
        account -> Text,
        agreement -> Text,
    }
}

diesel::table! {
    charges (account, transaction) {
        account -> Text,
        transaction -> Text,
        agreement -> Nullable<Text>,
        subscription_no -> Nullable<Text>,
        period -> Nullable<Text>,
        occurred_at -> BigInt,
        stands -> Bool,
        starts_at -> Nullable<BigInt>,
        ends_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    subscription_changes (subscription_no) {
        subscription_no -> Text,
    }
}

diesel::table! {
    number_changes (number) {
        number -> Text,
    }
}
