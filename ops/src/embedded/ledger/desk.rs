//! What people do about cases, and one case with everything about it.

use std::collections::BTreeSet;

use diesel::prelude::*;
use shared::rules::Rules;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::PaymentKey;
use worker::decide::resolve::Ruling;
use worker::ledger::records::{
    Act, CaseAct, CaseActed, CaseFile, CaseRecord, EVIDENCE_MAX, EvidenceRecord, NOTES_MAX,
    NoteRecord, ResolutionRecord,
};

use super::fault::Result;
use super::notifications::about::{Row, about};
use super::{cases, load, sweep, write};
use crate::embedded::schema::cases as table;
use crate::embedded::schema::{case_notes, case_resolutions, payments};
use crate::embedded::values::{self, currency, instant, micros, uuid};

/// Does it, and notes who did it and why, or neither.
pub(super) fn act(
    connection: &mut SqliteConnection,
    id: Uuid,
    (act, by): (&CaseAct, &Act),
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<CaseActed> {
    let Some(found) = cases::one(connection, id)? else { return Ok(CaseActed::NotFound) };
    let refused = match act {
        CaseAct::Resolve { verdict, saw_minor } => {
            resolved(connection, &found, &by.ruling(*verdict, *saw_minor), now, rules)?
        }
        CaseAct::Acknowledge | CaseAct::Assign { .. } | CaseAct::Note { .. } => {
            marked(connection, &found, (act, by), now)?
        }
    };
    if let Some(refused) = refused {
        return Ok(refused);
    }
    sweep::note(connection, by, now)?;
    Ok(cases::one(connection, id)?.map_or(CaseActed::NotFound, CaseActed::Done))
}

/// What changes no money. Answers why it was refused.
fn marked(
    connection: &mut SqliteConnection,
    found: &CaseRecord,
    (act, by): (&CaseAct, &Act),
    now: OffsetDateTime,
) -> Result<Option<CaseActed>> {
    let id = found.id.to_string();
    let open = || diesel::update(table::table.find(&id)).filter(table::status.ne("resolved"));
    let acknowledged = table::status.eq("acknowledged");
    let marked = match act {
        CaseAct::Acknowledge => open().set(acknowledged).execute(connection)?,
        CaseAct::Assign { owner } => {
            open().set((acknowledged, table::owner.eq(owner))).execute(connection)?
        }
        CaseAct::Note { text } => {
            let notes = case_notes::table.filter(case_notes::case_id.eq(&id)).count();
            if notes.get_result::<i64>(connection)? >= NOTES_MAX {
                return Ok(Some(CaseActed::TooManyNotes));
            }
            diesel::insert_into(case_notes::table)
                .values((
                    case_notes::case_id.eq(&id),
                    case_notes::at.eq(micros(now)),
                    case_notes::actor.eq(&by.actor),
                    case_notes::text.eq(text),
                ))
                .execute(connection)?
        }
        CaseAct::Resolve { .. } => 1,
    };
    Ok((marked == 0).then(|| CaseActed::Closed(found.clone())))
}

/// Answers why it was refused.
fn resolved(
    connection: &mut SqliteConnection,
    found: &CaseRecord,
    ruling: &Ruling,
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Option<CaseActed>> {
    let numbers = BTreeSet::from([found.order_number.clone()]);
    let books = load::states(connection, numbers, BTreeSet::new())?;
    let changes = match found.ruled(books, ruling, now, rules) {
        Ok(changes) => changes,
        Err(refused) => return Ok(Some(*refused)),
    };
    write::changes(connection, &changes, now)?;
    Ok(None)
}

pub(super) fn file(connection: &mut SqliteConnection, id: Uuid) -> Result<Option<CaseFile>> {
    let Some(case) = cases::one(connection, id)? else { return Ok(None) };
    Ok(Some(CaseFile {
        resolutions: resolutions(connection, id)?,
        notes: notes(connection, id)?,
        evidence: evidence(connection, &case)?,
        case,
    }))
}

fn resolutions(connection: &mut SqliteConnection, id: Uuid) -> Result<Vec<ResolutionRecord>> {
    type Row = (String, i64, String, String, String, i64);
    let rows: Vec<Row> = case_resolutions::table
        .filter(case_resolutions::case_id.eq(id.to_string()))
        .order(case_resolutions::id)
        .select((
            case_resolutions::verdict,
            case_resolutions::amount,
            case_resolutions::currency,
            case_resolutions::actor,
            case_resolutions::reason,
            case_resolutions::at,
        ))
        .load(connection)?;
    let record = |(verdict, amount, letters, actor, reason, at): Row| {
        let (currency, at) = (currency(&letters)?, instant(at)?);
        Ok(ResolutionRecord { verdict, amount, currency, actor, reason, at })
    };
    Ok(rows.into_iter().map(record).collect::<values::Result<_>>()?)
}

fn notes(connection: &mut SqliteConnection, id: Uuid) -> Result<Vec<NoteRecord>> {
    let rows: Vec<(String, String, i64)> = case_notes::table
        .filter(case_notes::case_id.eq(id.to_string()))
        .order(case_notes::id)
        .select((case_notes::actor, case_notes::text, case_notes::at))
        .load(connection)?;
    let record = |(actor, text, at)| Ok(NoteRecord { actor, text, at: instant(at)? });
    Ok(rows.into_iter().map(record).collect::<values::Result<_>>()?)
}

/// Under any number of the order, and what is found by its transactions alone.
fn evidence(connection: &mut SqliteConnection, case: &CaseRecord) -> Result<Vec<EvidenceRecord>> {
    let mut numbers = cases::numbers_beside(connection, &case.order_number)?;
    numbers.push(case.order_number.clone());
    let payment = case.payment();
    if let Some(PaymentKey { account, transaction }) = &payment {
        let paid = payments::table.find((account, transaction)).select(payments::order_number);
        numbers.extend(paid.first(connection).optional()?);
    }
    let mut rows = about(connection, &numbers, payment.as_ref(), EVIDENCE_MAX)?;
    rows.reverse();
    let record = |row: Row| {
        let (message_id, received_at) = (uuid(&row.message_id)?, instant(row.received_at)?);
        let Row { account, kind, identity, transaction, outcome, .. } = row;
        Ok(EvidenceRecord {
            message_id,
            account,
            kind,
            identity,
            transaction,
            received_at,
            outcome,
        })
    };
    Ok(rows.into_iter().map(record).collect::<values::Result<_>>()?)
}
