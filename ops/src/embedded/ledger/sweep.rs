//! What time and the shop bring about: orders that appear, deadlines that pass, cancels.

use diesel::prelude::*;
use shared::order::OrderStatus;
use shared::rules::Rules;
use time::OffsetDateTime;
use worker::decide::fold::refold;
use worker::ledger::records::{Act, Cancelled};
use worker::ledger::resting::Resting;
use worker::ledger::{LedgerError, Swept};

use self::due::{Due, due};
use super::fault::{Fault, Result};
use super::{load, write};
use crate::embedded::schema::{audit, number_changes, orders, subscription_changes};
use crate::embedded::store::Store;
use crate::embedded::values::{micros, word};

mod due;

/// Looks first, and takes the write lock only when something is due.
pub(super) fn sweep(
    store: &Store,
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    limit: i64,
    (rules, resting): (&Rules, &mut Resting),
) -> Result<Swept> {
    resting.wake(now);
    let due = due(connection, now, limit, resting)?;
    if due.is_empty() {
        return Ok(resting.beside(Swept::default()));
    }
    let together = store.write(connection, |connection| again(connection, due.clone(), now, rules));
    match together.map_err(LedgerError::from) {
        Ok(swept) => Ok(resting.beside(swept)),
        // One by one, so that only the guilty one is left as it is.
        Err(LedgerError::Refused(_) | LedgerError::Fault(_)) => {
            let mut all = Swept::default();
            for (subject, due) in due.split(connection)? {
                let one = store.write(connection, |connection| again(connection, due, now, rules));
                let one = one.map_err(LedgerError::from);
                resting.note(&mut all, subject, one, now).map_err(Fault::Told)?;
            }
            Ok(resting.beside(all))
        }
        Err(error @ (LedgerError::Conflict(_) | LedgerError::Unreachable(_))) => {
            Err(Fault::Told(error))
        }
    }
}

