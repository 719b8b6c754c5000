//! Importing orders: inserted, or updated while nothing was paid.

use std::collections::{HashMap, HashSet};

use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use serde_json::Value;
use shared::rules::Rules;
use time::OffsetDateTime;

use crate::ledger::LedgerError;
use crate::ledger::records::{Imported, NewOrder};

statement!(
    /// An order that is there is updated only where its terms differ and no payment stands on it.
    Upsert {
        order_nos: Array<Text> = [String],
        amounts: Array<BigInt> = [i64],
        currencies: Array<Text> = [String],
        accounts: Array<Nullable<Text>> = [Option<String>],
        expires: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        metadata: Array<Nullable<Jsonb>> = [Option<Value>],
        modes: Array<Text> = [String],
        subscriptions: Array<Nullable<Text>> = [Option<String>],
        periods: Array<Nullable<Text>> = [Option<String>],
        now: Timestamptz = OffsetDateTime,
    } -> (Text, Bool) = "
    insert into orders (order_no, amount, currency, account, expires_at, metadata, mode,
                        subscription_no, period, created_at)
    select t.*, clock.at
    from unnest(?::text[], ?::bigint[], ?::text[], ?::text[], ?::timestamptz[], ?::jsonb[], ?::text[],
                ?::text[], ?::text[])
         as t (n, a, c, acc, e, m, mode, s, p), (select ?::timestamptz) as clock (at) order by n
    on conflict (order_no) do update
    set amount = excluded.amount, currency = excluded.currency, account = excluded.account,
        expires_at = excluded.expires_at, metadata = excluded.metadata, mode = excluded.mode,
        subscription_no = excluded.subscription_no, period = excluded.period
    where (orders.amount, orders.currency, orders.account, orders.expires_at, orders.metadata, orders.mode,
           orders.subscription_no, orders.period)
          is distinct from (excluded.amount, excluded.currency, excluded.account,
                            excluded.expires_at, excluded.metadata, excluded.mode,
                            excluded.subscription_no, excluded.period)
      and orders.status = 'pending'
      and (orders.expires_at > excluded.created_at or orders.expires_at is null
           or orders.expires_at = excluded.expires_at)
      and not exists (
          select from order_numbers n join payments p on p.order_number = n.number
          where n.order_no = orders.order_no)
    returning order_no, xmax = 0"
);

statement!(
    Lock { order_nos: Array<Text> = [String] } -> (Text) = "
    select order_no from orders where order_no = any(?::text[]) order by order_no for update"
);

statement!(
    /// Those whose terms are there exactly so; do their end and their metadata differ? Metadata that is gone
    /// differs from none: an erasure or its time took it, and the shop's file still has it.
    Same {
        order_nos: Array<Text> = [String],
        amounts: Array<BigInt> = [i64],
        currencies: Array<Text> = [String],
        accounts: Array<Nullable<Text>> = [Option<String>],
        modes: Array<Text> = [String],
        subscriptions: Array<Nullable<Text>> = [Option<String>],
        periods: Array<Nullable<Text>> = [Option<String>],
        expires: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        metadata: Array<Nullable<Jsonb>> = [Option<Value>],
    } -> (Text, Bool, Bool) = "
    select o.order_no, o.expires_at is distinct from t.e, o.metadata is not null and o.metadata is distinct from t.m
    from unnest(?::text[], ?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[],
                ?::timestamptz[], ?::jsonb[])
         as t (n, a, c, acc, mode, s, p, e, m)
    join orders o on o.order_no = t.n
    where (o.amount, o.currency, o.account, o.mode, o.subscription_no, o.period)
          is not distinct from (t.a, t.c, t.acc, t.mode, t.s, t.p)"
);

statement!(
    Name { numbers: Array<Text> = [String], order_nos: Array<Text> = [String] } -> (Text) = "
    insert into order_numbers (number, order_no)
    select * from unnest(?::text[], ?::text[]) as t (number, order_no) order by number
    on conflict do nothing returning order_no"
);

