//! Erasing: tombstones first, then what lies under them.
//!
//! **Invariant**: whoever records bodies has read `tombstones` in the same transaction, and whoever
//! erases waits for all of those: no body slips past a tombstone.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{Array, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{
    AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _,
};
use shared::secret::bodies::{Bodies, Kept};
use shared::secret::envelope::WrappedKey;
use time::OffsetDateTime;
use uuid::Uuid;

use super::dead_letters::end;
use super::{bodies, orders};
use crate::ledger::LedgerError;
use crate::ledger::erasure::{
    Erased, Fate, Hash, Part, erased, fate, order_hash, transaction_hash,
};
use crate::ledger::records::Act;

statement!(
    /// The order's lock stands first, as when its payments are settled.
    Order { number: Text = str } -> (Text) = "
    select o.order_no from orders o join order_numbers n on n.order_no = o.order_no
    where n.number = ? for update of o"
);

statement!(
    Numbers { order_nos: Array<Text> = [String] } -> (Text) = "
    select number from order_numbers where order_no = any(?::text[]) order by number"
);

statement!(
    Transactions { numbers: Array<Text> = [String] } -> (Text, Text) = "
    select distinct account, transaction from (
        select p.account, p.transaction from unnest(?::text[]) as t (n)
            join payments p on p.order_number = t.n
    ) as known order by account, transaction"
);

statement!(
    /// Every part of every request about these numbers or transactions, and of every dead letter about
    /// these numbers.
    Parts {
        numbers: Array<Text> = [String],
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
    } -> (SqlUuid, Integer, Text, Text, Nullable<Text>, Nullable<Text>) = "
    with asked as (select unnest(?::text[]) as number),
    about as (
        select n.message_id from asked join notifications n on n.order_number = asked.number
        union
        select l.message_id from unnest(?::text[], ?::text[]) as t (a, x)
            join loose_notifications l on l.account = t.a and l.transaction = t.x
    ), dead as (
        select distinct p.letter_id from asked
            join dead_letter_parts p on p.order_number = asked.number
    )
    select n.message_id, n.part, n.account, n.provider, n.order_number, n.transaction
    from about join notifications n on n.message_id = about.message_id
    union all
    select p.letter_id, p.part, p.account, d.provider, p.order_number, p.transaction
    from dead join dead_letter_parts p on p.letter_id = dead.letter_id
        join dead_letters d on d.id = p.letter_id
    order by 1, 2"
);

statement!(
    Found { hashes: Array<Bytea> = [Vec<u8>] } -> (Bytea) = "
    select hash from tombstones where hash = any(?::bytea[])"
);

statement!(
    Bury { hashes: Array<Bytea> = [Vec<u8>], kinds: Array<Text> = [String], now: Timestamptz = OffsetDateTime } -> () = "
    insert into tombstones (hash, kind, erased_at)
    select t.h, t.k, clock.at from unnest(?::bytea[], ?::text[]) as t (h, k),
        (select ?::timestamptz) as clock (at)
    order by h on conflict do nothing"
);

statement!(
    Stored { messages: Array<SqlUuid> = [Uuid] } -> (
        SqlUuid, Nullable<Text>, Nullable<Bytea>, Bytea
    ) = "
    select b.message_id, b.key_id, b.wrapped, b.body from unnest(?::uuid[]) as t (m)
        join bodies b on b.message_id = t.m order by b.message_id for update of b"
);

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
    HasMetadata { order_nos: Array<Text> = [String] } -> (Text) = "
    select order_no from orders where order_no = any(?::text[]) and metadata is not null"
);

statement!(
    Forget { order_nos: Array<Text> = [String] } -> () = "
    update orders set metadata = null where order_no = any(?::text[])"
);

/// A request: its provider and its parts, in their order.
type Requests = BTreeMap<Uuid, (String, Vec<Part>)>;

