//! Payments: inserted by whoever is first, updated under their locks.
//!
//! **Invariant**: a payment is joined to the order that bears its number as it is written. A shop may move a number
//! that nothing was paid under: until its order was locked, it may have done so since the number was looked up.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;

use super::expect_all;
use crate::decide::fold::{Changes, Known};
use crate::decide::payment::Pays;
use crate::decide::{Link, Order, Payment, PaymentKey};
use crate::ledger::LedgerError;

/// A statement over whole payments, and how it takes them.
macro_rules! payments_statement {
    ($name:ident = $text:literal) => {
        statement!(
            $name {
                accounts: Array<Text> = [String],
                transactions: Array<Text> = [String],
                numbers: Array<Text> = [String],
                orders: Array<Nullable<Text>> = [Option<String>],
                statuses: Array<Text> = [String],
                amounts: Array<BigInt> = [i64],
                currencies: Array<Text> = [String],
                occurred: Array<Timestamptz> = [OffsetDateTime],
                closed: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
                deadlines: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
                absent: Array<Bool> = [bool],
                agreements: Array<Nullable<Text>> = [Option<String>],
                modes: Array<Text> = [String],
                named_only: Array<Bool> = [bool],
            } -> () = $text
        );

        impl<'a> From<&'a PaymentColumns> for $name<'a> {
            fn from(columns: &'a PaymentColumns) -> Self {
                Self {
                    accounts: &columns.accounts,
                    transactions: &columns.transactions,
                    numbers: &columns.numbers,
                    orders: &columns.orders,
                    statuses: &columns.statuses,
                    amounts: &columns.amounts,
                    currencies: &columns.currencies,
                    occurred: &columns.occurred,
                    closed: &columns.closed,
                    deadlines: &columns.deadlines,
                    absent: &columns.absent,
                    agreements: &columns.agreements,
                    modes: &columns.modes,
                    named_only: &columns.named_only,
                }
            }
        }
    };
}

payments_statement!(
    InsertPayments = "
    insert into payments (account, transaction, order_number, order_no, status, amount, currency,
                          occurred_at, closed_at, deadline, absent, agreement, mode, named_only)
    select * from unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[],
                         ?::text[], ?::timestamptz[], ?::timestamptz[], ?::timestamptz[], ?::boolean[],
                         ?::text[], ?::text[], ?::boolean[])
        as t (a, x, n, o, s, m, c, at, closed, due, gone, g, mode, named)
    where t.o is null or t.o = ''
       or exists (select from order_numbers b where b.number = t.n and b.order_no = t.o)
    on conflict do nothing"
);

payments_statement!(
    UpdatePayments = "
    update payments p set order_number = t.n, order_no = t.o, status = t.s, amount = t.m,
                          currency = t.c, occurred_at = t.at, closed_at = t.closed,
                          deadline = t.due, absent = t.gone, agreement = t.g, mode = t.mode,
                          named_only = t.named
    from unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[],
                ?::text[], ?::timestamptz[], ?::timestamptz[], ?::timestamptz[], ?::boolean[],
                ?::text[], ?::text[], ?::boolean[])
         as t (a, x, n, o, s, m, c, at, closed, due, gone, g, mode, named)
    where p.account = t.a and p.transaction = t.x
      and (p.order_number in (t.n, p.transaction) or p.absent)
      and (t.o is null or t.o = '' or t.o = p.order_no
           or exists (select from order_numbers b where b.number = t.n and b.order_no = t.o))"
);

statement!(
    NumbersOf { accounts: Array<Text> = [String], transactions: Array<Text> = [String] }
    -> (Text, Text, Text) = "
    select p.account, p.transaction, p.order_number
    from payments p join unnest(?::text[], ?::text[]) as t (account, transaction)
    using (account, transaction) where not p.absent"
);

#[derive(Default)]
struct PaymentColumns {
    accounts: Vec<String>,
    transactions: Vec<String>,
    numbers: Vec<String>,
    orders: Vec<Option<String>>,
    statuses: Vec<String>,
    amounts: Vec<i64>,
    currencies: Vec<String>,
    occurred: Vec<OffsetDateTime>,
    closed: Vec<Option<OffsetDateTime>>,
    deadlines: Vec<Option<OffsetDateTime>>,
    absent: Vec<bool>,
    agreements: Vec<Option<String>>,
    modes: Vec<String>,
    named_only: Vec<bool>,
}

