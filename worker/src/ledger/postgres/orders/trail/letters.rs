//! Messages about an order that died, and when they were sent again.

use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::records::{Buried, Replayed, TRAIL_MAX};

statement!(
    /// By the order's numbers, or by a transaction of it alone, as providers name it of refunds and disputes.
    Burials { numbers: Array<Text> = [String], limit: BigInt = i64 }
    -> (SqlUuid, Nullable<Text>, Text, Text, Text, Timestamptz) = "
    with numbers as (select unnest(?::text[]) as number),
    about as (
        select l.letter_id from numbers join dead_letter_parts l on l.order_number = numbers.number
        union
        select l.letter_id from numbers join payments p on p.order_number = numbers.number
            join dead_letter_parts l using (account, transaction)
    )
    select d.id, d.account, d.provider, g.stage, g.code, f.buried_at
    from about
    join dead_letters d on d.id = about.letter_id
    join dead_letter_failures f on f.letter_id = d.id
    join failure_groups g on g.id = f.group_id
    order by f.buried_at desc, d.id limit ?"
);

statement!(
    Replays { numbers: Array<Text> = [String], limit: BigInt = i64 }
    -> (SqlUuid, SqlUuid, Text, Timestamptz, Nullable<Text>) = "
    with numbers as (select unnest(?::text[]) as number),
    about as (
        select l.letter_id from numbers join dead_letter_parts l on l.order_number = numbers.number
        union
        select l.letter_id from numbers join payments p on p.order_number = numbers.number
            join dead_letter_parts l using (account, transaction)
    )
    select i.letter_id, i.job_id, coalesce(j.started_by, ''), coalesce(i.decided_at, j.started_at), i.outcome
    from about
    join replay_items i using (letter_id)
    join replay_jobs j on j.id = i.job_id
    where j.started_at is not null
    order by 4 desc, i.id limit ?"
);

pub(super) async fn of(
    conn: &mut AsyncPgConnection,
    numbers: &[String],
) -> Result<(Vec<Buried>, Vec<Replayed>), LedgerError> {
    let burials = Burials { numbers, limit: &TRAIL_MAX };
    type Burial = (Uuid, Option<String>, String, String, String, OffsetDateTime);
    let rows: Vec<Burial> = burials.load(conn).await?;
    let buried = |(letter, account, provider, stage, code, at): Burial| {
        let cause = format!("{stage}/{code}");
        Buried { letter, account, provider, cause, at }
    };
    let buried = rows.into_iter().map(buried).collect();
    let replays = Replays { numbers, limit: &TRAIL_MAX };
    let rows: Vec<(Uuid, Uuid, String, OffsetDateTime, Option<String>)> =
        replays.load(conn).await?;
    let replayed = |(letter, job, actor, at, outcome)| Replayed { letter, job, actor, at, outcome };
    Ok((buried, rows.into_iter().map(replayed).collect()))
}
