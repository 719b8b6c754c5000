//! What the worker that runs the jobs writes: what it is about to publish, what was.

use diesel::sql_types::{Array, BigInt, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::bodies::{BodyRow, StoredBody};
use crate::ledger::replays::StoredLetter;

statement!(
    Stored { letters: Array<SqlUuid> = [Uuid] } -> (
        SqlUuid, Text, Nullable<Text>, Text, Nullable<Text>, Nullable<Bytea>, Nullable<Bytea>,
        Nullable<Timestamptz>
    ) = "
    select d.id, d.message_id, d.order_number, d.parcel, b.key_id, b.wrapped, b.body, b.redacted_at
    from unnest(?::uuid[]) as t (i) join dead_letters d on d.id = t.i
        left join bodies b on b.message_id = d.id
    order by d.id"
);

statement!(
    /// Written before they are published; what somebody was about to publish is published once more. Whoever
    /// holds the lease claims only after it has told what became of its last claim, so that may be itself.
    /// In this form each part goes by its index; as a join all that is pending would be sorted.
    Claim { job: SqlUuid = Uuid, holder: SqlUuid = Uuid, limit: BigInt = i64 } -> (SqlUuid, SqlUuid) = "
    with asked as (select ?::uuid as job, ?::uuid as holder, ?::bigint as most),
    held as (
        select j.id from asked
            join relays r on r.part = 1 and r.holder = asked.holder
            join replay_jobs j on j.id = asked.job and j.state = 'running'
    ), begun as (
        select i.id from replay_items i
        where i.job_id = (select id from held) and i.state = 'publishing'
        order by i.place limit (select most from asked) for update of i skip locked
    ), fresh as (
        select i.id from replay_items i
        where i.job_id = (select id from held) and i.state = 'pending'
        order by i.place limit (select most from asked) - (select count(*) from begun)
        for update of i skip locked
    )
    update replay_items i
    set state = 'publishing', publishes = i.publishes + 1, holder = asked.holder
    from asked where i.id = any (array(select id from begun union all select id from fresh))
    returning i.id, i.letter_id"
);

statement!(
    /// What another holder has claimed meanwhile is that one's. What nobody has is known best by whoever sent
    /// it, also when its lease ran out while it waited for the confirms.
    Mark { state: Text = str, holder: SqlUuid = Uuid, items: Array<SqlUuid> = [Uuid] } -> () = "
    update replay_items i set state = told.state
    from (select ?::text as state, ?::uuid as holder) as told, unnest(?::uuid[]) as t (i)
    where i.id = t.i and i.state = 'publishing' and i.holder = told.holder"
);

statement!(
    Skip {
        holder: SqlUuid = Uuid,
        now: Timestamptz = OffsetDateTime,
        items: Array<SqlUuid> = [Uuid],
    } -> () = "
    with skipped as (
        update replay_items i set state = 'done', outcome = 'skipped', decided_at = told.at
        from (select ?::uuid as holder, ?::timestamptz as at) as told, unnest(?::uuid[]) as t (i)
        where i.id = t.i and i.state = 'publishing' and i.holder = told.holder
        returning i.letter_id
    )
    update dead_letters d set state = 'open' from skipped
    where d.id = skipped.letter_id and d.state = 'replaying'"
);

statement!(
    Finish {
        halted: Nullable<Text> = Option<String>,
        now: Timestamptz = OffsetDateTime,
        job: SqlUuid = Uuid,
        holder: SqlUuid = Uuid,
    } -> () = "
    update replay_jobs j
    set state = case when t.halted is null then 'completed' else 'halted' end,
        halted = coalesce(t.halted, j.halted),
        ended_at = case when t.halted is null then t.at end
    from (select ?::text as halted, ?::timestamptz as at, ?::uuid as id, ?::uuid as holder) as t
        join relays r on r.part = 1 and r.holder = t.holder
    where j.id = t.id and j.state = 'running'"
);

type StoredRow = (
    Uuid,
    String,
    Option<String>,
    String,
    Option<String>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<OffsetDateTime>,
);

pub(super) async fn stored(
    conn: &mut AsyncPgConnection,
    letters: &[Uuid],
    bodies: &Bodies,
) -> Result<Vec<StoredLetter>, LedgerError> {
    let rows: Vec<StoredRow> = Stored { letters }.load(conn).await?;
    let mut stored = vec![];
    for (letter, message_id, order_number, parcel, key_id, wrapped, body, redacted_at) in rows {
        let row: Option<BodyRow> = body.map(|body| (key_id, wrapped, body, redacted_at));
        let envelope = serde_json::from_str(&parcel)
            .map_err(|_| LedgerError::Fault("a parcel that no version of ours wrote".to_owned()))?;
        let body = StoredBody::of(letter, row, None, bodies);
        stored.push(StoredLetter { letter, message_id, order_number, envelope, body });
    }
    Ok(stored)
}

pub(super) async fn claim(
    conn: &mut AsyncPgConnection,
    (job, holder): (Uuid, Uuid),
    limit: i64,
    bodies: &Bodies,
) -> Result<Vec<(Uuid, StoredLetter)>, LedgerError> {
    let claimed: Vec<(Uuid, Uuid)> =
        Claim { job: &job, holder: &holder, limit: &limit }.load(conn).await?;
    let letters: Vec<Uuid> = claimed.iter().map(|(_, letter)| *letter).collect();
    let stored = stored(conn, &letters, bodies).await?;
    let of = |(item, letter): (Uuid, Uuid)| {
        stored.iter().find(|one| one.letter == letter).map(|one| (item, one.clone()))
    };
    Ok(claimed.into_iter().filter_map(of).collect())
}

pub(super) async fn published(
    conn: &mut AsyncPgConnection,
    holder: Uuid,
    confirmed: &[Uuid],
    back: &[Uuid],
) -> Result<(), LedgerError> {
    for (items, state) in [(confirmed, "published"), (back, "pending")] {
        if !items.is_empty() {
            Mark { state, holder: &holder, items }.execute(conn).await?;
        }
    }
    Ok(())
}

pub(super) async fn skip(
    conn: &mut AsyncPgConnection,
    holder: Uuid,
    items: &[Uuid],
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    Skip { holder: &holder, now: &now, items }.execute(conn).await?;
    Ok(())
}

pub(super) async fn finish(
    conn: &mut AsyncPgConnection,
    (job, holder): (Uuid, Uuid),
    halted: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let halted = halted.map(ToOwned::to_owned);
    Finish { halted: &halted, now: &now, job: &job, holder: &holder }.execute(conn).await?;
    Ok(())
}
