//! What shops wrote beside their orders and subscriptions, emptied when its time is over.

use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;

use crate::ledger::LedgerError;

statement!(
    /// From when it was paid, else cancelled or ran out, else written.
    Orders { oldest: Timestamptz = OffsetDateTime, limit: BigInt = i64 } -> () = "
    with old as (
        select o.order_no from (select ?::timestamptz as oldest) as kept, orders o
        where o.metadata is not null and o.created_at < kept.oldest
          and coalesce(o.paid_at, o.cancelled_at, o.expires_at, o.created_at) < kept.oldest
        order by o.created_at limit ? for update of o skip locked
    )
    update orders o set metadata = null from old where o.order_no = old.order_no"
);

statement!(
    /// From the end of what was paid, else from when it was written; one that goes on keeps it.
    Subscriptions { oldest: Timestamptz = OffsetDateTime, limit: BigInt = i64 } -> () = "
    with old as (
        select s.subscription_no from (select ?::timestamptz as oldest) as kept, subscriptions s
        where s.metadata is not null and s.created_at < kept.oldest
          and s.status in ('pending', 'ended', 'invalid')
          and coalesce(s.paid_through, s.created_at) < kept.oldest
        order by s.created_at limit ? for update of s skip locked
    )
    update subscriptions s set metadata = null from old
    where s.subscription_no = old.subscription_no"
);

/// How many were emptied, at most `limit` of each.
pub(super) async fn forget_some(
    conn: &mut AsyncPgConnection,
    oldest: OffsetDateTime,
    limit: i64,
) -> Result<usize, LedgerError> {
    let orders = Orders { oldest: &oldest, limit: &limit }.execute(conn).await?;
    Ok(orders + Subscriptions { oldest: &oldest, limit: &limit }.execute(conn).await?)
}
