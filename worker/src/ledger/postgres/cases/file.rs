//! One case with everything about it.

use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::case;
use crate::ledger::LedgerError;
use crate::ledger::records::{
    CaseFile, CaseRecord, EVIDENCE_MAX, EvidenceRecord, NoteRecord, ResolutionRecord,
};

statement!(
    Said { id: SqlUuid = Uuid } -> (Text, BigInt, Text, Text, Text, Timestamptz) = "
    select verdict, amount, currency, actor, reason, at from case_resolutions where case_id = ? order by id"
);

statement!(
    Notes { id: SqlUuid = Uuid } -> (Text, Text, Timestamptz) = "
    select actor, text, at from case_notes where case_id = ? order by id"
);

statement!(
    /// Under any number of the order, and what is found by its transactions alone.
    Evidence {
        number: Text = str,
        account: Nullable<Text> = Option<String>,
        transaction: Nullable<Text> = Option<String>,
        limit: BigInt = i64,
    } -> (SqlUuid, Text, Text, Text, Nullable<Text>, Timestamptz, Text) = "
    with wanted as (select ?::text as number, ?::text as account, ?::text as transaction),
    numbers as (
        select b.number from wanted join order_numbers a on a.number = wanted.number
            join order_numbers b using (order_no)
        union
        select number from wanted
        union
        select p.order_number from wanted join payments p using (account, transaction)
    ),
    transactions as (
        select account, transaction from wanted where transaction is not null
        union
        select p.account, p.transaction from numbers join payments p on p.order_number = numbers.number
        where (select transaction is null from wanted)
    ),
    found as (
        select n.message_id, n.part
        from wanted, numbers join notifications n on n.order_number = numbers.number
        where n.transaction is not null
          and (wanted.transaction is null
               or n.transaction = wanted.transaction and n.account = wanted.account)
        union
        select message_id, part from transactions join loose_notifications using (account, transaction)
    )
    select n.message_id, n.account, n.kind, n.identity, n.transaction, n.received_at, n.outcome
    from found join notifications n using (message_id, part)
    order by n.received_at desc, n.message_id, n.part limit ?"
);

pub(in crate::ledger::postgres) async fn file(
    conn: &mut AsyncPgConnection,
    id: Uuid,
) -> Result<Option<CaseFile>, LedgerError> {
    let Some(case) = case(conn, id).await? else { return Ok(None) };
    let notes: Vec<(String, String, OffsetDateTime)> = Notes { id: &id }.load(conn).await?;
    let note = |(actor, text, at)| NoteRecord { actor, text, at };
    Ok(Some(CaseFile {
        resolutions: resolutions(conn, id).await?,
        notes: notes.into_iter().map(note).collect(),
        evidence: evidence(conn, &case).await?,
        case,
    }))
}

async fn resolutions(
    conn: &mut AsyncPgConnection,
    id: Uuid,
) -> Result<Vec<ResolutionRecord>, LedgerError> {
    type Row = (String, i64, String, String, String, OffsetDateTime);
    let rows: Vec<Row> = Said { id: &id }.load(conn).await?;
    let record = |(verdict, amount, currency, actor, reason, at): Row| {
        let currency =
            currency.parse().map_err(|_| LedgerError::Fault("an unknown currency".to_owned()))?;
        Ok(ResolutionRecord { verdict, amount, currency, actor, reason, at })
    };
    rows.into_iter().map(record).collect()
}

async fn evidence(
    conn: &mut AsyncPgConnection,
    case: &CaseRecord,
) -> Result<Vec<EvidenceRecord>, LedgerError> {
    type Row = (Uuid, String, String, String, Option<String>, OffsetDateTime, String);
    let evidence = Evidence {
        number: &case.order_number,
        account: &case.account,
        transaction: &case.transaction,
        limit: &EVIDENCE_MAX,
    };
    let mut rows: Vec<Row> = evidence.load(conn).await?;
    rows.reverse();
    let record = |(message_id, account, kind, identity, transaction, received_at, outcome): Row| {
        EvidenceRecord { message_id, account, kind, identity, transaction, received_at, outcome }
    };
    Ok(rows.into_iter().map(record).collect())
}
