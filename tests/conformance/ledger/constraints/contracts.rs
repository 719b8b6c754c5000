//! What the schema keeps of subscriptions, agreements and charges. S is charged by T3 under agreement G, U is not
//! charged, Q is a paid order and P a pending one.

/// What a shop writes of a subscription, each time with one thing wrong.
const WRITTEN: &str =
    "insert into subscriptions (subscription_no, account, amount, currency, period, {}) values";

/// A rule, the columns beside those of [`WRITTEN`], and the row that breaks it.
const ROWS: &[(&str, &str, &str)] = &[
    ("its number has bytes", "grace", "'', 'shop', 10, 'CNY', 'P1M', 'P0D'"),
    ("its number has 128 bytes", "grace", "'{129}', 'shop', 10, 'CNY', 'P1M', 'P0D'"),
    ("its number is unique", "grace", "'S', 'shop', 10, 'CNY', 'P1M', 'P0D'"),
    ("its account has a name", "grace", "'N', '', 10, 'CNY', 'P1M', 'P0D'"),
    ("its agreement has a number", "agreement_no", "'N', 'shop', 10, 'CNY', 'P1M', ''"),
    ("one agreement is one subscription's", "agreement_no", "'N', 'shop', 10, 'CNY', 'P1M', 'G'"),
    ("a period costs more than 0", "grace", "'N', 'shop', 0, 'CNY', 'P1M', 'P0D'"),
    ("its amount is not negative", "grace", "'N', 'shop', -1, 'CNY', 'P1M', 'P0D'"),
    ("its currency has capitals", "grace", "'N', 'shop', 10, 'cny', 'P1M', 'P0D'"),
    ("its currency has three letters", "grace", "'N', 'shop', 10, 'CNYX', 'P1M', 'P0D'"),
    ("its currency is one", "grace", "'N', 'shop', 10, 'XXX', 'P1M', 'P0D'"),
    ("its anchor can be read", "anchor", "'N', 'shop', 10, 'CNY', 'P1M', {far}"),
    ("its beginning can be read", "created_at", "'N', 'shop', 10, 'CNY', 'P1M', {far}"),
    ("its period is a duration", "grace", "'N', 'shop', 10, 'CNY', 'monthly', 'P0D'"),
    ("its period is whole days", "grace", "'N', 'shop', 10, 'CNY', 'PT1H', 'P0D'"),
    ("its period is not nothing", "grace", "'N', 'shop', 10, 'CNY', 'P0M', 'P0D'"),
    ("its period has 64 bytes", "grace", "'N', 'shop', 10, 'CNY', 'P{129}1M', 'P0D'"),
    ("its grace is a duration", "grace", "'N', 'shop', 10, 'CNY', 'P1M', 'three days'"),
    ("its time zone has a name", "time_zone", "'N', 'shop', 10, 'CNY', 'P1M', ''"),
    ("its status is a known word", "status", "'N', 'shop', 10, 'CNY', 'P1M', 'paid'"),
    ("it begins pending", "status", "'N', 'shop', 10, 'CNY', 'P1M', 'active'"),
    ("it begins unpaid", "paid_through", "'N', 'shop', 10, 'CNY', 'P1M', {now}"),
    ("its metadata is JSON", "metadata", "'N', 'shop', 10, 'CNY', 'P1M', '{'"),
    ("its metadata is small", "metadata", "'N', 'shop', 10, 'CNY', 'P1M', '\"{40000}\"'"),
];