pub(super) async fn erase(
    conn: &mut AsyncPgConnection,
    number: &str,
    act: Option<&Act>,
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<Option<Erased>, LedgerError> {
    conn.transaction(async |conn| {
        let order_nos: Vec<String> = Order { number }.load(conn).await?;
        let mut numbers: Vec<String> = Numbers { order_nos: &order_nos }.load(conn).await?;
        if numbers.is_empty() {
            numbers.push(number.to_owned());
        }
        if act.is_some() {
            conn.batch_execute("lock table tombstones in access exclusive mode").await?;
        }
        let transactions: Vec<(String, String)> =
            Transactions { numbers: &numbers }.load(conn).await?;
        let requests = requests(conn, &numbers, &transactions).await?;
        if order_nos.is_empty() && transactions.is_empty() && requests.is_empty() {
            return Ok(None);
        }
        let mut hashes: BTreeMap<Hash, &str> = BTreeMap::new();
        hashes.extend(numbers.iter().map(|number| (order_hash(number), "order")));
        let of =
            |(account, one): &(String, String)| (transaction_hash(account, one), "transaction");
        hashes.extend(transactions.iter().map(of));
        let mut found = tombstones(conn, requests.values().flat_map(|(_, parts)| parts)).await?;
        found.extend(hashes.keys().copied());
        let fates = fates(conn, &requests, &found, kept).await?;
        let metadata: Vec<String> = HasMetadata { order_nos: &order_nos }.load(conn).await?;
        if let Some(act) = act {
            bury(conn, &hashes, now).await?;
            apply(conn, &fates, kept, now).await?;
            Forget { order_nos: &metadata }.execute(conn).await?;
            orders::note(conn, act, now).await?;
        }
        let destroyed = fates.iter().filter(|(_, fate)| *fate == Fate::Destroy).count();
        let redacted = fates.len() - destroyed;
        let (transactions, metadata) = (transactions.len(), metadata.len());
        Ok(Some(Erased { numbers, transactions, destroyed, redacted, metadata }))
    })
    .await
}

/// The tombstones over these parts. Reading them holds off whoever erases until the transaction ends.
pub(super) async fn tombstones(
    conn: &mut AsyncPgConnection,
    parts: impl Iterator<Item = &Part>,
) -> Result<BTreeSet<Hash>, LedgerError> {
    let hashes: BTreeSet<Vec<u8>> = parts.flat_map(Part::hashes).map(Vec::from).collect();
    let hashes: Vec<Vec<u8>> = hashes.into_iter().collect();
    let found: Vec<Vec<u8>> = Found { hashes: &hashes }.load(conn).await?;
    Ok(found.into_iter().filter_map(|hash| hash.try_into().ok()).collect())
}

/// Notes that these messages never had a body here.
pub(super) async fn strip(
    conn: &mut AsyncPgConnection,
    messages: &[Uuid],
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    if !messages.is_empty() {
        Strip { messages, now: &now }.execute(conn).await?;
        end::bare(conn, messages).await?;
    }
    Ok(())
}

statement!(
    Strip { messages: Array<SqlUuid> = [Uuid], now: Timestamptz = OffsetDateTime } -> () = "
    insert into removed_bodies (message_id, removed_at, reason)
    select t.m, clock.at, 'erased'
    from unnest(?::uuid[]) as t (m), (select ?::timestamptz) as clock (at)
    order by m on conflict do nothing"
);

async fn requests(
    conn: &mut AsyncPgConnection,
    numbers: &[String],
    transactions: &[(String, String)],
) -> Result<Requests, LedgerError> {
    type Row = (Uuid, i32, String, String, Option<String>, Option<String>);
    let (accounts, transactions): (Vec<_>, Vec<_>) = transactions.iter().cloned().unzip();
    let parts = Parts { numbers, accounts: &accounts, transactions: &transactions };
    let rows: Vec<Row> = parts.load(conn).await?;
    let mut requests = Requests::new();
    for (message, _, account, provider, order_number, transaction) in rows {
        let request = requests.entry(message).or_insert_with(|| (provider, vec![]));
        request.1.push(Part { account, order_number, transaction });
    }
    Ok(requests)
}

/// What becomes of each body that is still there.
async fn fates(
    conn: &mut AsyncPgConnection,
    requests: &Requests,
    tombstones: &BTreeSet<Hash>,
    kept: &Bodies,
) -> Result<Vec<(Uuid, Fate)>, LedgerError> {
    type Row = (Uuid, Option<String>, Option<Vec<u8>>, Vec<u8>);
    let messages: Vec<Uuid> = requests.keys().copied().collect();
    bodies::former::adopt(conn, &messages).await?;
    let rows: Vec<Row> = Stored { messages: &messages }.load(conn).await?;
    let mut fates = vec![];
    for (message, key_id, wrapped, body) in rows {
        let Some((provider, parts)) = requests.get(&message) else { continue };
        let erased = erased(parts, tombstones);
        // Only what is shared needs to be opened.
        let body = if erased.len() < parts.len() {
            let wrapped = key_id.zip(wrapped).map(|(key_id, bytes)| WrappedKey { key_id, bytes });
            kept.open(message, Kept { wrapped, body }).map_err(|_| LedgerError::shared_body())?
        } else {
            vec![]
        };
        match fate(provider, &body, parts.len(), &erased) {
            Fate::Keep => {}
            // It was redacted before.
            Fate::Redact(left) if left == body => {}
            fate @ (Fate::Redact(_) | Fate::Destroy) => fates.push((message, fate)),
        }
    }
    Ok(fates)
}

async fn bury(
    conn: &mut AsyncPgConnection,
    hashes: &BTreeMap<Hash, &str>,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let kinds: Vec<String> = hashes.values().map(|kind| (*kind).to_owned()).collect();
    let hashes: Vec<Vec<u8>> = hashes.keys().map(|hash| hash.to_vec()).collect();
    Bury { hashes: &hashes, kinds: &kinds, now: &now }.execute(conn).await?;
    Ok(())
}

async fn apply(
    conn: &mut AsyncPgConnection,
    fates: &[(Uuid, Fate)],
    kept: &Bodies,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let mut gone = vec![];
    for (message, fate) in fates {
        match fate {
            Fate::Keep => {}
            Fate::Destroy => gone.push(*message),
            Fate::Redact(left) => {
                let Kept { wrapped, body } = kept.keep(*message, left)?;
                let (key, wrapped) = wrapped.map(|key| (key.key_id, key.bytes)).unzip();
                let redact =
                    Redact { key: &key, wrapped: &wrapped, body: &body, now: &now, message };
                redact.execute(conn).await?;
            }
        }
    }
    if !gone.is_empty() {
        Destroy { messages: &gone, now: &now }.execute(conn).await?;
        end::bare(conn, &gone).await?;
    }
    Ok(())
}
