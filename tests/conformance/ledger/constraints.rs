//! What the schema keeps, tried by another program with nothing but SQL: each rule of docs/ledger.md.

mod contracts;
mod desk;
mod facts;
mod numbers;
mod shop;

use anyhow::ensure;
use shared::broker::Broker;
use shared::process;
use worker::ledger::{Ledger, Session as _};

use self::shop::shop;
use super::words::show;
use crate::world::World;

const UUID: &str = "01a20925-3cfe-77be-a1fb-f1c87c0fa7e6";

/// A rule, and a statement that breaks it.
const BROKEN: &[(&str, &str)] = &[
    (
        "a number has bytes",
        "insert into orders (order_no, amount, currency) values ('', 10, 'CNY')",
    ),
    (
        "a number has 128 bytes",
        "insert into orders (order_no, amount, currency) values ('{129}', 10, 'CNY')",
    ),
    (
        "a number is unique",
        "insert into orders (order_no, amount, currency) values ('P', 10, 'CNY')",
    ),
    (
        "an amount is more than 0",
        "insert into orders (order_no, amount, currency) values ('N', 0, 'CNY')",
    ),
    (
        "an amount is not negative",
        "insert into orders (order_no, amount, currency) values ('N', -1, 'CNY')",
    ),
    (
        "an amount has 64 bits",
        "insert into orders (order_no, amount, currency) values ('N', 12345678901234567890, 'CNY')",
    ),
    (
        "an amount is a number",
        "insert into orders (order_no, amount, currency) values ('N', 'ten', 'CNY')",
    ),
    ("an amount is there", "insert into orders (order_no, currency) values ('N', 'CNY')"),
    (
        "a currency has capitals",
        "insert into orders (order_no, amount, currency) values ('N', 10, 'cny')",
    ),
    (
        "a currency has three letters",
        "insert into orders (order_no, amount, currency) values ('N', 10, 'CNYX')",
    ),
    (
        "an account has a name",
        "insert into orders (order_no, amount, currency, account) values ('N', 10, 'CNY', '')",
    ),
    (
        "metadata is JSON",
        "insert into orders (order_no, amount, currency, metadata) values ('N', 10, 'CNY', '{')",
    ),
    (
        "metadata is small",
        "insert into orders (order_no, amount, currency, metadata) values ('N', 10, 'CNY', '\"{40000}\"')",
    ),
    (
        "a time can be read",
        "insert into orders (order_no, amount, currency, created_at) values ('N', 10, 'CNY', {far})",
    ),
    (
        "an expiry can be read",
        "insert into orders (order_no, amount, currency, expires_at) values ('N', 10, 'CNY', {far})",
    ),
    ("an expiry can be read later", "update orders set expires_at = {far} where order_no = 'P'"),
    (
        "a currency is one",
        "insert into orders (order_no, amount, currency) values ('N', 10, 'XXX')",
    ),
    ("a time can be read later", "update orders set created_at = {far} where order_no = 'P'"),
    (
        "when it runs out can be read",
        "insert into orders (order_no, amount, currency, expires_at) values ('N', 10, 'CNY', {far})",
    ),
    (
        "when it runs out can be read later",
        "update orders set expires_at = {far} where order_no = 'P'",
    ),
    ("a cancel's time can be read", "update orders set cancelled_at = {far} where order_no = 'P'"),
    (
        "an order begins pending",
        "insert into orders (order_no, amount, currency, status) values ('N', 10, 'CNY', 'paid')",
    ),
    (
        "an order begins unpaid",
        "insert into orders (order_no, amount, currency, paid_amount) values ('N', 10, 'CNY', 10)",
    ),
    ("a status is a known word", "update orders set status = 'shipped' where order_no = 'P'"),
    ("a status is derived", "update orders set status = 'paid' where order_no = 'P'"),
    ("a paid status stands", "update orders set status = 'pending' where order_no = 'Q'"),
    ("what was paid is derived", "update orders set paid_amount = 10 where order_no = 'P'"),
    ("what was refunded is derived", "update orders set refunded_amount = 5 where order_no = 'Q'"),
    ("when it was paid is derived", "update orders set paid_at = {now} where order_no = 'P'"),
    ("a paid order's amount stands", "update orders set amount = 11 where order_no = 'Q'"),
    ("a paid order's currency stands", "update orders set currency = 'EUR' where order_no = 'Q'"),
    ("a paid order's account stands", "update orders set account = 'other' where order_no = 'Q'"),
    ("a paid order's number stands", "update orders set order_no = 'R' where order_no = 'Q'"),
    (
        "a paid order is not cancelled",
        "update orders set cancelled_at = {now} where order_no = 'Q'",
    ),
    (
        "a cancelled order is not revived",
        "update orders set cancelled_at = null where order_no = 'C'",
    ),
    ("a paid order stays", "delete from orders where order_no = 'Q'"),
    (
        "one payment a transaction",
        "insert into payments (account, \"transaction\", order_number, status, amount, currency, occurred_at, created_at) select account, \"transaction\", 'P', 'succeeded', 10, 'CNY', occurred_at, created_at from payments",
    ),
    ("a payment's status is a known word", "update payments set status = 'paid'"),
    ("a payment's amount is not negative", "update payments set amount = -1"),
    ("a payment's currency has a shape", "update payments set currency = 'yuan'"),
    (
        "a joined payment does not wait",
        "update payments set deadline = {now} where order_no is not null",
    ),
    (
        "a refund is of a payment",
        "insert into refunds (account, \"transaction\", total, occurred_at) values ('shop', 'none', 1, {now})",
    ),
    (
        "a refund total is more than 0",
        "insert into refunds (account, \"transaction\", total, occurred_at) select account, \"transaction\", 0, {now} from payments",
    ),
    (
        "a refund's status is a known word",
        "insert into refund_items (account, \"transaction\", refund, evidence, status, amount, currency, occurred_at) select account, \"transaction\", 'R1', 'signed', 'done', 1, 'CNY', {now} from payments",
    ),
    (
        "a refund's evidence is a known word",
        "insert into refund_items (account, \"transaction\", refund, evidence, status, amount, currency, occurred_at) select account, \"transaction\", 'R1', 'rumour', 'succeeded', 1, 'CNY', {now} from payments",
    ),
    (
        "a dispute's status is a known word",
        "insert into disputes (account, \"transaction\", dispute, status, amount, currency, occurred_at) select account, \"transaction\", 'D1', 'drawn', 1, 'CNY', {now} from payments",
    ),
    (
        "a dispute is of a payment",
        "insert into disputes (account, \"transaction\", dispute, status, amount, currency, occurred_at) values ('shop', 'none', 'D1', 'opened', 1, 'CNY', {now})",
    ),
    (
        "one fulfilment an order",
        "insert into fulfilments (order_no, active, created_at) values ('Q', {true}, {now})",
    ),
    ("a revoked fulfilment is not active", "update fulfilments set revoked_at = {now}"),
    (
        "a case has one row",
        "insert into cases (id, kind, status, order_number, amount, currency, opened_at) select id, kind, 'open', order_number, amount, currency, opened_at from cases",
    ),
    ("a resolved case has its time", "update cases set status = 'resolved'"),
    ("an open case has none", "update cases set resolved_at = {now}"),
    ("a case's status is a known word", "update cases set status = 'forgotten'"),
    ("a case's currency has a shape", "update cases set currency = 'cny'"),
    ("an outcome is a known word", "update notifications set outcome = 'lost'"),
    (
        "a notification is recorded once",
        "insert into notifications (message_id, part, account, provider, identity, kind, outcome, epoch, seq, received_at, recorded_at) select message_id, part, account, provider, identity, kind, outcome, epoch, seq, received_at, recorded_at from notifications",
    ),
    (
        "an identity is claimed once",
        "insert into identities (account, identity, message_id) select account, identity, message_id from identities",
    ),
    (
        "events count from 1",
        "insert into events (subject, sequence, id, type, body, occurred_at) values ('order/Q', 0, '{uuid}', 'order.paid.v1', '{}', {now})",
    ),
    (
        "a number of a subject is given once",
        "insert into events (subject, sequence, id, type, body, occurred_at) values ('order/Q', 1, '{uuid}', 'order.paid.v1', '{}', {now})",
    ),
    (
        "a subject's count begins at 1",
        "insert into subjects (subject, last_seq) values ('order/N', 0)",
    ),
    (
        "a statement's window is not empty",
        "insert into statements (epoch, from_seq, to_seq, holes, recorded_at) values ('{uuid}', 5, 5, '{}', {now})",
    ),
    (
        "a bucket is a known word",
        "insert into receipts (epoch, seq, bucket, recorded_at) values ('{uuid}', 1, 'somewhere', {now})",
    ),
];

