//! Reading what a batch touches, under locks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::money::{Currency, Money};
use shared::notification::{PaymentStatus, RefundTotal};
use shared::order::OrderStatus;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decide::fold::{Books, Reading};
use crate::decide::standing::{About, Case, CaseKey, CaseKind};
use crate::decide::{Fulfilment, Link, Order, Payment, PaymentKey, Recorded, State};
use crate::ledger::LedgerError;

statement!(
    /// Claims identities; answers those that nobody had claimed.
    Claim {
        accounts: Array<Text> = [String],
        identities: Array<Text> = [String],
        messages: Array<SqlUuid> = [Uuid],
    } -> (Text, Text) = "
    insert into identities (account, identity, message_id)
    select * from unnest(?::text[], ?::text[], ?::uuid[]) as t (a, i, m) order by a, i
    on conflict do nothing returning account, identity"
);

statement!(
    LockOrders { numbers: Array<Text> = [String] }
    -> (Array<Text>, Text, BigInt, Text, Nullable<Text>, Bool, Text, BigInt, BigInt, Nullable<Timestamptz>) = "
    select array(select a.number from order_numbers a where a.order_no = o.order_no),
           o.order_no, o.amount, o.currency, o.account, o.cancelled_at is not null,
           o.status, o.paid_amount, o.refunded_amount, o.paid_at
    from order_numbers n join orders o using (order_no)
    where n.number = any(?::text[]) order by o.order_no, n.number for update of o"
);

statement!(
    LockPayments { numbers: Array<Text> = [String] }
    -> (Text, Text, Text, Text, BigInt, Text, Timestamptz, Nullable<Timestamptz>,
        Nullable<Timestamptz>, Nullable<Text>) = "
    select account, transaction, order_number, status, amount, currency, occurred_at, closed_at,
           deadline, order_no
    from payments where order_number = any(?::text[]) order by account, transaction for update"
);

statement!(
    Refunds { accounts: Array<Text> = [String], transactions: Array<Text> = [String] }
    -> (Text, Text, BigInt, Text, Timestamptz) = "
    select r.account, r.transaction, r.total, r.refund_no, r.occurred_at
    from refunds r join unnest(?::text[], ?::text[]) as t (account, transaction)
    using (account, transaction)"
);

statement!(
    OpenCases { numbers: Array<Text> = [String] }
    -> (Text, Text, Nullable<Text>, Nullable<Text>, BigInt, Text) = "
    select kind, order_number, account, transaction, amount, currency
    from cases where order_number = any(?::text[]) and status <> 'resolved'"
);

type OrderRow = (
    Vec<String>,
    String,
    i64,
    String,
    Option<String>,
    bool,
    String,
    i64,
    i64,
    Option<OffsetDateTime>,
);
type PaymentRow = (
    String,
    String,
    String,
    String,
    i64,
    String,
    OffsetDateTime,
    Option<OffsetDateTime>,
    Option<OffsetDateTime>,
    Option<String>,
);

/// Claims the identities and loads the books for what was not claimed before.
pub(super) async fn books(
    conn: &mut AsyncPgConnection,
    readings: &[&Reading],
) -> Result<Books, LedgerError> {
    let seen = claim(conn, readings).await?;
    let mut numbers = BTreeSet::new();
    for reading in readings {
        for notification in &reading.notifications {
            let identity = (reading.message.account.clone(), notification.identity.clone());
            if let Some(fact) = notification.payment().filter(|_| !seen.contains(&identity)) {
                numbers.insert(fact.order_number.clone());
            }
        }
    }
    let mut books = states(conn, numbers).await?;
    books.seen = seen;
    Ok(books)
}

/// Loads and locks the states that these numbers belong to.
pub(super) async fn states(
    conn: &mut AsyncPgConnection,
    numbers: BTreeSet<String>,
) -> Result<Books, LedgerError> {
    let mut books = Books::default();
    if numbers.is_empty() {
        return Ok(books);
    }
    let wanted: Vec<String> = numbers.iter().cloned().collect();
    let rows: Vec<OrderRow> = LockOrders { numbers: &wanted }.load(conn).await?;
    let mut all = numbers;
    for (numbers, order_no, ..) in &rows {
        all.extend(numbers.iter().cloned());
        books.numbers.extend(numbers.iter().map(|number| (number.clone(), order_no.clone())));
    }
    for row in rows {
        let order = order(row)?;
        let state = State { order: Some(order.clone()), ..State::default() };
        books.states.entry(order.order_no).or_insert(state);
    }
    let all: Vec<String> = all.into_iter().collect();
    let payments: Vec<PaymentRow> = LockPayments { numbers: &all }.load(conn).await?;
    if payments.is_empty() {
        return Ok(books);
    }
    let mut refunds = refunds(conn, &payments).await?;
    for row in payments {
        let (key, payment) = payment(row, &mut refunds)?;
        if payment.link == Link::Order && !books.numbers.contains_key(&payment.order_number) {
            // Its order appeared, and somebody joined it, after the orders were looked up here.
            return Err(LedgerError::Conflict("an order appeared at this moment".to_owned()));
        }
        let number = &payment.order_number;
        let name = books.numbers.get(number).unwrap_or(number).clone();
        books.states.entry(name).or_default().payments.insert(key, payment);
    }
    for row in (OpenCases { numbers: &all }).load(conn).await? {
        let (key, case) = case(row)?;
        let number = &case.order_number;
        let name = books.numbers.get(number).unwrap_or(number).clone();
        books.states.entry(name).or_default().cases.insert(key, case);
    }
    Ok(books)
}

