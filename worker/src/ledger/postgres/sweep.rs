//! What time and the shop bring about: orders that appear, deadlines that pass, cancels by SQL.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::rules::Rules;
use time::{Duration, OffsetDateTime};

use super::{events, load, write};
use crate::decide::fold::refold;
use crate::ledger::{LedgerError, Swept};

/// When to look once more, for what another transaction was recording meanwhile.
const LOOK_AGAIN: Duration = Duration::seconds(5);

statement!(
    DueOrders {
        now: Timestamptz = OffsetDateTime,
        over: Timestamptz = OffsetDateTime,
        limit: BigInt = i64,
    } -> (Text) = "
    select number from (
        select p.order_number as number from payments p
        where p.order_no is null
          and (not p.absent and exists (select from order_numbers n where n.number = p.order_number)
               or (p.deadline <= ? and (p.absent or p.status in ('succeeded', 'finished'))))
        union
        select c.order_no from cancellations c
        union
        select e.order_no from expirations e where e.expires_at < ?
    ) as due limit ?"
);

statement!(
    /// Numbers of charges under which an order appeared, or may have.
    DueNumbers { now: Timestamptz = OffsetDateTime, limit: BigInt = i64 } -> (BigInt, Text) = "
    select id, number from number_changes where at is null or at <= ? order by id limit ?"
);

statement!(
    /// Subscriptions that were written, or to which an agreement was bound.
    DueSubscriptions { now: Timestamptz = OffsetDateTime, limit: BigInt = i64 } -> (BigInt, Text) = "
    select id, subscription_no from subscription_changes where at is null or at <= ? order by id limit ?"
);

statement!(
    /// Subscriptions that time alone changes.
    RunOut { now: Timestamptz = OffsetDateTime, limit: BigInt = i64 } -> (Text) = "
    select subscription_no from subscriptions where due_at <= ? order by due_at limit ?"
);

statement!(
    /// The numbers of all payments that are these subscriptions' charges, or may be.
    NumbersOf { numbers: Array<Text> = [String] } -> (Text) = "
    with of (number) as (select unnest(?::text[])),
         agreed (account, agreement) as (
             select s.account, s.agreement_no from of join subscriptions s on s.subscription_no = of.number
             union
             select c.account, c.agreement
             from of join agreement_changes c on c.subscription_no = of.number
         ),
         charged (account, transaction) as (
             select c.account, c.transaction from of join charges c on c.subscription_no = of.number
             union
             select c.account, c.transaction from agreed join charges c using (account, agreement)
         )
    select p.order_number from charged join payments p using (account, transaction)"
);

statement!(
    SeenNumbers { ids: Array<BigInt> = [i64] } -> () = "
    delete from number_changes where id = any(?::bigint[])"
);

statement!(
    /// A moment later they are looked at once more.
    SeenSubscriptions { ids: Array<BigInt> = [i64], later: Timestamptz = OffsetDateTime } -> () = "
    with seen as (
        delete from subscription_changes where id = any(?::bigint[]) returning subscription_no, again
    )
    insert into subscription_changes (subscription_no, at, again)
    select distinct subscription_no, clock.later, false
    from seen, (select ?::timestamptz) as clock (later) where again"
);

statement!(
    /// The order was derived anew, so its cancellation is announced, or refused by a payment.
    Announced { order_nos: Array<Text> = [String] } -> () = "
    delete from cancellations where order_no = any(?::text[])"
);

statement!(
    /// The order was derived anew after its end.
    Expired { order_nos: Array<Text> = [String], now: Timestamptz = OffsetDateTime } -> () = "
    delete from expirations where order_no = any(?::text[]) and expires_at < ?"
);
/// What is to be looked at.
#[derive(Default)]
pub(super) struct Due {
    pub(super) numbers: BTreeSet<String>,
    subscriptions: BTreeSet<String>,
    /// Entries of the lists that are done with it.
    number_ids: Vec<i64>,
    subscription_ids: Vec<i64>,
}

pub(super) async fn sweep(
    conn: &mut AsyncPgConnection,
    now: OffsetDateTime,
    limit: i64,
    rules: &Rules,
) -> Result<Swept, LedgerError> {
    let due = Due::find(conn, now, limit).await?;
    if due.numbers.is_empty() && due.subscriptions.is_empty() {
        return Ok(Swept::default());
    }
    conn.transaction(async |conn| again(conn, &due, now, rules).await).await
}

/// Derives these states anew.
pub(super) async fn again(
    conn: &mut AsyncPgConnection,
    due: &Due,
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Swept, LedgerError> {
    let order_nos: Vec<String> = due.numbers.iter().cloned().collect();
    let books = load::states(conn, due.numbers.clone(), due.subscriptions.clone()).await?;
    let changes = refold(books, now, rules);
    write::changes(conn, &changes, now).await?;
    Announced { order_nos: &order_nos }.execute(conn).await?;
    if !due.number_ids.is_empty() {
        SeenNumbers { ids: &due.number_ids }.execute(conn).await?;
    }
    if !due.subscription_ids.is_empty() {
        let later = now + LOOK_AGAIN;
        SeenSubscriptions { ids: &due.subscription_ids, later: &later }.execute(conn).await?;
    }
    Expired { order_nos: &order_nos, now: &now }.execute(conn).await?;
    events::append(conn, &changes.announcements, now).await?;
    let listed = due.number_ids.len() + due.subscription_ids.len();
    Ok(Swept { subjects: changes.subjects() + listed })
}

impl Due {
    /// One number.
    pub(super) fn number(number: &str) -> Self {
        Self { numbers: BTreeSet::from([number.to_owned()]), ..Self::default() }
    }

    async fn find(
        conn: &mut AsyncPgConnection,
        now: OffsetDateTime,
        limit: i64,
    ) -> Result<Self, LedgerError> {
        let waiting: Vec<String> =
            DueOrders { now: &now, over: &now, limit: &limit }.load(conn).await?;
        let listed = DueNumbers { now: &now, limit: &limit };
        let (number_ids, numbers): (Vec<i64>, Vec<String>) =
            listed.load::<(i64, String)>(conn).await?.into_iter().unzip();
        let listed = DueSubscriptions { now: &now, limit: &limit };
        let (subscription_ids, written): (Vec<i64>, Vec<String>) =
            listed.load::<(i64, String)>(conn).await?.into_iter().unzip();
        let run_out: Vec<String> = RunOut { now: &now, limit: &limit }.load(conn).await?;
        let mut numbers: BTreeSet<String> = numbers.into_iter().chain(waiting).collect();
        if !written.is_empty() {
            numbers.extend(NumbersOf { numbers: &written }.load::<String>(conn).await?);
        }
        let subscriptions = written.into_iter().chain(run_out).collect();
        Ok(Self { numbers, subscriptions, number_ids, subscription_ids })
    }
}
