//! Importing orders: inserted, or updated while nothing was paid.

use std::collections::{BTreeMap, HashMap};

use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz};
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
        now: Timestamptz = OffsetDateTime,
    } -> (Text, diesel::sql_types::Bool) = "
    insert into orders (order_no, amount, currency, account, expires_at, metadata, mode, created_at)
    select t.*, clock.at
    from unnest(?::text[], ?::bigint[], ?::text[], ?::text[], ?::timestamptz[], ?::jsonb[], ?::text[])
         as t (n, a, c, acc, e, m, mode), (select ?::timestamptz) as clock (at) order by n
    on conflict (order_no) do update
    set amount = excluded.amount, currency = excluded.currency, account = excluded.account,
        expires_at = excluded.expires_at, metadata = excluded.metadata, mode = excluded.mode
    where (orders.amount, orders.currency, orders.account, orders.expires_at, orders.metadata, orders.mode)
          is distinct from (excluded.amount, excluded.currency, excluded.account,
                            excluded.expires_at, excluded.metadata, excluded.mode)
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
    /// Those that are there exactly so.
    Same {
        order_nos: Array<Text> = [String],
        amounts: Array<BigInt> = [i64],
        currencies: Array<Text> = [String],
        accounts: Array<Nullable<Text>> = [Option<String>],
        modes: Array<Text> = [String],
    } -> (Text) = "
    select o.order_no
    from unnest(?::text[], ?::bigint[], ?::text[], ?::text[], ?::text[]) as t (n, a, c, acc, mode)
    join orders o on o.order_no = t.n
    where (o.amount, o.currency, o.account, o.mode) is not distinct from (t.a, t.c, t.acc, t.mode)"
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

pub(in crate::ledger::postgres) async fn import(
    conn: &mut AsyncPgConnection,
    orders: &[NewOrder],
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Vec<Imported>, LedgerError> {
    let mut answers: Vec<Option<Imported>> =
        orders.iter().map(|order| order.check_by(rules).err().map(Imported::Refused)).collect();
    // A number that comes again in one batch replaces the earlier: only the last is written.
    let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, order) in orders.iter().enumerate().filter(|(index, _)| answers[*index].is_none()) {
        wanted.insert(&order.order_no, index);
    }
    let taken = taken(conn, orders, &wanted).await?;
    for (index, number) in taken {
        answers[index] = Some(Imported::Refused(format!("number {number} is another order's")));
        wanted.remove(orders[index].order_no.as_str());
    }
    let batch: Vec<&NewOrder> = wanted.values().map(|index| &orders[*index]).collect();
    let written = match write(conn, &batch, now).await {
        Err(LedgerError::Refused(rule)) if batch.len() > 1 => {
            // One of them breaks a rule of the schema: find out which.
            let mut written = HashMap::new();
            for order in &batch {
                match write(conn, &[order], now).await {
                    Ok(one) => written.extend(one),
                    Err(LedgerError::Refused(rule)) => {
                        written.insert(order.order_no.clone(), Imported::Refused(rule));
                    }
                    Err(other) => return Err(other),
                }
            }
            drop(rule);
            written
        }
        Err(LedgerError::Refused(rule)) => batch
            .iter()
            .map(|order| (order.order_no.clone(), Imported::Refused(rule.clone())))
            .collect(),
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

/// Numbers in the batch that belong to another order, in the ledger or in the batch itself.
async fn taken(
    conn: &mut AsyncPgConnection,
    orders: &[NewOrder],
    wanted: &BTreeMap<&str, usize>,
) -> Result<Vec<(usize, String)>, LedgerError> {
    let numbers: Vec<String> =
        wanted.values().flat_map(|index| orders[*index].all_numbers()).collect();
    let rows: Vec<(String, String)> = Owners { numbers: &numbers }.load(conn).await?;
    let mut owners: HashMap<String, String> = rows.into_iter().collect();
    let mut taken = vec![];
    for (order_no, index) in wanted {
        for number in orders[*index].all_numbers() {
            let owner = owners.entry(number.clone()).or_insert_with(|| (*order_no).to_owned());
            if owner != order_no {
                taken.push((*index, number));
                break;
            }
        }
    }
    Ok(taken)
}

async fn write(
    conn: &mut AsyncPgConnection,
    orders: &[&NewOrder],
    now: OffsetDateTime,
) -> Result<HashMap<String, Imported>, LedgerError> {
    let order_nos: Vec<_> = orders.iter().map(|order| order.order_no.clone()).collect();
    let amounts: Vec<_> = orders.iter().map(|order| order.amount).collect();
    let currencies: Vec<_> =
        orders.iter().map(|order| order.currency.as_str().to_owned()).collect();
    let accounts: Vec<_> = orders.iter().map(|order| order.account.clone()).collect();
    let expires: Vec<_> = orders.iter().map(|order| order.expires_at).collect();
    let metadata: Vec<_> = orders.iter().map(|order| order.metadata.clone()).collect();
    let modes: Vec<_> = orders.iter().map(|order| order.mode.as_str().to_owned()).collect();
    let (mut numbers, mut owners) = (vec![], vec![]);
    for order in orders {
        numbers.extend(order.all_numbers());
        owners.resize(numbers.len(), order.order_no.clone());
    }
    conn.transaction(async |conn| {
        let upsert = Upsert {
            order_nos: &order_nos,
            amounts: &amounts,
            currencies: &currencies,
            accounts: &accounts,
            expires: &expires,
            metadata: &metadata,
            modes: &modes,
            now: &now,
        };
        // Locked before it looks for payments, so that it sees those of whoever held the lock.
        let _: Vec<String> = Lock { order_nos: &order_nos }.load(conn).await?;
        let written: Vec<(String, bool)> = upsert.load(conn).await?;
        let same = Same {
            order_nos: &order_nos,
            amounts: &amounts,
            currencies: &currencies,
            accounts: &accounts,
            modes: &modes,
        };
        let same: Vec<String> = same.load(conn).await?;
        let named: Vec<String> = Name { numbers: &numbers, order_nos: &owners }.load(conn).await?;
        let mut answers: HashMap<String, Imported> =
            same.into_iter().map(|order_no| (order_no, Imported::Unchanged)).collect();
        answers.extend(named.into_iter().map(|order_no| (order_no, Imported::Updated)));
        for (order_no, inserted) in written {
            answers.insert(order_no, if inserted { Imported::Inserted } else { Imported::Updated });
        }
        Ok(answers)
    })
    .await
}
