//! What touched an order: notifications, acts, announcements.

use diesel::prelude::*;
use shared::event::CaseSnapshot;
use worker::ledger::records::{Acted, Announced, Heard, TRAIL_MAX, Trail};

use super::fault::Result;
use super::notifications::about::{Row, about};
use super::show;
use crate::embedded::schema::{audit, events};
use crate::embedded::values::{self, instant, uuid};

pub(super) mod letters;

pub(super) fn trail(connection: &mut SqliteConnection, number: &str) -> Result<Option<Trail>> {
    let Some(order) = show::order(connection, number)? else { return Ok(None) };
    let subjects = Trail::subjects(&order);
    let letters = letters::of(connection, &order.numbers)?;
    Ok(Some(Trail {
        notifications: heard(connection, &order.numbers)?,
        acts: acted(connection, &subjects)?,
        events: announced(connection, &subjects[0])?,
        buried: letters::buried(connection, &letters)?,
        replays: letters::replays(connection, &letters)?,
        order,
    }))
}

fn heard(connection: &mut SqliteConnection, numbers: &[String]) -> Result<Vec<Heard>> {
    let heard = |row: Row| {
        let (message_id, received_at) = (uuid(&row.message_id)?, instant(row.received_at)?);
        let Row { account, provider, kind, transaction, outcome, .. } = row;
        Ok(Heard { message_id, account, provider, kind, transaction, outcome, received_at })
    };
    let rows = about(connection, numbers, None, TRAIL_MAX)?;
    Ok(rows.into_iter().map(heard).collect::<values::Result<_>>()?)
}

fn acted(connection: &mut SqliteConnection, subjects: &[String]) -> Result<Vec<Acted>> {
    type Row = (i64, String, String, String, String);
    let rows: Vec<Row> = audit::table
        .filter(audit::subject.eq_any(subjects))
        .order(audit::id.desc())
        .limit(TRAIL_MAX)
        .select((audit::at, audit::actor, audit::action, audit::subject, audit::reason))
        .load(connection)?;
    let acted = |(at, actor, action, subject, reason): Row| {
        Ok(Acted { at: instant(at)?, actor, action, subject, reason })
    };
    Ok(rows.into_iter().map(acted).collect::<values::Result<_>>()?)
}

fn announced(connection: &mut SqliteConnection, subject: &str) -> Result<Vec<Announced>> {
    type Row = (String, String, i64, i64, Option<i64>, String);
    let rows: Vec<Row> = events::table
        .filter(events::subject.eq(subject))
        .order(events::sequence)
        .select((
            events::id,
            events::kind,
            events::sequence,
            events::occurred_at,
            events::position,
            events::body,
        ))
        .load(connection)?;
    let announced = |(id, r#type, sequence, at, position, body): Row| {
        let (id, occurred_at) = (uuid(&id)?, instant(at)?);
        let (published, case) = (position.is_some(), CaseSnapshot::parse(body.as_bytes()));
        Ok(Announced { id, r#type, sequence, occurred_at, published, case })
    };
    Ok(rows.into_iter().map(announced).collect::<values::Result<_>>()?)
}