/// What a shop may do by SQL, in this order.
const KEPT: &[&str] = &[
    "insert into orders (order_no, amount, currency) values ('S', 10, 'CNY')",
    "insert into order_numbers (number, order_no) values ('S-2', 'S')",
    "update orders set amount = 12, metadata = '{\"a\": 1}' where order_no = 'S'",
    "update orders set expires_at = {now} where order_no = 'S'",
    "insert into order_numbers (number, order_no) values ('Q-2', 'Q')",
    "insert into orders (order_no, amount, currency) values ('Q', 10, 'CNY') on conflict do nothing",
    "update orders set metadata = '{\"a\": 1}' where order_no = 'Q'",
    "update orders set cancelled_at = {now} where order_no = 'S'",
    "insert into orders (order_no, amount, currency) values ('''; drop table orders; --', 9223372036854775807, 'KWD')",
    "insert into orders (order_no, amount, currency) values ('=1+1\u{9f}\t🧾', 1, 'JPY')",
    "delete from orders where order_no = 'P'",
];

pub(crate) async fn the_schema_keeps_its_rules_against_any_program<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    shop(&mut session).await?;
    let before = (show(&mut session, "P").await?, show(&mut session, "Q").await?);

    let mut broken: Vec<_> =
        BROKEN.iter().map(|(rule, said)| ((*rule).to_owned(), (*said).to_owned())).collect();
    broken.extend(contracts::broken());
    broken.extend(desk::broken());
    broken.extend(facts::broken());
    broken.extend(numbers::broken());
    let mut wrong = vec![];
    for (rule, statement) in broken {
        let statement =
            [129, 501, 2001, 40_000].into_iter().fold(statement, |statement, length| {
                statement.replace(&format!("{{{length}}}"), &"x".repeat(length))
            });
        if world.sql(&statement.replace("{uuid}", UUID)).await.is_ok() {
            wrong.push(rule);
        }
    }
    ensure!(wrong.is_empty(), "not kept: {wrong:#?}");
    let after = (show(&mut session, "P").await?, show(&mut session, "Q").await?);
    ensure!(before == after, "a refused statement left a trace: {after:?}");

    for statement in contracts::KEPT.iter().chain(desk::KEPT).chain(numbers::KEPT).chain(KEPT) {
        world.sql(statement).await?;
    }
    session.sweep(process::now(), 100).await?;
    let cancelled = show(&mut session, "S-2").await?.summary;
    ensure!(cancelled.amount == 12 && cancelled.status.as_str() == "cancelled", "{cancelled:?}");
    ensure!(show(&mut session, "X").await?.summary.status.as_str() == "cancelled");
    for number in ["'; drop table orders; --", "=1+1\u{9f}\t🧾"] {
        ensure!(show(&mut session, number).await?.summary.order_no == number);
    }
    ensure!(session.order("P").await?.is_none());
    let left = world.sql("select count(*) from order_numbers where order_no = 'P'").await?;
    ensure!(left.trim() == "0", "its numbers go with an order");
    Ok(())
}