/// Cancels, announces it, and notes who did it and why.
pub(super) fn cancel(
    connection: &mut SqliteConnection,
    order_no: &str,
    (actor, reason): (&str, &str),
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Cancelled> {
    // A payment that arrived before its order, and was not joined yet, counts as paid.
    again(connection, Due::number(order_no), now, rules)?;
    let order = orders::table.find(order_no).select((orders::status, orders::cancelled_at));
    let found: Option<(String, Option<i64>)> = order.first(connection).optional()?;
    let Some((status, cancelled_at)) = found else { return Ok(Cancelled::NotFound) };
    match word("status", &status, OrderStatus::from_word)? {
        OrderStatus::Pending if cancelled_at.is_none() => (),
        OrderStatus::Pending | OrderStatus::Cancelled => return Ok(Cancelled::Already),
        status @ (OrderStatus::Paid | OrderStatus::PartiallyRefunded | OrderStatus::Refunded) => {
            return Ok(Cancelled::Paid(status));
        }
    }
    diesel::update(orders::table.find(order_no))
        .set(orders::cancelled_at.eq(micros(now)))
        .execute(connection)?;
    let act = Act {
        actor: actor.to_owned(),
        action: "order.cancel".to_owned(),
        subject: format!("order/{order_no}"),
        reason: reason.to_owned(),
    };
    note(connection, &act, now)?;
    again(connection, Due::number(order_no), now, rules)?;
    Ok(Cancelled::Done)
}

/// Notes who did what, and why.
pub(super) fn note(
    connection: &mut SqliteConnection,
    act: &Act,
    now: OffsetDateTime,
) -> Result<()> {
    diesel::insert_into(audit::table)
        .values((
            audit::at.eq(micros(now)),
            audit::actor.eq(&act.actor),
            audit::action.eq(&act.action),
            audit::subject.eq(&act.subject),
            audit::reason.eq(&act.reason),
        ))
        .execute(connection)?;
    Ok(())
}

/// Derives these states anew.
fn again(
    connection: &mut SqliteConnection,
    due: Due,
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Swept> {
    let changes = refold(load::states(connection, due.numbers, due.subscriptions)?, now, rules);
    write::changes(connection, &changes, now)?;
    let numbers = number_changes::table.filter(number_changes::number.eq_any(&due.listed_numbers));
    let mut listed = diesel::delete(numbers).execute(connection)?;
    let written = subscription_changes::subscription_no.eq_any(&due.listed_subscriptions);
    let written = subscription_changes::table.filter(written);
    listed += diesel::delete(written).execute(connection)?;
    Ok(Swept { subjects: changes.subjects() + listed, refused: vec![] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::connection::SimpleConnection as _;
    use worker::ledger::{Bucket, Session as _};

    use crate::embedded::ledger::trial::{NOW, PATIENCE, Trial, order, paid};

    async fn swept(trial: &mut Trial, now: OffsetDateTime) -> usize {
        trial.session.sweep(now, 100).await.unwrap().subjects
    }

    #[tokio::test]
    async fn a_payment_waits_for_its_order_and_joins_it() {
        let mut trial = Trial::new().await;
        assert_eq!(trial.tell("n1", paid("A", "T1")).await, Bucket::Waiting);
        assert_eq!(swept(&mut trial, NOW).await, 0);
        assert_eq!(trial.session.balance().await.unwrap().in_flight, 1);
        trial.import(order("A")).await;
        assert_eq!(swept(&mut trial, NOW).await, 1);
        assert_eq!(trial.order("A").await.summary.status, OrderStatus::Paid);
        assert_eq!(trial.announced("A").await, ["order.paid.v1"]);
        let balance = trial.session.balance().await.unwrap();
        assert_eq!((balance.settled, balance.in_flight), (1, 0));
        assert_eq!(swept(&mut trial, NOW + PATIENCE).await, 0);
    }

    #[tokio::test]
    async fn a_later_notification_that_finds_the_order_settles_those_that_waited() {
        let mut trial = Trial::new().await;
        trial.tell("n1", paid("A", "T1")).await;
        trial.import(order("A")).await;
        assert_eq!(trial.tell("n2", paid("A", "T2")).await, Bucket::Case);
        assert_eq!(swept(&mut trial, NOW).await, 0);
        let balance = trial.session.balance().await.unwrap();
        assert_eq!((balance.accepted, balance.case, balance.in_flight), (2, 2, 0));
    }

    #[tokio::test]
    async fn a_deadline_opens_a_case_and_the_order_closes_it() {
        let mut trial = Trial::new().await;
        trial.tell("n1", paid("A", "T1")).await;
        let later = NOW + PATIENCE;
        assert_eq!(swept(&mut trial, later).await, 1);
        assert_eq!(trial.publish_all().await, ["case.opened.v1"]);
        assert_eq!(trial.session.balance().await.unwrap().case, 1);
        assert_eq!(swept(&mut trial, later).await, 0);

        trial.import(order("A")).await;
        assert_eq!(swept(&mut trial, later).await, 1);
        let shown = trial.order("A").await;
        assert_eq!(shown.summary.status, OrderStatus::Paid);
        assert_eq!(
            (shown.cases[0].kind.as_str(), shown.cases[0].status.as_str()),
            ("unknown_order", "resolved")
        );
        let types = trial.announced("A").await;
        assert_eq!(types, ["case.opened.v1", "order.paid.v1", "case.resolved.v1"]);
    }

    #[tokio::test]
    async fn a_sweep_does_no_more_than_its_limit() {
        let mut trial = Trial::new().await;
        for number in ["A", "B", "C"] {
            trial.tell(number, paid(number, number)).await;
            trial.import(order(number)).await;
        }
        assert_eq!(trial.session.sweep(NOW, 2).await.unwrap().subjects, 2);
        assert_eq!(trial.session.sweep(NOW, 2).await.unwrap().subjects, 1);
    }

    #[tokio::test]
    async fn a_cancel_is_done_once_and_refused_once_paid() {
        let mut trial = Trial::with_order("A").await;
        trial.import(order("B")).await;
        trial.tell("n1", paid("B", "T1")).await;
        let session = &mut trial.session;
        assert_eq!(session.cancel("A", "sold out", "me", NOW).await, Ok(Cancelled::Done));
        assert_eq!(session.cancel("A", "sold out", "me", NOW).await, Ok(Cancelled::Already));
        let paid_status = Cancelled::Paid(OrderStatus::Paid);
        assert_eq!(session.cancel("B", "sold out", "me", NOW).await, Ok(paid_status));
        assert_eq!(session.cancel("C", "sold out", "me", NOW).await, Ok(Cancelled::NotFound));
        assert_eq!(trial.announced("A").await, ["order.cancelled.v1"]);
        assert_eq!(trial.tell("n2", paid("A", "T2")).await, Bucket::Case);
        assert_eq!(trial.order("A").await.cases[0].kind, "paid_after_cancel");
    }

    #[tokio::test]
    async fn a_cancel_by_sql_is_announced_and_a_status_by_sql_is_refused() {
        let mut trial = Trial::with_order("A").await;
        let path = trial.embedded.store.path().to_str().unwrap().to_owned();
        // A connection as any other program has it.
        let mut other = SqliteConnection::establish(&path).unwrap();
        other.batch_execute("pragma busy_timeout = 5000").unwrap();
        for refused in [
            "update orders set status = 'paid'",
            "update orders set paid_amount = 1",
            "insert into orders (order_no, amount, currency, status) values ('P', 1, 'CNY', 'paid')",
            "insert into orders (order_no, amount, currency) values ('N', 0, 'CNY')",
            "insert into orders (order_no, amount, currency) values ('N', 1, 'cny')",
        ] {
            assert!(other.batch_execute(refused).is_err(), "{refused}");
        }
        other.batch_execute("update orders set cancelled_at = 1, expires_at = 2").unwrap();
        let insert = "insert into orders (order_no, amount, currency) values ('B', 1000, 'CNY')";
        other.batch_execute(insert).unwrap();
        assert_eq!(swept(&mut trial, NOW).await, 1);
        assert_eq!(trial.announced("A").await, ["order.cancelled.v1"]);
        assert_eq!(trial.tell("n1", paid("B", "T1")).await, Bucket::Settled);
        for refused in ["update orders set amount = 5", "update orders set cancelled_at = null"] {
            assert!(other.batch_execute(refused).is_err(), "{refused}");
        }
    }
}
