//! Erasing: tombstones first, then what lies under them.
//!
//! **Invariant**: whoever records bodies, or ends a letter, has passed the gate and read `tombstones` in the same
//! transaction, and whoever erases closes the gate first: no body slips past a tombstone.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{Array, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::{Bodies, Kept};
use time::OffsetDateTime;
use uuid::Uuid;

use super::dead_letters::end;
use super::orders;
use crate::ledger::LedgerError;
use crate::ledger::erasure::{Erasure, Fates, Hash, Kind, Part, Ruling, Scope, Subject, spread};

pub(super) mod gate;
pub(super) mod letters;
mod requests;
mod scope;
pub(super) mod tombstones;

statement!(
    Destroy { messages: Array<SqlUuid> = [Uuid], now: Timestamptz = OffsetDateTime } -> () = "
    with gone as (
        delete from bodies b using unnest(?::uuid[]) as t (m) where b.message_id = t.m
        returning b.message_id
    )
    insert into removed_bodies (message_id, removed_at, reason)
    select message_id, ?, 'erased' from gone
    on conflict (message_id) do update set removed_at = excluded.removed_at, reason = 'erased'"
);

statement!(
    Redact {
        key: Nullable<Text> = Option<String>,
        wrapped: Nullable<Bytea> = Option<Vec<u8>>,
        body: Bytea = Vec<u8>,
        now: Timestamptz = OffsetDateTime,
        message: SqlUuid = Uuid,
    } -> () = "
    update bodies set key_id = ?, wrapped = ?, body = ?, redacted_at = ? where message_id = ?"
);

statement!(
    ForgetOrder { order_no: Text = str } -> () = "
    update orders set metadata = null where order_no = ?"
);

statement!(
    ForgetSubscription { number: Text = str } -> () = "
    update subscriptions set metadata = null where subscription_no = ?"
);

pub(super) async fn erase(
    conn: &mut AsyncPgConnection,
    erasure: &Erasure,
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<Option<Ruling>, LedgerError> {
    // They are only told of, so they need not be counted while nobody settles.
    let cases = scope::cases(conn, &erasure.subject).await?;
    conn.transaction(async |conn| {
        // Who only asks locks what is erased too, in this order.
        gate::close(conn).await?;
        scope::hold(conn, &erasure.subject).await?;
        let scope = Scope { cases, ..scope::of(conn, &erasure.subject).await? };
        let requests = requests::about(conn, &scope).await?;
        if scope.is_unknown() && requests.is_empty() {
            return Ok(None);
        }
        let parts: Vec<&Part> = requests.values().flat_map(|request| &request.parts).collect();
        let mut hashes: BTreeMap<Hash, Kind> = scope.tombstones().into_iter().collect();
        let mut found: BTreeSet<Hash> = tombstones::found(conn, &parts).await?;
        found.extend(hashes.keys());
        hashes.extend(spread(&parts, &mut found));
        let mut fates = requests::fates(conn, &requests, &found, kept).await?;
        if let Some(why) = fates.conclude(erasure) {
            return Ok(Some(Ruling::InTheWay(why)));
        }
        if let Some(act) = erasure.noted(&scope) {
            tombstones::bury(conn, &hashes, now).await?;
            apply(conn, &fates, kept, now).await?;
            forget(conn, &scope).await?;
            orders::note(conn, &act, now).await?;
        }
        Ok(Some(Ruling::Done(Box::new(scope.told(&fates)))))
    })
    .await
}

async fn apply(
    conn: &mut AsyncPgConnection,
    fates: &Fates,
    kept: &Bodies,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    for (message, left) in &fates.redacted {
        let Kept { wrapped, body } = kept.keep(*message, left)?;
        let (key, wrapped) = wrapped.map(|key| (key.key_id, key.bytes)).unzip();
        let redact = Redact { key: &key, wrapped: &wrapped, body: &body, now: &now, message };
        redact.execute(conn).await?;
    }
    if !fates.gone.is_empty() {
        Destroy { messages: &fates.gone, now: &now }.execute(conn).await?;
        end::bare(conn, &fates.gone).await?;
    }
    Ok(())
}

async fn forget(conn: &mut AsyncPgConnection, scope: &Scope) -> Result<(), LedgerError> {
    if scope.has_metadata {
        match &scope.subject {
            Subject::Order(order_no) => ForgetOrder { order_no }.execute(conn).await?,
            Subject::Subscription(number) => ForgetSubscription { number }.execute(conn).await?,
        };
    }
    Ok(())
}
