//! What the schema keeps of cases that people work on, orders that run out, modes, and bodies. E ran out, Q is paid
//! and has a case that was resolved by somebody's word, with a note.

/// A resolution, each time with one thing wrong.
const SAID: &str = "insert into case_resolutions (case_id, kind, account, \"transaction\", order_no, order_number, verdict, amount, currency, up_to, actor, reason, at) select id, kind, ";

/// A rule, and the values that break it.
const RESOLUTIONS: &[(&str, &str)] = &[
    ("has a known verdict", "'shop', 'T2', null, 'Q', 'maybe', 1, 'CNY', 1, 'ana', 'r', {now}"),
    (
        "has no negative amount",
        "'shop', 'T2', null, 'Q', 'ignore', -1, 'CNY', 1, 'ana', 'r', {now}",
    ),
    ("has a currency", "'shop', 'T2', null, 'Q', 'ignore', 1, 'cny', 1, 'ana', 'r', {now}"),
    (
        "holds for no negative amount",
        "'shop', 'T2', null, 'Q', 'ignore', 1, 'CNY', -1, 'ana', 'r', {now}",
    ),
    ("has an actor", "'shop', 'T2', null, 'Q', 'ignore', 1, 'CNY', 1, '', 'r', {now}"),
    ("has a reason", "'shop', 'T2', null, 'Q', 'ignore', 1, 'CNY', 1, 'ana', '', {now}"),
    (
        "has a reason of 500 bytes",
        "'shop', 'T2', null, 'Q', 'ignore', 1, 'CNY', 1, 'ana', '{501}', {now}",
    ),
    ("names a whole payment", "'shop', null, 'Q', 'Q', 'ignore', 1, 'CNY', 1, 'ana', 'r', {now}"),
    ("is about one thing", "'shop', 'T2', 'Q', 'Q', 'ignore', 1, 'CNY', 1, 'ana', 'r', {now}"),
    ("is about something", "null, null, null, 'Q', 'ignore', 1, 'CNY', 1, 'ana', 'r', {now}"),
];

const BROKEN: &[(&str, &str)] = &[
    ("a resolution is never changed", "update case_resolutions set verdict = 'ignore'"),
    ("a resolution is never deleted", "delete from case_resolutions"),
    ("a case's policy is a known word", "update cases set policy = 'forget'"),
    ("how a case ended is a known word", "update cases set resolution = 'lost'"),
    ("an owner has a name", "update cases set owner = ''"),
    ("an owner's name has 128 bytes", "update cases set owner = '{129}'"),
    (
        "a note says something",
        "insert into case_notes (case_id, at, actor, text) select id, {now}, 'ana', '' from cases",
    ),
    (
        "a note has 2000 bytes",
        "insert into case_notes (case_id, at, actor, text) select id, {now}, 'ana', '{2001}' from cases",
    ),
    (
        "a note has an actor",
        "insert into case_notes (case_id, at, actor, text) select id, {now}, '', 't' from cases",
    ),
    (
        "a note is of a case",
        "insert into case_notes (case_id, at, actor, text) values ('{uuid}', {now}, 'ana', 't')",
    ),
    ("an order's mode is a known word", "update orders set mode = 'sandbox' where order_no = 'P'"),
    ("a payment's mode is a known word", "update payments set mode = 'sandbox'"),
    ("whether orders must be named is a truth", "update payments set named_only = 2"),
    (
        "no order is in XXX",
        "insert into orders (order_no, amount, currency) values ('N', 10, 'XXX')",
    ),
    ("no order comes to be in XXX", "update orders set currency = 'XXX' where order_no = 'P'"),
    ("what ran out stays so", "update orders set expires_at = null where order_no = 'E'"),
    ("a paid order's end stands", "update orders set expires_at = {now} where order_no = 'Q'"),
    ("a paid order's mode stands", "update orders set mode = 'test' where order_no = 'Q'"),
    ("a sealed body has its key", "update bodies set wrapped = null"),
    ("a wrapped key has its ring's", "update bodies set key_id = null"),
    (
        "a body is kept once",
        "insert into bodies (message_id, body) select message_id, body from bodies",
    ),
    (
        "why a body went is a known word",
        "insert into removed_bodies (message_id, removed_at, reason) values ('{uuid}', {now}, 'lost')",
    ),
    (
        "a tombstone is a hash",
        "insert into tombstones (hash, kind, erased_at) values ({bytes:31}, 'order', {now})",
    ),
    (
        "a tombstone's kind is a known word",
        "insert into tombstones (hash, kind, erased_at) values ({bytes:32}, 'payer', {now})",
    ),
    ("a tombstone is never changed", "update tombstones set kind = 'agreement'"),
    ("a tombstone is never deleted", "delete from tombstones"),
    (
        "an erasure is noted once",
        "insert into tombstones (hash, kind, erased_at) select hash, 'agreement', {now} from tombstones",
    ),
    (
        "a notification's agreement has a number",
        "insert into agreement_notifications (message_id, part, account, agreement) values ('{uuid}', 0, 'shop', '')",
    ),
    (
        "a notification is about one agreement",
        "insert into agreement_notifications (message_id, part, account, agreement) select message_id, part, account, 'H' from agreement_notifications",
    ),
    ("bodies move once", "insert into body_moves (message_id) values ('{uuid}')"),
];

pub(super) fn broken() -> Vec<(String, String)> {
    let said = |(rule, values): &(&str, &str)| {
        (format!("a resolution {rule}"), format!("{SAID}{values} from cases"))
    };
    let other = |(rule, statement): &(&str, &str)| ((*rule).to_owned(), (*statement).to_owned());
    RESOLUTIONS.iter().map(said).chain(BROKEN.iter().map(other)).collect()
}

/// What may be done by SQL.
pub(super) const KEPT: &[&str] = &[
    "insert into orders (order_no, amount, currency, mode, expires_at) values ('X', 10, 'CNY', 'test', {now})",
    "update orders set mode = 'test' where order_no = 'P'",
    "update orders set mode = 'live', expires_at = {later} where order_no = 'P'",
    "update orders set expires_at = null where order_no = 'P'",
    "insert into tombstones (hash, kind, erased_at) values ({bytes:32}, 'subscription', {now})",
];
