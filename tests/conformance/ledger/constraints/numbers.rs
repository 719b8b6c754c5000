//! What the schema keeps of the numbers under which orders and subscriptions are offered, also from programs that
//! replace rows.

/// A rule, and a statement that breaks it.
const BROKEN: &[(&str, &str)] = &[
    (
        "a further number is of one order",
        "insert into order_numbers (number, order_no) values ('Q', 'P')",
    ),
    (
        "a further number is of an order",
        "insert into order_numbers (number, order_no) values ('N', 'none')",
    ),
    (
        "an order's own number is its own",
        "update order_numbers set order_no = 'P' where number = 'Q'",
    ),
    ("an order's own number stays", "delete from order_numbers where number = 'P'"),
    (
        "a number that was paid is its order's",
        "update order_numbers set order_no = 'P' where number = 'M-2'",
    ),
    (
        "a number that was paid is not renamed",
        "update order_numbers set number = 'M-9' where number = 'M-2'",
    ),
    ("a number that was paid stays", "delete from order_numbers where number = 'M-2'"),
    (
        "a number that was paid is not replaced",
        "insert or replace into order_numbers (number, order_no) values ('M-2', 'P')",
    ),
    (
        "a number that was paid is not taken by renaming",
        "update or replace order_numbers set number = 'M-2' where number = 'M-3'",
    ),
    (
        "an order's own number is not taken by renaming",
        "update or replace order_numbers set number = 'Q' where number = 'M-3'",
    ),
    (
        "an agreement of a charged subscription is not taken",
        "insert or replace into subscriptions (subscription_no, account, agreement_no, amount, currency, period) values ('N', 'shop', 'G', 10, 'CNY', 'P1M')",
    ),
    (
        "an agreement is not taken by changing it",
        "update or replace subscriptions set agreement_no = 'G' where subscription_no = 'U'",
    ),
    (
        "a subscription's number is not taken by renaming",
        "update or replace subscriptions set subscription_no = 'S' where subscription_no = 'U'",
    ),
    (
        "a number is moved to an order",
        "update order_numbers set order_no = 'none' where number = 'M-3'",
    ),
    ("an order keeps its number", "update orders set order_no = 'R' where order_no = 'P'"),
    (
        "a paid order is not replaced",
        "insert or replace into orders (order_no, amount, currency) values ('Q', 10, 'CNY')",
    ),
    (
        "a charged subscription is not replaced",
        "insert or replace into subscriptions (subscription_no, account, amount, currency, period) values ('S', 'shop', 99, 'CNY', 'P1M')",
    ),
    ("a further number has bytes", "insert into order_numbers (number, order_no) values ('', 'P')"),
];

/// What a shop may do, in this order.
pub(super) const KEPT: &[&str] = &[
    "update order_numbers set number = 'M-4', order_no = 'P' where number = 'M-3'",
    "update order_numbers set order_no = 'M' where number = 'M-4'",
    "delete from order_numbers where number = 'M-4'",
];

pub(super) fn broken() -> impl Iterator<Item = (String, String)> {
    BROKEN.iter().map(|(rule, said)| ((*rule).to_owned(), (*said).to_owned()))
}
