//! When each key last verified something.

use diesel::sql_types::{Array, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;

use crate::ledger::LedgerError;
use crate::ledger::keys::KeyUse;

statement!(
    /// A row that another transaction holds is skipped: that one tells of the same minute.
    Tell {
        accounts: Array<Text> = [String],
        keys: Array<Text> = [String],
        used: Array<Timestamptz> = [OffsetDateTime],
    } -> () = "
    with used as (
        select t.* from unnest(?::text[], ?::text[], ?::timestamptz[]) as t (a, k, at)
    ), due as (
        select account, key, used.at
        from used join keys on account = used.a and key = used.k
        where last_used_at < used.at - interval '1 minute'
        order by account, key for update of keys skip locked
    ), told as (
        update keys set last_used_at = due.at from due
        where keys.account = due.account and keys.key = due.key
    )
    insert into keys (account, key, last_used_at)
    select a, k, at from used
    where not exists (select from keys where account = used.a and key = used.k)
    order by a, k
    on conflict do nothing"
);

statement!(
    List {} -> (Text, Text, Timestamptz) = "
    select account, key, last_used_at from keys order by account, key"
);

/// Tells of uses, which stand sorted.
pub(super) async fn record(
    conn: &mut AsyncPgConnection,
    uses: &[KeyUse],
) -> Result<(), LedgerError> {
    if uses.is_empty() {
        return Ok(());
    }
    let accounts: Vec<_> = uses.iter().map(|one| one.account.clone()).collect();
    let keys: Vec<_> = uses.iter().map(|one| one.key.clone()).collect();
    let used: Vec<_> = uses.iter().map(|one| one.last_used_at).collect();
    Tell { accounts: &accounts, keys: &keys, used: &used }.execute(conn).await?;
    Ok(())
}

pub(super) async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<KeyUse>, LedgerError> {
    let rows: Vec<(String, String, OffsetDateTime)> = List.load(conn).await?;
    let of = |(account, key, last_used_at)| KeyUse { account, key, last_used_at };
    Ok(rows.into_iter().map(of).collect())
}
