//! What touched an order: notifications, acts, announcements.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::event::CaseSnapshot;
use time::OffsetDateTime;
use uuid::Uuid;

use super::show;
use crate::ledger::LedgerError;
use crate::ledger::records::{Acted, Announced, Heard, TRAIL_MAX, Trail};

mod letters;

statement!(
    Notifications { numbers: Array<Text> = [String], limit: BigInt = i64 }
    -> (SqlUuid, Text, Text, Text, Nullable<Text>, Text, Timestamptz) = "
    with numbers as (select unnest(?::text[]) as number),
    found as (
        select n.message_id, n.part from numbers join notifications n on n.order_number = numbers.number
        union
        select l.message_id, l.part from numbers join payments p on p.order_number = numbers.number
            join loose_notifications l using (account, transaction)
    )
    select message_id, account, provider, kind, transaction, outcome, received_at
    from found join notifications n using (message_id, part)
    order by received_at desc, message_id, part limit ?"
);

statement!(
    Acts { subjects: Array<Text> = [String], limit: BigInt = i64 }
    -> (Timestamptz, Text, Text, Text, Text) = "
    select at, actor, action, subject, reason from audit where subject = any(?::text[])
    order by id desc limit ?"
);

statement!(
    Events { subject: Text = str } -> (SqlUuid, Text, BigInt, Timestamptz, Bool, Text) = "
    select e.id, e.type, e.sequence, e.occurred_at, o.place is null, e.body
    from events e left join outbox o using (subject, sequence)
    where e.subject = ? order by e.sequence"
);

pub(in crate::ledger::postgres) async fn trail(
    conn: &mut AsyncPgConnection,
    number: &str,
) -> Result<Option<Trail>, LedgerError> {
    let mut snapshot = conn.build_transaction().repeatable_read().read_only();
    snapshot.run(async |conn| gathered(conn, number).await).await
}

async fn gathered(
    conn: &mut AsyncPgConnection,
    number: &str,
) -> Result<Option<Trail>, LedgerError> {
    let Some(order) = show::within(conn, number).await? else { return Ok(None) };
    type Notified = (Uuid, String, String, String, Option<String>, String, OffsetDateTime);
    let numbers = &order.numbers[..];
    let rows: Vec<Notified> = Notifications { numbers, limit: &TRAIL_MAX }.load(conn).await?;
    let heard = |row: Notified| {
        let (message_id, account, provider, kind, transaction, outcome, received_at) = row;
        Heard { message_id, account, provider, kind, transaction, outcome, received_at }
    };
    let notifications = rows.into_iter().map(heard).collect();
    type Noted = (OffsetDateTime, String, String, String, String);
    let subjects = Trail::subjects(&order);
    let rows: Vec<Noted> = Acts { subjects: &subjects, limit: &TRAIL_MAX }.load(conn).await?;
    let acted =
        |(at, actor, action, subject, reason): Noted| Acted { at, actor, action, subject, reason };
    let acts = rows.into_iter().map(acted).collect();
    type Told = (Uuid, String, i64, OffsetDateTime, bool, String);
    let rows: Vec<Told> = Events { subject: &subjects[0] }.load(conn).await?;
    let announced = |(id, r#type, sequence, occurred_at, published, body): Told| {
        let case = CaseSnapshot::parse(body.as_bytes());
        Announced { id, r#type, sequence, occurred_at, published, case }
    };
    let events = rows.into_iter().map(announced).collect();
    let (buried, replays) = letters::of(conn, numbers).await?;
    Ok(Some(Trail { notifications, acts, events, buried, replays, order }))
}
