//! What people do about cases: under the locks of what the case is about.

use std::collections::BTreeSet;

use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::rules::Rules;
use time::OffsetDateTime;
use uuid::Uuid;

use super::case;
use crate::decide::resolve::Ruling;
use crate::ledger::LedgerError;
use crate::ledger::postgres::{events, load, orders, write};
use crate::ledger::records::{Act, CaseAct, CaseActed, CaseRecord, NOTES_MAX};

statement!(
    Lock { id: SqlUuid = Uuid } -> (Text) = "
    select status from cases where id = ? for update"
);

statement!(
    Acknowledge { id: SqlUuid = Uuid } -> () = "
    update cases set status = 'acknowledged' where id = ? and status <> 'resolved'"
);

statement!(
    Assign { owner: Text = str, id: SqlUuid = Uuid } -> () = "
    update cases set owner = ?, status = 'acknowledged' where id = ? and status <> 'resolved'"
);

statement!(
    CountNotes { id: SqlUuid = Uuid } -> (BigInt) = "
    select count(*) from case_notes where case_id = ?"
);

statement!(
    AddNote {
        id: SqlUuid = Uuid,
        now: Timestamptz = OffsetDateTime,
        actor: Text = str,
        text: Text = str,
    } -> () = "
    insert into case_notes (case_id, at, actor, text) values (?, ?, ?, ?)"
);

/// Does it, and notes who did it and why, or neither.
pub(in crate::ledger::postgres) async fn act(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    (act, by): (&CaseAct, &Act),
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<CaseActed, LedgerError> {
    conn.transaction(async |conn| {
        let Some(found) = case(conn, id).await? else { return Ok(CaseActed::NotFound) };
        let refused = match act {
            CaseAct::Resolve { verdict, saw_minor } => {
                let ruling = by.ruling(*verdict, *saw_minor);
                resolved(conn, &found, &ruling, now, rules).await?
            }
            CaseAct::Acknowledge | CaseAct::Assign { .. } | CaseAct::Note { .. } => {
                marked(conn, id, (act, by), now).await?
            }
        };
        if let Some(refused) = refused {
            return Ok(refused);
        }
        orders::note(conn, by, now).await?;
        Ok(case(conn, id).await?.map_or(CaseActed::NotFound, CaseActed::Done))
    })
    .await
}

/// What changes no money. Answers why it was refused.
async fn marked(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    (act, by): (&CaseAct, &Act),
    now: OffsetDateTime,
) -> Result<Option<CaseActed>, LedgerError> {
    let _: Vec<String> = Lock { id: &id }.load(conn).await?;
    let marked = match act {
        CaseAct::Acknowledge => Acknowledge { id: &id }.execute(conn).await?,
        CaseAct::Assign { owner } => Assign { owner, id: &id }.execute(conn).await?,
        CaseAct::Note { text } => {
            let notes: Vec<i64> = CountNotes { id: &id }.load(conn).await?;
            if notes.iter().any(|count| *count >= NOTES_MAX) {
                return Ok(Some(CaseActed::TooManyNotes));
            }
            AddNote { id: &id, now: &now, actor: &by.actor, text }.execute(conn).await?
        }
        CaseAct::Resolve { .. } => 1,
    };
    if marked > 0 {
        return Ok(None);
    }
    Ok(case(conn, id).await?.map(CaseActed::Closed))
}

/// Answers why it was refused.
async fn resolved(
    conn: &mut AsyncPgConnection,
    found: &CaseRecord,
    ruling: &Ruling,
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Option<CaseActed>, LedgerError> {
    let numbers = BTreeSet::from([found.order_number.clone()]);
    let books = load::states(conn, numbers, BTreeSet::new()).await?;
    let changes = match found.ruled(books, ruling, now, rules) {
        Ok(changes) => changes,
        Err(refused) => return Ok(Some(*refused)),
    };
    write::changes(conn, &changes, now).await?;
    events::append(conn, &changes.announcements, now).await?;
    Ok(None)
}
