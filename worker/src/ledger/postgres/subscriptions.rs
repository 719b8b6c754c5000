//! Subscriptions as a shop writes them, and as people see them.

use std::collections::BTreeSet;

use diesel::sql_types::{BigInt, Bool, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use serde_json::Value;
use time::OffsetDateTime;

use super::load;
use super::orders::show::events_of;
use crate::ledger::LedgerError;
use crate::ledger::records::{Imported, NewSubscription, SubscriptionFilter, SubscriptionRecord};

statement!(
    /// One that is there is updated where it differs; the schema refuses that once it has charges.
    Upsert {
        number: Text = str,
        account: Text = str,
        agreement: Nullable<Text> = Option<String>,
        amount: BigInt = i64,
        currency: Text = str,
        period: Text = str,
        anchor: Nullable<Timestamptz> = Option<OffsetDateTime>,
        time_zone: Text = str,
        grace: Text = str,
        metadata: Nullable<Jsonb> = Option<Value>,
        now: Timestamptz = OffsetDateTime,
    } -> (Bool) = "
    insert into subscriptions (subscription_no, account, agreement_no, amount, currency, period, anchor,
                               time_zone, grace, metadata, created_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (subscription_no) do update
    set account = excluded.account, agreement_no = excluded.agreement_no, amount = excluded.amount,
        currency = excluded.currency, period = excluded.period, anchor = excluded.anchor,
        time_zone = excluded.time_zone, grace = excluded.grace, metadata = excluded.metadata
    where (subscriptions.account, subscriptions.agreement_no, subscriptions.amount, subscriptions.currency,
           subscriptions.period, subscriptions.anchor, subscriptions.time_zone, subscriptions.grace,
           subscriptions.metadata)
          is distinct from
          (excluded.account, excluded.agreement_no, excluded.amount, excluded.currency, excluded.period,
           excluded.anchor, excluded.time_zone, excluded.grace, excluded.metadata)
    returning xmax = 0"
);

statement!(
    Listed {
        number: Nullable<Text> = Option<String>,
        status: Nullable<Text> = Option<String>,
        limit: BigInt = i64,
    } -> (Text) = "
    select subscription_no
    from subscriptions s, (select ?::text, ?::text) as wanted (number, status)
    where (wanted.number is null or s.subscription_no = wanted.number)
      and (wanted.status is null or s.status = wanted.status)
    order by created_at desc, subscription_no limit ?"
);

pub(super) async fn import(
    conn: &mut AsyncPgConnection,
    subscriptions: &[NewSubscription],
    now: OffsetDateTime,
) -> Result<Vec<Imported>, LedgerError> {
    let mut imported = vec![];
    for one in subscriptions {
        imported.push(match one.check() {
            Ok(()) => upsert(conn, one, now).await?,
            Err(wrong) => Imported::Refused(wrong),
        });
    }
    Ok(imported)
}

async fn upsert(
    conn: &mut AsyncPgConnection,
    one: &NewSubscription,
    now: OffsetDateTime,
) -> Result<Imported, LedgerError> {
    let upsert = Upsert {
        number: &one.subscription_no,
        account: &one.account,
        agreement: &one.agreement_no,
        amount: &one.amount,
        currency: one.currency.as_str(),
        period: &one.period,
        anchor: &one.anchor,
        time_zone: &one.time_zone,
        grace: &one.grace,
        metadata: &one.metadata,
        now: &now,
    };
    match upsert.load::<bool>(conn).await.map_err(LedgerError::from) {
        Ok(rows) => Ok(match rows.as_slice() {
            [true, ..] => Imported::Inserted,
            [false, ..] => Imported::Updated,
            [] => Imported::Unchanged,
        }),
        Err(LedgerError::Refused(rule)) => Ok(Imported::Refused(rule)),
        Err(other) => Err(other),
    }
}

pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    filter: &SubscriptionFilter,
) -> Result<Vec<SubscriptionRecord>, LedgerError> {
    let listed = Listed {
        number: &filter.subscription_no,
        status: &filter.status.map(|status| status.as_str().to_owned()),
        limit: &filter.limit,
    };
    let numbers: Vec<String> = listed.load(conn).await?;
    let wanted: BTreeSet<String> = numbers.iter().cloned().collect();
    let contracts = load::states(conn, BTreeSet::new(), wanted).await?.contracts;
    let mut records = vec![];
    for one in numbers.iter().filter_map(|number| contracts.subscriptions.get(number)) {
        let events =
            events_of(conn, &format!("subscription/{}", one.terms.subscription_no)).await?;
        records.push(SubscriptionRecord::of(&contracts, one, events));
    }
    Ok(records)
}
