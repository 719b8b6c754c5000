//! Dead letters: recorded with their bodies, groups and receipts in one transaction.
//!
//! Locks are taken in the order groups, letters, receipts; each kind sorted by its key.

use std::collections::{BTreeSet, HashMap};

use diesel::sql_types::{
    Array, BigInt, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;

use self::groups::Held;
use super::{bodies, erasure, receipts};
use crate::ledger::LedgerError;
use crate::ledger::dead_letters::letter::{Death, Letter};
use crate::ledger::dead_letters::{Burial, LetterState};
use crate::ledger::erasure::Part;

pub(super) mod act;
mod again;
pub(super) mod end;
mod groups;
pub(super) mod list;
pub(super) mod port;

statement!(
    Known { identities: Array<Bytea> = [Vec<u8>] } -> (Bytea, SqlUuid, Text) = "
    select d.identity, d.id, d.state from unnest(?::bytea[]) as t (i)
        join dead_letters d on d.identity = t.i
    order by d.identity for update of d"
);

statement!(
    /// Another morgue may have recorded one meanwhile: those that are answered are new.
    Insert {
        ids: Array<SqlUuid> = [Uuid],
        identities: Array<Bytea> = [Vec<u8>],
        messages: Array<Text> = [String],
        providers: Array<Text> = [String],
        accounts: Array<Nullable<Text>> = [Option<String>],
        orders: Array<Nullable<Text>> = [Option<String>],
        amounts: Array<Nullable<BigInt>> = [Option<i64>],
        currencies: Array<Nullable<Text>> = [Option<String>],
        groups: Array<SqlUuid> = [Uuid],
        received: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        epochs: Array<Nullable<SqlUuid>> = [Option<Uuid>],
        seqs: Array<Nullable<BigInt>> = [Option<i64>],
        parcels: Array<Text> = [String],
        now: Timestamptz = OffsetDateTime,
    } -> (SqlUuid) = "
    insert into dead_letters
        (id, identity, message_id, provider, account, order_number, amount, currency, group_id,
         received_at, epoch, seq, parcel, buried_at)
    select t.*, clock.at
    from unnest(?::uuid[], ?::bytea[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[],
                ?::text[], ?::uuid[], ?::timestamptz[], ?::uuid[], ?::bigint[], ?::text[])
             as t (i, d, m, p, a, o, n, c, g, r, e, s, h),
         (select ?::timestamptz) as clock (at)
    order by d
    on conflict (identity) do nothing
    returning id"
);

statement!(
    Fail {
        letters: Array<SqlUuid> = [Uuid],
        groups: Array<SqlUuid> = [Uuid],
        causes: Array<Text> = [String],
        attempts: Array<Integer> = [i32],
        first: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        last: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        workers: Array<Nullable<Text>> = [Option<String>],
        items: Array<Nullable<SqlUuid>> = [Option<Uuid>],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into dead_letter_failures
        (letter_id, group_id, cause, attempts, first_failed_at, last_failed_at, worker, item,
         n, buried_at)
    select t.*, 1 + (select count(*) from dead_letter_failures f where f.letter_id = t.l), clock.at
    from unnest(?::uuid[], ?::uuid[], ?::text[], ?::int[], ?::timestamptz[], ?::timestamptz[],
                ?::text[], ?::uuid[]) as t (l, g, c, a, f, s, w, i),
         (select ?::timestamptz) as clock (at)"
);

statement!(
    PartsOf {
        letters: Array<SqlUuid> = [Uuid],
        parts: Array<Integer> = [i32],
        accounts: Array<Text> = [String],
        orders: Array<Nullable<Text>> = [Option<String>],
        transactions: Array<Nullable<Text>> = [Option<String>],
        agreements: Array<Nullable<Text>> = [Option<String>],
        subscriptions: Array<Nullable<Text>> = [Option<String>],
    } -> () = "
    insert into dead_letter_parts
        (letter_id, part, account, order_number, transaction, agreement, subscription_no)
    select t.* from unnest(?::uuid[], ?::int[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[]) as t"
);

/// By identity: id and state.
type KnownLetters = HashMap<Vec<u8>, (Uuid, Option<LetterState>)>;

/// One failure to be written.
struct Failed<'a> {
    letter: Uuid,
    group: Uuid,
    death: &'a Death,
}

pub(super) async fn bury(
    conn: &mut AsyncPgConnection,
    letters: &[Letter],
    now: OffsetDateTime,
    kept: &Bodies,
) -> Result<Vec<Burial>, LedgerError> {
    if letters.is_empty() {
        return Ok(vec![]);
    }
    conn.transaction(async |conn| {
        // Whoever erases sees a letter with all its parts, or not at all.
        erasure::gate::pass(conn).await?;
        let groups = groups::hold(conn, letters, now).await?;
        let known = known(conn, letters).await?;
        let mut seen = BTreeSet::new();
        let fresh: Vec<&Letter> = letters
            .iter()
            .filter(|letter| {
                !known.contains_key(&letter.identity[..]) && seen.insert(letter.identity)
            })
            .collect();
        let new: BTreeSet<Uuid> = insert(conn, &fresh, &groups, now).await?;
        let new: Vec<&Letter> = fresh.into_iter().filter(|one| new.contains(&one.id)).collect();
        record_parts(conn, &new).await?;
        record_bodies(conn, &new, kept, now).await?;
        let again = again::died(conn, letters, &known, now).await?;
        let died = new.iter().map(|one| (one.id, *one)).chain(again.iter().copied());
        let failed: Vec<Failed<'_>> =
            died.clone().filter_map(|(id, one)| failed(id, &one.death, &groups)).collect();
        again::reopen(conn, &failed).await?;
        record_failures(conn, &failed, &groups, now).await?;
        receipts::bury(conn, died.filter_map(|(_, letter)| letter.number), now).await?;
        let mut ids: BTreeSet<Uuid> = new.iter().map(|letter| letter.id).collect();
        let mut items: BTreeSet<Uuid> =
            again.iter().filter_map(|(_, letter)| letter.death.item).collect();
        // The same letter may stand in the batch twice.
        let mut burial = |letter: &Letter| match letter.death.item {
            _ if ids.remove(&letter.id) => Burial::New,
            Some(item) if items.remove(&item) => Burial::Again,
            Some(_) | None => Burial::Known,
        };
        Ok(letters.iter().map(&mut burial).collect())
    })
    .await
}

async fn known(
    conn: &mut AsyncPgConnection,
    letters: &[Letter],
) -> Result<KnownLetters, LedgerError> {
    let identities: Vec<Vec<u8>> = letters.iter().map(|letter| letter.identity.to_vec()).collect();
    let rows: Vec<(Vec<u8>, Uuid, String)> = Known { identities: &identities }.load(conn).await?;
    let known = |(identity, id, state): (Vec<u8>, Uuid, String)| {
        (identity, (id, LetterState::from_word(&state)))
    };
    Ok(rows.into_iter().map(known).collect())
}

async fn insert(
    conn: &mut AsyncPgConnection,
    letters: &[&Letter],
    groups: &Held,
    now: OffsetDateTime,
) -> Result<BTreeSet<Uuid>, LedgerError> {
    fn each<T>(letters: &[&Letter], of: impl Fn(&Letter) -> T) -> Vec<T> {
        letters.iter().map(|letter| of(letter)).collect()
    }
    let group = |letter: &Letter| {
        groups.get(&letter.death.fingerprint[..]).map(|(id, _)| *id).unwrap_or_default()
    };
    let parcels: Result<Vec<String>, _> =
        letters.iter().map(|letter| serde_json::to_string(&letter.envelope)).collect();
    let insert = Insert {
        ids: &each(letters, |letter| letter.id),
        identities: &each(letters, |letter| letter.identity.to_vec()),
        messages: &each(letters, |letter| letter.message_id.clone()),
        providers: &each(letters, |letter| letter.provider.clone()),
        accounts: &each(letters, |letter| letter.account.clone()),
        orders: &each(letters, |letter| letter.order_number().map(ToOwned::to_owned)),
        amounts: &each(letters, |letter| letter.money.map(|money| money.minor)),
        currencies: &each(letters, |letter| {
            letter.money.map(|money| money.currency.as_str().to_owned())
        }),
        groups: &each(letters, group),
        received: &each(letters, |letter| letter.received_at),
        epochs: &each(letters, |letter| letter.number.map(|number| number.epoch)),
        seqs: &each(letters, |letter| letter.number.map(|number| number.seq)),
        parcels: &parcels.map_err(|error| LedgerError::Fault(error.to_string()))?,
        now: &now,
    };
    let new: Vec<Uuid> = insert.load(conn).await?;
    Ok(new.into_iter().collect())
}

async fn record_parts(
    conn: &mut AsyncPgConnection,
    letters: &[&Letter],
) -> Result<(), LedgerError> {
    let (mut ids, mut places, mut accounts) = (vec![], vec![], vec![]);
    let (mut orders, mut transactions) = (vec![], vec![]);
    let (mut agreements, mut subscriptions) = (vec![], vec![]);
    for letter in letters {
        for (place, part) in (0..).zip(&letter.parts) {
            // Which subscription a payment extends is found when it is settled.
            let Part { account, order_number, transaction, agreement, subscription_no, .. } =
                part.clone();
            ids.push(letter.id);
            places.push(place);
            accounts.push(account);
            orders.push(order_number);
            transactions.push(transaction);
            agreements.push(agreement);
            subscriptions.push(subscription_no);
        }
    }
    let parts = PartsOf {
        letters: &ids,
        parts: &places,
        accounts: &accounts,
        orders: &orders,
        transactions: &transactions,
        agreements: &agreements,
        subscriptions: &subscriptions,
    };
    parts.execute(conn).await?;
    Ok(())
}

/// Under the letters' own ids, whatever was erased: as long as a letter stands, its money facts may stand
/// nowhere else. It loses its body when it ends.
async fn record_bodies(
    conn: &mut AsyncPgConnection,
    letters: &[&Letter],
    kept: &Bodies,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let mut arrivals = vec![];
    for letter in letters {
        arrivals.push((letter.id, letter.provider.as_str(), &letter.body[..], &letter.parts[..]));
    }
    bodies::keep(conn, &arrivals, (&BTreeSet::new(), kept), now).await
}

fn failed<'a>(letter: Uuid, death: &'a Death, groups: &Held) -> Option<Failed<'a>> {
    let (group, _) = groups.get(&death.fingerprint[..])?;
    Some(Failed { letter, group: *group, death })
}

/// Writes the failures, and what they do to their groups.
async fn record_failures(
    conn: &mut AsyncPgConnection,
    failed: &[Failed<'_>],
    groups: &Held,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    if failed.is_empty() {
        return Ok(());
    }
    fn each<T>(failed: &[Failed<'_>], of: impl Fn(&Failed<'_>) -> T) -> Vec<T> {
        failed.iter().map(of).collect()
    }
    let fail = Fail {
        letters: &each(failed, |one| one.letter),
        groups: &each(failed, |one| one.group),
        causes: &each(failed, |one| one.death.cause.clone()),
        attempts: &each(failed, |one| i32::try_from(one.death.attempts).unwrap_or(i32::MAX)),
        first: &each(failed, |one| one.death.first_failed_at),
        last: &each(failed, |one| one.death.last_failed_at),
        workers: &each(failed, |one| one.death.worker.clone()),
        items: &each(failed, |one| one.death.item),
        now: &now,
    };
    fail.execute(conn).await?;
    let touched = failed.iter().map(|one| one.group).collect();
    groups::touch(conn, groups, &touched, now).await
}