impl PaymentColumns {
    fn push(&mut self, key: &PaymentKey, payment: &Payment, order: Option<&Order>) {
        let (order_no, deadline) = match payment.link {
            Link::Order => (order.map(|order| order.order_no.clone()), None),
            // No order bears the empty number: it needs none, and so it waits for none.
            Link::Subscription => (Some(String::new()), None),
            Link::Absent { deadline } => (None, deadline),
            Link::Waiting { deadline } => (None, Some(deadline)),
            Link::Unknown => (None, None),
        };
        self.accounts.push(key.account.clone());
        self.transactions.push(key.transaction.clone());
        self.numbers.push(payment.order_number.clone());
        self.orders.push(order_no);
        self.statuses.push(payment.status.as_str().to_owned());
        self.amounts.push(payment.amount.minor);
        self.currencies.push(payment.amount.currency.as_str().to_owned());
        self.occurred.push(payment.occurred_at);
        self.closed.push(payment.closed_at);
        self.deadlines.push(deadline);
        self.absent.push(payment.is_absent());
        self.agreements.push(payment.agreement.clone());
        self.modes.push(payment.mode.as_str().to_owned());
        self.named_only.push(payment.pays == Pays::NamedOrders);
    }
}

pub(super) async fn payments(
    conn: &mut AsyncPgConnection,
    changes: &Changes,
) -> Result<(), LedgerError> {
    let recorded = Known::before(changes);
    let mut sorted = std::collections::BTreeMap::new();
    for (before, after) in &changes.states {
        for (key, payment) in &after.payments {
            let known = recorded.payment(before, key);
            if known == Some(payment) {
                continue;
            }
            let row = (known.is_none(), payment, after.order.as_ref());
            if sorted.insert(key, row).is_some() {
                // Two states of one batch hold it: it was named for two orders.
                return Err(moved());
            }
        }
    }
    let (mut new, mut changed) = (PaymentColumns::default(), PaymentColumns::default());
    for (key, (is_new, payment, order)) in sorted {
        if is_new { &mut new } else { &mut changed }.push(key, payment, order);
    }
    if !changed.accounts.is_empty() {
        let updated = UpdatePayments::from(&changed).execute(conn).await?;
        expect_all(updated, changed.accounts.len())?;
    }
    if new.accounts.is_empty() {
        return Ok(());
    }
    let inserted = InsertPayments::from(&new).execute(conn).await?;
    if inserted == new.accounts.len() {
        return Ok(());
    }
    Err(why_not_inserted(conn, &new).await?)
}

/// Another transaction recorded the payment first, or it was recorded under another number.
async fn why_not_inserted(
    conn: &mut AsyncPgConnection,
    new: &PaymentColumns,
) -> Result<LedgerError, LedgerError> {
    let query = NumbersOf { accounts: &new.accounts, transactions: &new.transactions };
    let recorded: Vec<(String, String, String)> = query.load(conn).await?;
    for (account, transaction, number) in recorded {
        let mut keys = new.accounts.iter().zip(&new.transactions);
        let index = keys.position(|(a, t)| *a == account && *t == transaction);
        // Of two words one may have named no order: then the two are about one payment.
        let found = |number: &String| *number == transaction;
        let other = |index: &usize| {
            let ours = new.numbers.get(*index);
            ours.is_some_and(|ours| *ours != number && !found(ours) && !found(&number))
        };
        // What was meant for an absent one is for the payment that appeared.
        if index.filter(other).is_some_and(|index| new.absent.get(index) == Some(&false)) {
            return Ok(moved());
        }
    }
    Ok(LedgerError::Conflict("a payment was recorded at the same time".to_owned()))
}

fn moved() -> LedgerError {
    let rule = "moved: the provider names another order for a transaction that is recorded";
    LedgerError::Refused(rule.to_owned())
}
