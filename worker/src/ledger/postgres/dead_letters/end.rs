//! Letters whose bodies ended: a stranger may have put anything into the headers, so they end too.

use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::dead_letters::letter::Envelope;

statement!(
    Parcels { letters: Array<SqlUuid> = [Uuid] } -> (SqlUuid, Text) = "
    select d.id, d.parcel from unnest(?::uuid[]) as t (l) join dead_letters d on d.id = t.l
    order by d.identity for update of d"
);

statement!(
    Bare { letters: Array<SqlUuid> = [Uuid], parcels: Array<Text> = [String] } -> () = "
    update dead_letters d set parcel = t.p
    from unnest(?::uuid[], ?::text[]) as t (l, p) where d.id = t.l"
);

/// Of these messages, whichever are letters.
pub(in crate::ledger::postgres) async fn bare(
    conn: &mut AsyncPgConnection,
    messages: &[Uuid],
) -> Result<(), LedgerError> {
    if messages.is_empty() {
        return Ok(());
    }
    let rows: Vec<(Uuid, String)> = Parcels { letters: messages }.load(conn).await?;
    let (mut letters, mut parcels) = (vec![], vec![]);
    for (letter, parcel) in rows {
        let fault = |error: serde_json::Error| LedgerError::Fault(error.to_string());
        let envelope: Envelope = serde_json::from_str(&parcel).map_err(fault)?;
        letters.push(letter);
        parcels.push(serde_json::to_string(&envelope.bare()).map_err(fault)?);
    }
    if !letters.is_empty() {
        Bare { letters: &letters, parcels: &parcels }.execute(conn).await?;
    }
    Ok(())
}
