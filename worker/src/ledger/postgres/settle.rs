//! A batch in one transaction: claim, load under locks, fold, write.

use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use shared::crash::{self, Point};
use shared::rules::Rules;
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;

use super::{bodies, events, keys, load, notifications, receipts, replays, write};
use crate::decide::fold::{Reading, fold};
use crate::ledger::keys::KeyUse;
use crate::ledger::{Bucket, LedgerError, Work};

pub(super) async fn settle(
    conn: &mut AsyncPgConnection,
    batch: &[Work],
    news: &[KeyUse],
    now: OffsetDateTime,
    by: (&Rules, &Bodies),
) -> Result<Vec<Bucket>, LedgerError> {
    conn.transaction(async |conn| within(conn, batch, news, now, by).await).await
}

/// The same, within the caller's transaction.
pub(super) async fn within(
    conn: &mut AsyncPgConnection,
    batch: &[Work],
    news: &[KeyUse],
    now: OffsetDateTime,
    (rules, kept): (&Rules, &Bodies),
) -> Result<Vec<Bucket>, LedgerError> {
    let readings: Vec<&Reading> = batch
        .iter()
        .filter_map(|work| match work {
            Work::Reading(reading) => Some(reading.as_ref()),
            Work::Statement(_) | Work::Fence(_) | Work::Deferred { .. } | Work::Buried { .. } => {
                None
            }
        })
        .collect();
    replays::hold(conn, batch).await?;
    let books = load::books(conn, &readings).await?;
    let changes = fold(books, &readings, now, rules);
    write::changes(conn, &changes, now).await?;
    bodies::record(conn, &readings, &changes, kept, now).await?;
    notifications::record(conn, &readings, &changes, now).await?;
    events::append(conn, &changes.announcements, now).await?;
    let buckets = crate::ledger::buckets(batch, &changes);
    replays::close(conn, batch, &buckets, now, kept).await?;
    receipts::record(conn, batch, &buckets, now).await?;
    keys::record(conn, news).await?;
    crash::at(Point::Settling);
    Ok(buckets)
}
