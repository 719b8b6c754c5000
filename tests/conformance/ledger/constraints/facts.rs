//! What the schema keeps of facts: they stay, and a status only grows. T6 has a refund total, a named refund and a
//! dispute that was won; a dead letter was discarded.

const BROKEN: &[(&str, &str)] = &[
    ("a payment stays", "delete from payments where \"transaction\" = 'T4'"),
    ("a refund total stays", "delete from refunds"),
    ("a named refund stays", "delete from refund_items"),
    ("a dispute stays", "delete from disputes"),
    ("a change of an agreement stays", "delete from agreement_changes"),
    ("a fulfilment stays", "delete from fulfilments"),
    ("who ended a letter stays", "delete from dead_letter_resolutions"),
    ("why a letter ended stays", "update dead_letter_resolutions set reason = 'another'"),
    (
        "a payment's status only grows",
        "update payments set status = 'pending' where \"transaction\" = 'T4'",
    ),
    ("a refund's status only grows", "update refund_items set status = 'closed'"),
    ("a dispute's status only grows", "update disputes set status = 'opened'"),
    ("a case's kind is a known word", "update cases set kind = 'theft'"),
    (
        "a case begins of a known kind",
        "insert into cases (id, kind, status, order_number, amount, currency, opened_at) values ('{uuid}', 'theft', 'open', 'Q', 1, 'CNY', {now})",
    ),
    ("no less than nothing is at stake", "update cases set amount = -1"),
    (
        "no case begins with less than nothing",
        "insert into cases (id, kind, status, order_number, amount, currency, opened_at) values ('{uuid}', 'dispute', 'open', 'Q', -1, 'CNY', {now})",
    ),
];

pub(super) fn broken() -> Vec<(String, String)> {
    let owned = |(rule, statement): &(&str, &str)| ((*rule).to_owned(), (*statement).to_owned());
    BROKEN.iter().map(owned).collect()
}