const BROKEN: &[(&str, &str)] = &[
    (
        "its anchor can be read later",
        "update subscriptions set anchor = {far} where subscription_no = 'U'",
    ),
    (
        "its currency is one later",
        "update subscriptions set currency = 'XXX' where subscription_no = 'U'",
    ),
    (
        "a subscription's status is derived",
        "update subscriptions set status = 'active' where subscription_no = 'U'",
    ),
    (
        "its agreement is derived",
        "update subscriptions set agreement = 'H' where subscription_no = 'U'",
    ),
    (
        "how long it is paid is derived",
        "update subscriptions set paid_through = {now} where subscription_no = 'U'",
    ),
    (
        "how long it entitles is derived",
        "update subscriptions set entitled_until = {now} where subscription_no = 'U'",
    ),
    (
        "when it failed is derived",
        "update subscriptions set failed_at = {now} where subscription_no = 'U'",
    ),
    (
        "that it ended is derived",
        "update subscriptions set ended = 'unsigned' where subscription_no = 'U'",
    ),
    (
        "when it is due is derived",
        "update subscriptions set due_at = {now} where subscription_no = 'U'",
    ),
    (
        "a subscription does not come to be in XXX",
        "update subscriptions set currency = 'XXX' where subscription_no = 'U'",
    ),
    (
        "an anchor can be read later",
        "update subscriptions set anchor = {far} where subscription_no = 'U'",
    ),
    (
        "a subscription's beginning can be read later",
        "update subscriptions set created_at = {far} where subscription_no = 'U'",
    ),
    (
        "a charged one's number stands",
        "update subscriptions set subscription_no = 'R' where subscription_no = 'S'",
    ),
    (
        "a charged one's account stands",
        "update subscriptions set account = 'other' where subscription_no = 'S'",
    ),
    (
        "a charged one's amount stands",
        "update subscriptions set amount = 11 where subscription_no = 'S'",
    ),
    (
        "a charged one's currency stands",
        "update subscriptions set currency = 'EUR' where subscription_no = 'S'",
    ),
    (
        "a charged one's period stands",
        "update subscriptions set period = 'P1Y' where subscription_no = 'S'",
    ),
    (
        "a charged one's anchor stands",
        "update subscriptions set anchor = {now} where subscription_no = 'S'",
    ),
    (
        "a charged one's time zone stands",
        "update subscriptions set time_zone = 'Asia/Tokyo' where subscription_no = 'S'",
    ),
    (
        "a charged one's agreement stands",
        "update subscriptions set agreement_no = 'H' where subscription_no = 'S'",
    ),
    ("a charged one stays", "delete from subscriptions where subscription_no = 'S'"),
    ("a change of an agreement has a known word", "update agreement_changes set what = 'renewed'"),
    ("an agreement has a number", "update agreement_changes set agreement = ''"),
    ("a revival is a known word", "update agreement_changes set revival = 'perhaps'"),
    (
        "a change of an agreement is recorded once",
        "insert into agreement_changes (account, agreement, what, occurred_at, charge, subscription_no, revival, created_at) select account, agreement, what, occurred_at, charge, subscription_no, revival, created_at from agreement_changes",
    ),
    (
        "a charge is of a payment",
        "insert into charges (account, \"transaction\", occurred_at, stands) values ('shop', 'none', {now}, {true})",
    ),
    (
        "a transaction is one charge",
        "insert into charges (account, \"transaction\", occurred_at, stands) select account, \"transaction\", occurred_at, stands from charges",
    ),
    ("a period has an end", "update charges set ends_at = null"),
    ("a period ends after it began", "update charges set ends_at = starts_at"),
    ("a charge without money has no period", "update charges set stands = not stands"),
    (
        "what a paid order extends stands",
        "update orders set subscription_no = 'S' where order_no = 'Q'",
    ),
    (
        "by how much a paid order extends stands",
        "update orders set period = 'P1M' where order_no = 'Q'",
    ),
];

pub(super) fn broken() -> Vec<(String, String)> {
    let row = |(rule, column, values): &(&str, &str, &str)| {
        let written = WRITTEN.replace("{}", column);
        (format!("a subscription: {rule}"), format!("{written} ({values})"))
    };
    let other = |(rule, statement): &(&str, &str)| ((*rule).to_owned(), (*statement).to_owned());
    ROWS.iter().map(row).chain(BROKEN.iter().map(other)).collect()
}

/// What a shop may do by SQL.
pub(super) const KEPT: &[&str] = &[
    "insert into subscriptions (subscription_no, account, amount, currency, period) values ('V', 'shop', 10, 'CNY', 'P1M')",
    "update subscriptions set amount = 12, period = 'P1Y', anchor = {now}, agreement_no = 'V' where subscription_no = 'V'",
    "update subscriptions set agreement_no = null where subscription_no = 'V'",
    "update subscriptions set grace = 'P3D', metadata = '{\"a\": 1}' where subscription_no = 'S'",
    "update orders set subscription_no = 'S', period = 'P1Y' where order_no = 'P'",
    "update orders set subscription_no = null, period = null where order_no = 'P'",
    "delete from subscriptions where subscription_no = 'V'",
];