statement!(
    Owners { numbers: Array<Text> = [String] } -> (Text, Text) = "
    select number, order_no from order_numbers where number = any(?::text[])"
);

/// Orders as the statements take them.
struct Columns {
    order_nos: Vec<String>,
    amounts: Vec<i64>,
    currencies: Vec<String>,
    accounts: Vec<Option<String>>,
    expires: Vec<Option<OffsetDateTime>>,
    metadata: Vec<Option<Value>>,
    modes: Vec<String>,
    subscriptions: Vec<Option<String>>,
    periods: Vec<Option<String>>,
}

/// One answer each, as if they came one after the other.
pub(in crate::ledger::postgres) async fn import(
    conn: &mut AsyncPgConnection,
    orders: &[NewOrder],
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Vec<Imported>, LedgerError> {
    let mut answers = Vec::with_capacity(orders.len());
    let mut rest = orders;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(until_repeated(rest));
        answers.extend(distinct(conn, batch, now, rules).await?);
        rest = later;
    }
    Ok(answers)
}

/// How many there are before a number comes again: a statement can write a row but once.
fn until_repeated(orders: &[NewOrder]) -> usize {
    let mut seen = HashSet::new();
    orders.iter().take_while(|order| seen.insert(&order.order_no)).count()
}

async fn distinct(
    conn: &mut AsyncPgConnection,
    orders: &[NewOrder],
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Vec<Imported>, LedgerError> {
    let mut answers: Vec<Option<Imported>> =
        orders.iter().map(|order| order.check_by(rules).err().map(Imported::Refused)).collect();
    let good: Vec<usize> = (0..orders.len()).filter(|index| answers[*index].is_none()).collect();
    for (index, number) in taken(conn, orders, &good).await? {
        answers[index] = Some(Imported::Refused(format!("number {number} is another order's")));
    }
    let batch: Vec<&NewOrder> = good
        .iter()
        .filter(|index| answers[**index].is_none())
        .map(|index| &orders[*index])
        .collect();
    let written = match write(conn, &batch, now, rules).await {
        Err(LedgerError::Refused(_)) => one_by_one(conn, &batch, now, rules).await?,
        written => written?,
    };
    let answer = |(order, answer): (&NewOrder, Option<Imported>)| {
        answer.unwrap_or_else(|| {
            written.get(&order.order_no).cloned().unwrap_or_else(|| {
                Imported::Refused("it has payments or is over, so its terms stand".to_owned())
            })
        })
    };
    Ok(orders.iter().zip(answers).map(answer).collect())
}

/// One of them breaks a rule of the schema: find out which.
async fn one_by_one(
    conn: &mut AsyncPgConnection,
    batch: &[&NewOrder],
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<HashMap<String, Imported>, LedgerError> {
    let mut written = HashMap::new();
    for order in batch {
        match write(conn, &[order], now, rules).await {
            Ok(one) => written.extend(one),
            Err(LedgerError::Refused(rule)) => {
                written.insert(order.order_no.clone(), Imported::Refused(rule));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(written)
}

/// Numbers in the batch that belong to another order, in the ledger or earlier in the batch.
async fn taken(
    conn: &mut AsyncPgConnection,
    orders: &[NewOrder],
    good: &[usize],
) -> Result<Vec<(usize, String)>, LedgerError> {
    let numbers: Vec<String> = good.iter().flat_map(|index| orders[*index].all_numbers()).collect();
    let rows: Vec<(String, String)> = Owners { numbers: &numbers }.load(conn).await?;
    let mut owners: HashMap<String, String> = rows.into_iter().collect();
    let mut taken = vec![];
    for index in good {
        let (order_no, numbers) = (&orders[*index].order_no, orders[*index].all_numbers());
        let of_another =
            numbers.iter().find(|number| owners.get(*number).is_some_and(|of| of != order_no));
        match of_another {
            Some(number) => taken.push((*index, number.clone())),
            None => owners.extend(numbers.into_iter().map(|number| (number, order_no.clone()))),
        }
    }
    Ok(taken)
}

async fn write(
    conn: &mut AsyncPgConnection,
    orders: &[&NewOrder],
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<HashMap<String, Imported>, LedgerError> {
    let columns = Columns::of(orders, rules);
    conn.transaction(async |conn| {
        // Locked before it looks for payments, so that it sees those of whoever held the lock.
        let _: Vec<String> = Lock { order_nos: &columns.order_nos }.load(conn).await?;
        let written: Vec<(String, bool)> = columns.upsert(&now).load(conn).await?;
        let same: Vec<(String, bool, bool)> = columns.same().load(conn).await?;
        let mut answers: HashMap<String, Imported> = same.into_iter().map(standing).collect();
        for (order_no, inserted) in written {
            answers.insert(order_no, if inserted { Imported::Inserted } else { Imported::Updated });
        }
        let refused = |one: &Imported| matches!(one, Imported::Refused(_));
        let taken = orders
            .iter()
            .filter(|order| answers.get(&order.order_no).is_some_and(|answer| !refused(answer)));
        let named = taken.flat_map(|order| {
            order.all_numbers().into_iter().map(|number| (number, order.order_no.clone()))
        });
        let (numbers, owners): (Vec<_>, Vec<_>) = named.unzip();
        let named: Vec<String> = Name { numbers: &numbers, order_nos: &owners }.load(conn).await?;
        // Another session may have given one of them away since we looked.
        let owned: Vec<(String, String)> = Owners { numbers: &numbers }.load(conn).await?;
        let owned: HashMap<_, _> = owned.into_iter().collect();
        if numbers.iter().zip(&owners).any(|(number, owner)| owned.get(number) != Some(owner)) {
            return Err(LedgerError::Conflict("a number was taken meanwhile".to_owned()));
        }
        for order_no in named {
            // A paid order may still be offered under a further number.
            let answer = answers.get_mut(&order_no).filter(|one| **one == Imported::Unchanged);
            answer.into_iter().for_each(|one| *one = Imported::Updated);
        }
        Ok(answers)
    })
    .await
}

/// Of an order that is there with the same terms.
fn standing((order_no, expiry, metadata): (String, bool, bool)) -> (String, Imported) {
    let answer = match (expiry, metadata) {
        (false, false) => Imported::Unchanged,
        (true, _) => Imported::stands("expires_at"),
        (false, true) => Imported::stands("metadata"),
    };
    (order_no, answer)
}

impl Columns {
    fn of(orders: &[&NewOrder], rules: &Rules) -> Self {
        Self {
            order_nos: column(orders, |order| order.order_no.clone()),
            amounts: column(orders, |order| order.amount),
            currencies: column(orders, |order| order.currency.as_str().to_owned()),
            accounts: column(orders, |order| order.account.clone()),
            expires: column(orders, |order| order.expires_at),
            metadata: column(orders, |order| order.metadata.clone()),
            modes: column(orders, |order| order.mode_by(rules).as_str().to_owned()),
            subscriptions: column(orders, |order| order.subscription_no.clone()),
            periods: column(orders, |order| order.period.clone()),
        }
    }

    fn upsert<'a>(&'a self, now: &'a OffsetDateTime) -> Upsert<'a> {
        Upsert {
            order_nos: &self.order_nos,
            amounts: &self.amounts,
            currencies: &self.currencies,
            accounts: &self.accounts,
            expires: &self.expires,
            metadata: &self.metadata,
            modes: &self.modes,
            subscriptions: &self.subscriptions,
            periods: &self.periods,
            now,
        }
    }

    fn same(&self) -> Same<'_> {
        Same {
            order_nos: &self.order_nos,
            amounts: &self.amounts,
            currencies: &self.currencies,
            accounts: &self.accounts,
            modes: &self.modes,
            subscriptions: &self.subscriptions,
            periods: &self.periods,
            expires: &self.expires,
            metadata: &self.metadata,
        }
    }
}

fn column<T>(orders: &[&NewOrder], of: impl Fn(&NewOrder) -> T) -> Vec<T> {
    orders.iter().map(|order| of(order)).collect()
}
