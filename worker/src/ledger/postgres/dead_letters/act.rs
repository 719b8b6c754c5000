//! Groups of failures, and what people do about them and about letters.

use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::dead_letters::group::{GroupAct, GroupRecord, GroupStatus, Stake};
use crate::ledger::dead_letters::{GroupActed, LetterAct};
use crate::ledger::postgres::{erasure, orders};
use crate::ledger::records::Act;

statement!(
    Groups { status: Nullable<Text> = Option<String>, only: Nullable<SqlUuid> = Option<Uuid> } -> (
        SqlUuid, Text, Text, Text, Text, Text, Nullable<Text>, Nullable<Text>, Timestamptz, Timestamptz,
        BigInt, BigInt, BigInt
    ) = "
    select g.id, g.status, g.stage, g.code, g.provider, g.message, g.owner, g.note, g.first_seen_at,
           g.last_seen_at, d.open, d.letters, d.orders
    from (select ?::text as status, ?::uuid as only) as asked, failure_groups g, lateral (
        select count(*) filter (where state in ('open', 'replaying')) as open, count(*) as letters,
               count(distinct order_number) filter (where state in ('open', 'replaying')) as orders
        from dead_letters where group_id = g.id
    ) as d
    where (asked.status is null or g.status = asked.status)
      and (asked.only is null or g.id = asked.only)"
);

statement!(
    Stakes { groups: Array<SqlUuid> = [Uuid] } -> (SqlUuid, Text, BigInt) = "
    select d.group_id, d.currency, least(sum(d.amount), 9223372036854775807)::bigint
    from unnest(?::uuid[]) as t (g) join dead_letters d on d.group_id = t.g and d.state in ('open', 'replaying')
    where d.currency is not null group by d.group_id, d.currency order by d.group_id, d.currency"
);

statement!(
    Hold { id: SqlUuid = Uuid } -> (Text) = "
    select status from failure_groups where id = ? for update"
);

statement!(
    Mark {
        status: Text = str,
        owner: Nullable<Text> = Option<String>,
        note: Nullable<Text> = Option<String>,
        id: SqlUuid = Uuid,
    } -> () = "
    update failure_groups g
    set status = t.status, owner = coalesce(t.owner, g.owner), note = coalesce(t.note, g.note)
    from (select ?::text as status, ?::text as owner, ?::text as note, ?::uuid as id) as t
    where g.id = t.id"
);

statement!(
    /// A letter that is discarded under a tombstone loses its body, which is locked first.
    HoldBodies { ids: Array<SqlUuid> = [Uuid] } -> (SqlUuid) = "
    select b.message_id from unnest(?::uuid[]) as t (i) join bodies b on b.message_id = t.i
    order by b.message_id for update of b"
);

statement!(
    HoldLetters { ids: Array<SqlUuid> = [Uuid], state: Text = str } -> (SqlUuid) = "
    select d.id from unnest(?::uuid[]) as t (i) join dead_letters d on d.id = t.i
    where d.state = ? order by d.identity for update of d"
);

statement!(
    Move { state: Text = str, ids: Array<SqlUuid> = [Uuid] } -> () = "
    update dead_letters d set state = s.state
    from (select ?::text as state) as s, unnest(?::uuid[]) as t (i) where d.id = t.i"
);

statement!(
    End {
        ids: Array<SqlUuid> = [Uuid],
        now: Timestamptz = OffsetDateTime,
        resolution: Text = str,
        actor: Text = str,
        reason: Text = str,
    } -> () = "
    insert into dead_letter_resolutions (letter_id, at, resolution, actor, reason)
    select t.i, w.* from unnest(?::uuid[]) as t (i),
        (select ?::timestamptz, ?::text, ?::text, ?::text) as w"
);

type Row = (
    Uuid,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    OffsetDateTime,
    OffsetDateTime,
    i64,
    i64,
    i64,
);

pub(in crate::ledger::postgres) async fn groups(
    conn: &mut AsyncPgConnection,
    status: Option<GroupStatus>,
) -> Result<Vec<GroupRecord>, LedgerError> {
    found(conn, status, None).await
}

/// Does it, and notes who did it and why, or neither.
pub(in crate::ledger::postgres) async fn group(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    (act, by): (&GroupAct, &Act),
    now: OffsetDateTime,
) -> Result<GroupActed, LedgerError> {
    conn.transaction(async |conn| {
        let held: Vec<String> = Hold { id: &id }.load(conn).await?;
        let status = held.into_iter().next().and_then(|word| GroupStatus::from_word(&word));
        let Some(status) = status else { return Ok(GroupActed::NotFound) };
        let (owner, note) = act.words();
        let mark = Mark { status: status.after(act).as_str(), owner: &owner, note: &note, id: &id };
        mark.execute(conn).await?;
        orders::note(conn, by, now).await?;
        let found = found(conn, None, Some(id)).await?.pop();
        Ok(found.map_or(GroupActed::NotFound, |group| GroupActed::Done(Box::new(group))))
    })
    .await
}

pub(in crate::ledger::postgres) async fn letters(
    conn: &mut AsyncPgConnection,
    ids: &[Uuid],
    (act, by): (LetterAct, &Act),
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<Vec<Uuid>, LedgerError> {
    let (from, to, resolution) = act.step();
    conn.transaction(async |conn| {
        erasure::gate::pass(conn).await?;
        let _: Vec<Uuid> = HoldBodies { ids }.load(conn).await?;
        let held: Vec<Uuid> = HoldLetters { ids, state: from.as_str() }.load(conn).await?;
        if held.is_empty() {
            return Ok(held);
        }
        Move { state: to.as_str(), ids: &held }.execute(conn).await?;
        let (actor, reason) = (by.actor.as_str(), by.reason.as_str());
        End { ids: &held, now: &now, resolution, actor, reason }.execute(conn).await?;
        match act {
            LetterAct::Discard => erasure::letters::end(conn, &held, kept, now).await?,
            LetterAct::Restore => {}
        }
        orders::note(conn, by, now).await?;
        Ok(held)
    })
    .await
}

async fn found(
    conn: &mut AsyncPgConnection,
    status: Option<GroupStatus>,
    only: Option<Uuid>,
) -> Result<Vec<GroupRecord>, LedgerError> {
    let status = status.map(|status| status.as_str().to_owned());
    let rows: Vec<Row> = Groups { status: &status, only: &only }.load(conn).await?;
    let mut groups = rows.into_iter().map(record).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<Uuid> = groups.iter().map(|group| group.id).collect();
    let stakes: Vec<(Uuid, String, i64)> = Stakes { groups: &ids }.load(conn).await?;
    for (id, currency, amount) in stakes {
        let Ok(currency) = currency.parse() else { continue };
        if let Some(group) = groups.iter_mut().find(|group| group.id == id) {
            group.at_stake.push(Stake { amount, currency });
        }
    }
    Ok(groups)
}

fn record(row: Row) -> Result<GroupRecord, LedgerError> {
    let (id, status, stage, code, provider, message, owner, note, ..) = row;
    let (.., first_seen_at, last_seen_at, open, letters, orders) = row;
    let status = GroupStatus::from_word(&status)
        .ok_or_else(|| LedgerError::Fault("an unknown status".to_owned()))?;
    Ok(GroupRecord {
        id,
        status,
        stage,
        code,
        provider,
        message,
        owner,
        note,
        first_seen_at,
        last_seen_at,
        open,
        letters,
        orders,
        at_stake: vec![],
    })
}
