//! What people and policies say of cases, as diesel sees it.

diesel::table! {
    case_resolutions (id) {
        id -> BigInt,
        case_id -> Text,
        kind -> Text,
        account -> Nullable<Text>,
        transaction -> Nullable<Text>,
        order_no -> Nullable<Text>,
        order_number -> Text,
        verdict -> Text,
        amount -> BigInt,
        currency -> Text,
        up_to -> BigInt,
        actor -> Text,
        reason -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    case_notes (id) {
        id -> BigInt,
        case_id -> Text,
        at -> BigInt,
        actor -> Text,
        text -> Text,
    }
}