async fn claim(
    conn: &mut AsyncPgConnection,
    readings: &[&Reading],
) -> Result<BTreeSet<(String, String)>, LedgerError> {
    let mut wanted = BTreeMap::new();
    for reading in readings {
        for notification in &reading.notifications {
            let identity = (reading.message.account.clone(), notification.identity.clone());
            wanted.entry(identity).or_insert(reading.message.id);
        }
    }
    if wanted.is_empty() {
        return Ok(BTreeSet::new());
    }
    let accounts: Vec<String> = wanted.keys().map(|(account, _)| account.clone()).collect();
    let identities: Vec<String> = wanted.keys().map(|(_, identity)| identity.clone()).collect();
    let messages: Vec<Uuid> = wanted.values().copied().collect();
    let claim = Claim { accounts: &accounts, identities: &identities, messages: &messages };
    let claimed: Vec<(String, String)> = claim.load(conn).await?;
    let claimed: HashSet<(String, String)> = claimed.into_iter().collect();
    Ok(wanted.into_keys().filter(|identity| !claimed.contains(identity)).collect())
}

type RefundsByPayment = HashMap<PaymentKey, BTreeSet<RefundTotal>>;

async fn refunds(
    conn: &mut AsyncPgConnection,
    payments: &[PaymentRow],
) -> Result<RefundsByPayment, LedgerError> {
    let accounts: Vec<String> = payments.iter().map(|row| row.0.clone()).collect();
    let transactions: Vec<String> = payments.iter().map(|row| row.1.clone()).collect();
    let query = Refunds { accounts: &accounts, transactions: &transactions };
    let rows: Vec<(String, String, i64, String, OffsetDateTime)> = query.load(conn).await?;
    let mut refunds = RefundsByPayment::new();
    for (account, transaction, total_minor, refund_no, occurred_at) in rows {
        let refund_no = Some(refund_no).filter(|number| !number.is_empty());
        let refund = RefundTotal { total_minor, refund_no, occurred_at };
        refunds.entry(PaymentKey { account, transaction }).or_default().insert(refund);
    }
    Ok(refunds)
}

fn order(row: OrderRow) -> Result<Order, LedgerError> {
    let (_, order_no, minor, currency, account, cancelled, status, paid, refunded, paid_at) = row;
    let status = OrderStatus::from_word(&status).ok_or_else(|| unknown("status"))?;
    let fulfilment = match status {
        OrderStatus::Pending | OrderStatus::Cancelled => Fulfilment::None,
        OrderStatus::Paid | OrderStatus::PartiallyRefunded => Fulfilment::Active,
        OrderStatus::Refunded => Fulfilment::Revoked,
    };
    let recorded =
        Recorded { status, paid_minor: paid, refunded_minor: refunded, fulfilment, paid_at };
    let amount = Money { minor, currency: parse_currency(&currency)? };
    Ok(Order { order_no, amount, account, cancelled, recorded })
}

fn payment(
    row: PaymentRow,
    refunds: &mut RefundsByPayment,
) -> Result<(PaymentKey, Payment), LedgerError> {
    let (account, transaction, order_number, status, minor, currency, at, closed, due, order) = row;
    let key = PaymentKey { account, transaction };
    let link = match (order, due) {
        (Some(_), _) => Link::Order,
        (None, Some(deadline)) => Link::Waiting { deadline },
        (None, None) => Link::Unknown,
    };
    let payment = Payment {
        order_number,
        status: PaymentStatus::from_word(&status).ok_or_else(|| unknown("status"))?,
        amount: Money { minor, currency: parse_currency(&currency)? },
        occurred_at: at,
        closed_at: closed,
        refunds: refunds.remove(&key).unwrap_or_default(),
        link,
    };
    Ok((key, payment))
}

type CaseRow = (String, String, Option<String>, Option<String>, i64, String);

fn case(row: CaseRow) -> Result<(CaseKey, Case), LedgerError> {
    let (kind, order_number, account, transaction, amount_minor, currency) = row;
    let kind = CaseKind::from_word(&kind).ok_or_else(|| unknown("case"))?;
    let about = match (account, transaction) {
        (Some(account), Some(transaction)) => About::Payment(PaymentKey { account, transaction }),
        (_, None) | (None, Some(_)) => About::Order(order_number.clone()),
    };
    let currency = parse_currency(&currency)?;
    Ok((CaseKey { kind, about }, Case { order_number, amount_minor, currency }))
}

fn parse_currency(text: &str) -> Result<Currency, LedgerError> {
    text.parse().map_err(|_| unknown("currency"))
}

/// A newer version wrote a word that this one does not know.
fn unknown(what: &str) -> LedgerError {
    LedgerError::Fault(format!("an unknown {what} in the ledger: is this version older than it?"))
}
