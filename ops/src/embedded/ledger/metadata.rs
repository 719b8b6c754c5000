//! What shops wrote beside their orders and subscriptions, emptied when its time is over.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use time::OffsetDateTime;

use super::fault::Result;
use crate::embedded::values::micros;

/// From when it was paid, else cancelled or ran out, else written.
const ORDERS: &str = "
    update orders set metadata = null where order_no in (
        select order_no from orders
        where metadata is not null and created_at < ?1
          and coalesce(paid_at, cancelled_at, expires_at, created_at) < ?1
        order by created_at limit ?2
    )";
/// From the end of what was paid, else from when it was written; one that goes on keeps it.
const SUBSCRIPTIONS: &str = "
    update subscriptions set metadata = null where subscription_no in (
        select subscription_no from subscriptions
        where metadata is not null and created_at < ?1
          and status in ('pending', 'ended', 'invalid')
          and coalesce(paid_through, created_at) < ?1
        order by created_at limit ?2
    )";

/// How many were emptied, at most `limit` of each.
pub(super) fn forget_some(
    connection: &mut SqliteConnection,
    oldest: OffsetDateTime,
    limit: i64,
) -> Result<usize> {
    let mut forgotten = 0;
    for statement in [ORDERS, SUBSCRIPTIONS] {
        forgotten += diesel::sql_query(statement)
            .bind::<BigInt, _>(micros(oldest))
            .bind::<BigInt, _>(limit)
            .execute(connection)?;
    }
    Ok(forgotten)
}
