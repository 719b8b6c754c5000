//! The groups of failures while letters are recorded: held, and told of what died.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::sql_types::{Array, Bytea, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::dead_letters::fingerprint::Fingerprint;
use crate::ledger::dead_letters::group::GroupStatus;
use crate::ledger::dead_letters::letter::Letter;

statement!(
    /// Each group's row is held, whether it was there or not.
    Groups {
        ids: Array<SqlUuid> = [Uuid],
        fingerprints: Array<Bytea> = [Vec<u8>],
        stages: Array<Text> = [String],
        codes: Array<Text> = [String],
        providers: Array<Text> = [String],
        messages: Array<Text> = [String],
        now: Timestamptz = OffsetDateTime,
    } -> (Bytea, SqlUuid, Text) = "
    insert into failure_groups
        (id, fingerprint, stage, code, provider, message, first_seen_at, last_seen_at)
    select t.*, clock.at, clock.at
    from unnest(?::uuid[], ?::bytea[], ?::text[], ?::text[], ?::text[], ?::text[])
             as t (i, f, s, c, p, m),
         (select ?::timestamptz) as clock (at)
    order by f
    on conflict (fingerprint) do update set fingerprint = excluded.fingerprint
    returning fingerprint, id, status"
);

statement!(
    Touch {
        groups: Array<SqlUuid> = [Uuid],
        statuses: Array<Text> = [String],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    update failure_groups g set status = t.s, last_seen_at = greatest(g.last_seen_at, clock.at)
    from unnest(?::uuid[], ?::text[]) as t (i, s), (select ?::timestamptz) as clock (at)
    where g.id = t.i"
);

/// Known groups by their fingerprints: id and status.
pub(super) type Held = HashMap<Vec<u8>, (Uuid, GroupStatus)>;

pub(super) async fn hold(
    conn: &mut AsyncPgConnection,
    letters: &[Letter],
    now: OffsetDateTime,
) -> Result<Held, LedgerError> {
    let by_fingerprint: BTreeMap<Fingerprint, &Letter> =
        letters.iter().map(|letter| (letter.death.fingerprint, letter)).collect();
    let column = |of: fn(&Letter) -> &String| -> Vec<String> {
        by_fingerprint.values().map(|letter| of(letter).clone()).collect()
    };
    let ids: Vec<Uuid> = by_fingerprint.keys().map(|_| Uuid::now_v7()).collect();
    let fingerprints: Vec<Vec<u8>> = by_fingerprint.keys().map(|one| one.to_vec()).collect();
    let stages = column(|letter| &letter.death.stage);
    let codes = column(|letter| &letter.death.code);
    let providers = column(|letter| &letter.provider);
    let messages = column(|letter| &letter.death.cause);
    let groups = Groups {
        ids: &ids,
        fingerprints: &fingerprints,
        stages: &stages,
        codes: &codes,
        providers: &providers,
        messages: &messages,
        now: &now,
    };
    let rows: Vec<(Vec<u8>, Uuid, String)> = groups.load(conn).await?;
    let held = rows.into_iter().map(|(fingerprint, id, status)| {
        (fingerprint, (id, GroupStatus::from_word(&status).unwrap_or(GroupStatus::Open)))
    });
    Ok(held.collect())
}

/// One more failure for each of these.
pub(super) async fn touch(
    conn: &mut AsyncPgConnection,
    groups: &Held,
    touched: &BTreeSet<Uuid>,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let (ids, statuses): (Vec<Uuid>, Vec<String>) = groups
        .values()
        .filter(|(id, _)| touched.contains(id))
        .map(|(id, status)| (*id, status.after_failure().as_str().to_owned()))
        .unzip();
    Touch { groups: &ids, statuses: &statuses, now: &now }.execute(conn).await?;
    Ok(())
}
