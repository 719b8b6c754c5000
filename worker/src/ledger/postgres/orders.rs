//! Orders as a shop and people see them.

pub(super) mod import;
pub(super) mod show;
pub(super) mod trail;

use diesel::sql_types::{Bool, Text, Timestamptz};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::order::OrderStatus;
use shared::rules::Rules;
use time::OffsetDateTime;

use super::sweep::{self, Due};
use crate::ledger::LedgerError;
use crate::ledger::records::{Act, Cancelled};

statement!(
    Lock { order_no: Text = str } -> (Text, Bool) = "
    select status, cancelled_at is not null from orders where order_no = ? for update"
);

statement!(
    Cancel { now: Timestamptz = OffsetDateTime, order_no: Text = str } -> () = "
    update orders set cancelled_at = ? where order_no = ?"
);

statement!(
    Audit {
        now: Timestamptz = OffsetDateTime,
        actor: Text = str,
        action: Text = str,
        subject: Text = str,
        reason: Text = str,
    } -> () = "
    insert into audit (at, actor, action, subject, reason) values (?, ?, ?, ?, ?)"
);

/// Cancels under the order's lock, announces it, and notes who did it and why.
pub(super) async fn cancel(
    conn: &mut AsyncPgConnection,
    order_no: &str,
    (actor, reason): (&str, &str),
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Cancelled, LedgerError> {
    conn.transaction(async |conn| {
        // A payment that arrived before its order, and was not joined yet, counts as paid.
        sweep::again(conn, &Due::number(order_no), now, rules).await?;
        let rows: Vec<(String, bool)> = Lock { order_no }.load(conn).await?;
        let Some((status, cancelled)) = rows.into_iter().next() else {
            return Ok(Cancelled::NotFound);
        };
        match OrderStatus::from_word(&status) {
            Some(OrderStatus::Pending) if !cancelled => (),
            Some(OrderStatus::Pending | OrderStatus::Cancelled) => return Ok(Cancelled::Already),
            Some(
                status @ (OrderStatus::Paid
                | OrderStatus::PartiallyRefunded
                | OrderStatus::Refunded),
            ) => return Ok(Cancelled::Paid(status)),
            None => return Err(LedgerError::Fault("an unknown status".to_owned())),
        }
        Cancel { now: &now, order_no }.execute(conn).await?;
        let act = Act {
            actor: actor.to_owned(),
            action: "order.cancel".to_owned(),
            subject: format!("order/{order_no}"),
            reason: reason.to_owned(),
        };
        note(conn, &act, now).await?;
        sweep::again(conn, &Due::number(order_no), now, rules).await?;
        Ok(Cancelled::Done)
    })
    .await
}

/// Notes who did what, and why.
pub(super) async fn note(
    conn: &mut AsyncPgConnection,
    act: &Act,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let Act { actor, action, subject, reason } = act;
    Audit { now: &now, actor, action, subject, reason }.execute(conn).await?;
    Ok(())
}
