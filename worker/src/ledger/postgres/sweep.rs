//! What time and the shop bring about: orders that appear, deadlines that pass, cancels by SQL.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::rules::Rules;
use time::{Duration, OffsetDateTime};

use super::{events, load, write};
use crate::decide::fold::refold;
use crate::ledger::resting::{Kind, Pages, Resting};
use crate::ledger::{LedgerError, Swept};

/// When to look once more, for what another transaction was recording meanwhile.
const LOOK_AGAIN: Duration = Duration::seconds(5);

statement!(
    DueOrders {
        now: Timestamptz = OffsetDateTime,
        over: Timestamptz = OffsetDateTime,
        limit: BigInt = i64,
        skipped: BigInt = i64,
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
    ) as due order by number limit ? offset ?"
);

statement!(
    /// Numbers of charges under which an order appeared, or may have.
    DueNumbers {
        now: Timestamptz = OffsetDateTime,
        limit: BigInt = i64,
        skipped: BigInt = i64,
    } -> (BigInt, Text) = "
    select id, number from number_changes where at is null or at <= ? order by id limit ? offset ?"
);

statement!(
    /// Subscriptions that were written, or to which an agreement was bound.
    DueSubscriptions {
        now: Timestamptz = OffsetDateTime,
        limit: BigInt = i64,
        skipped: BigInt = i64,
    } -> (BigInt, Text) = "
    select id, subscription_no from subscription_changes where at is null or at <= ?
    order by id limit ? offset ?"
);

statement!(
    /// Subscriptions that time alone changes.
    RunOut {
        now: Timestamptz = OffsetDateTime,
        limit: BigInt = i64,
        skipped: BigInt = i64,
    } -> (Text) = "
    select subscription_no from subscriptions where due_at <= ?
    order by due_at, subscription_no limit ? offset ?"
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
/// What is to be looked at, each with the entries of its list that are done with it.
#[derive(Default)]
pub(super) struct Due {
    numbers: BTreeMap<String, Vec<i64>>,
    subscriptions: BTreeMap<String, Vec<i64>>,
}

pub(super) async fn sweep(
    conn: &mut AsyncPgConnection,
    now: OffsetDateTime,
    limit: i64,
    (rules, resting): (&Rules, &mut Resting),
) -> Result<Swept, LedgerError> {
    resting.wake(now);
    let due = Due::find(conn, now, limit, resting).await?;
    if due.numbers.is_empty() && due.subscriptions.is_empty() {
        return Ok(resting.beside(Swept::default()));
    }
    let swept = match conn.transaction(async |conn| again(conn, &due, now, rules).await).await {
        Err(LedgerError::Refused(_) | LedgerError::Fault(_)) => {
            singly(conn, due, now, (rules, resting)).await?
        }
        swept => swept?,
    };
    Ok(resting.beside(swept))
}

/// One by one, so that only the guilty one is left as it is.
async fn singly(
    conn: &mut AsyncPgConnection,
    due: Due,
    now: OffsetDateTime,
    (rules, resting): (&Rules, &mut Resting),
) -> Result<Swept, LedgerError> {
    let mut all = Swept::default();
    for (subject, due) in due.split() {
        let one = conn.transaction(async |conn| again(conn, &due, now, rules).await).await;
        resting.note(&mut all, subject, one, now)?;
    }
    Ok(all)
}

/// Derives these states anew.
pub(super) async fn again(
    conn: &mut AsyncPgConnection,
    due: &Due,
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Swept, LedgerError> {
    let mut numbers: BTreeSet<String> = due.numbers.keys().cloned().collect();
    let written: Vec<String> = due
        .subscriptions
        .iter()
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(no, _)| no.clone())
        .collect();
    if !written.is_empty() {
        numbers.extend(NumbersOf { numbers: &written }.load::<String>(conn).await?);
    }
    let order_nos: Vec<String> = numbers.iter().cloned().collect();
    let books = load::states(conn, numbers, due.subscriptions.keys().cloned().collect()).await?;
    let changes = refold(books, now, rules);
    write::changes(conn, &changes, now).await?;
    Announced { order_nos: &order_nos }.execute(conn).await?;
    let (number_ids, subscription_ids) = (ids(&due.numbers), ids(&due.subscriptions));
    if !number_ids.is_empty() {
        SeenNumbers { ids: &number_ids }.execute(conn).await?;
    }
    if !subscription_ids.is_empty() {
        let later = now + LOOK_AGAIN;
        SeenSubscriptions { ids: &subscription_ids, later: &later }.execute(conn).await?;
    }
    Expired { order_nos: &order_nos, now: &now }.execute(conn).await?;
    events::append(conn, &changes.announcements, now).await?;
    let listed = number_ids.len() + subscription_ids.len();
    Ok(Swept { subjects: changes.subjects() + listed, refused: vec![] })
}

fn ids(due: &BTreeMap<String, Vec<i64>>) -> Vec<i64> {
    due.values().flatten().copied().collect()
}

impl Due {
    /// One number.
    pub(super) fn number(number: &str) -> Self {
        Self { numbers: BTreeMap::from([(number.to_owned(), vec![])]), ..Self::default() }
    }

    /// Each subject alone.
    fn split(self) -> Vec<((Kind, String), Self)> {
        let mut all = vec![];
        for (name, ids) in self.numbers {
            let numbers = BTreeMap::from([(name.clone(), ids)]);
            all.push(((Kind::Number, name), Self { numbers, ..Self::default() }));
        }
        for (name, ids) in self.subscriptions {
            let subscriptions = BTreeMap::from([(name.clone(), ids)]);
            all.push(((Kind::Subscription, name), Self { subscriptions, ..Self::default() }));
        }
        all
    }

    async fn find(
        conn: &mut AsyncPgConnection,
        now: OffsetDateTime,
        limit: i64,
        resting: &Resting,
    ) -> Result<Self, LedgerError> {
        let number = |name: &String| !resting.has(Kind::Number, name);
        let subscription = |name: &String| !resting.has(Kind::Subscription, name);
        let mut pages = Pages::of(limit);
        let waiting = loop {
            let due = DueOrders { now: &now, over: &now, limit: &limit, skipped: &pages.skipped };
            if let Some(found) = pages.turn(due.load(conn).await?, number) {
                break found;
            }
        };
        let mut pages = Pages::of(limit);
        let listed = loop {
            let due = DueNumbers { now: &now, limit: &limit, skipped: &pages.skipped };
            if let Some(found) = pages.turn(due.load(conn).await?, |(_, name)| number(name)) {
                break found;
            }
        };
        let mut pages = Pages::of(limit);
        let written = loop {
            let due = DueSubscriptions { now: &now, limit: &limit, skipped: &pages.skipped };
            if let Some(found) = pages.turn(due.load(conn).await?, |(_, name)| subscription(name)) {
                break found;
            }
        };
        let mut pages = Pages::of(limit);
        let run_out = loop {
            let due = RunOut { now: &now, limit: &limit, skipped: &pages.skipped };
            if let Some(found) = pages.turn(due.load(conn).await?, subscription) {
                break found;
            }
        };
        Ok(Self { numbers: by_name(waiting, listed), subscriptions: by_name(run_out, written) })
    }
}

/// Names that are due, with their entries if a list has them.
fn by_name(due: Vec<String>, listed: Vec<(i64, String)>) -> BTreeMap<String, Vec<i64>> {
    let mut names: BTreeMap<String, Vec<i64>> =
        due.into_iter().map(|name| (name, vec![])).collect();
    for (id, name) in listed {
        names.entry(name).or_default().push(id);
    }
    names
}
