//! Dead letters about what is erased: found, and stripped when they end.

use diesel::sql_types::{Array, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::Bodies;
use time::OffsetDateTime;
use uuid::Uuid;

use super::requests::Asked;
use super::{apply, requests, tombstones};
use crate::ledger::LedgerError;
use crate::ledger::dead_letters::LetterState;
use crate::ledger::erasure::{Fates, Part, Request, Requests};

statement!(
    /// By what could be read of them; else by their messages, which were recorded when they were replayed.
    About {
        numbers: Array<Text> = [String],
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        parties: Array<Text> = [String],
        agreements: Array<Text> = [String],
        subscriptions: Array<Text> = [String],
        messages: Array<Text> = [String],
    } -> (SqlUuid) = "
    with asked as (select unnest(?::text[]) as number),
    money as (select * from unnest(?::text[], ?::text[]) as t (account, transaction)),
    agreed as (select * from unnest(?::text[], ?::text[]) as t (account, agreement)),
    signed as (select unnest(?::text[]) as number),
    told as (select unnest(?::text[]) as message)
    select p.letter_id from asked join dead_letter_parts p on p.order_number = asked.number
    union
    select p.letter_id from money join dead_letter_parts p using (account, transaction)
    union
    select p.letter_id from agreed join dead_letter_parts p using (account, agreement)
    union
    select p.letter_id from signed join dead_letter_parts p on p.subscription_no = signed.number
    union
    select d.id from told join dead_letters d on d.message_id = told.message"
);

statement!(
    /// Every part of these letters; of one that nobody could read when it was buried, its message's. What is no
    /// message's id of ours is not read as one. The shop's number that it repeats counts only where settling
    /// would bind the agreement to it, or does not know better.
    Parts { letters: Array<SqlUuid> = [Uuid] } -> (
        SqlUuid, Integer, Text, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, Text
    ) = "
    with asked as (
        select d.id, d.provider, d.state,
               case when d.message_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    then d.message_id::uuid end as message
        from unnest(?::uuid[]) as t (l) join dead_letters d on d.id = t.l
    )
    select d.id, p.part, p.account, d.provider, p.order_number, p.transaction, p.agreement,
           case when p.subscription_no = coalesce(
                   (select s.subscription_no from subscriptions s
                    where s.account = p.account and s.agreement_no = p.agreement),
                   (select c.subscription_no from agreement_changes c
                    where c.account = p.account and c.agreement = p.agreement
                      and c.what = 'signed' and c.subscription_no <> ''
                    order by c.occurred_at desc, c.subscription_no desc limit 1),
                   p.subscription_no)
                and not exists (select from subscriptions s
                                where s.subscription_no = p.subscription_no and s.account <> p.account)
                then p.subscription_no end,
           d.state
    from asked d join dead_letter_parts p on p.letter_id = d.id
    union all
    select d.id, n.part, n.account, d.provider, n.order_number, n.transaction, g.agreement, null, d.state
    from asked d join notifications n on n.message_id = d.message
        left join agreement_notifications g on g.message_id = n.message_id and g.part = n.part
    where not exists (select from dead_letter_parts p where p.letter_id = d.id)
    order by 1, 2"
);

type PartRow = (
    Uuid,
    i32,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
);

/// Those that are about it, or whose messages are.
pub(super) async fn about(
    conn: &mut AsyncPgConnection,
    asked: &Asked,
    told: &Requests,
) -> Result<Requests, LedgerError> {
    let messages: Vec<String> = told.keys().map(Uuid::to_string).collect();
    let about = About {
        numbers: &asked.numbers,
        accounts: &asked.accounts,
        transactions: &asked.transactions,
        parties: &asked.parties,
        agreements: &asked.agreements,
        subscriptions: &asked.subscriptions,
        messages: &messages,
    };
    let letters: Vec<Uuid> = about.load(conn).await?;
    of(conn, &letters).await
}

async fn of(conn: &mut AsyncPgConnection, letters: &[Uuid]) -> Result<Requests, LedgerError> {
    let rows: Vec<PartRow> = Parts { letters }.load(conn).await?;
    let mut requests = Requests::new();
    for row in rows {
        let (letter, _, account, provider, order_number, transaction, ..) = row;
        let (.., agreement, subscription_no, state) = row;
        let extends = None;
        let part = Part { account, order_number, transaction, agreement, subscription_no, extends };
        let letter_state = LetterState::from_word(&state);
        let new = || Request { provider, parts: vec![], letter: letter_state };
        requests.entry(letter).or_insert_with(new).parts.push(part);
    }
    Ok(requests)
}

/// Strips those of these letters that lie under a tombstone: nobody replays them any more. The caller holds
/// their bodies, then them.
pub(in crate::ledger::postgres) async fn end(
    conn: &mut AsyncPgConnection,
    letters: &[Uuid],
    kept: &Bodies,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    if letters.is_empty() {
        return Ok(());
    }
    let requests = of(conn, letters).await?;
    let parts: Vec<&Part> = requests.values().flat_map(|request| &request.parts).collect();
    let tombstones = tombstones::over(conn, &parts, now).await?;
    let mut fates = Fates::default();
    for (letter, stored) in requests::stored(conn, &requests).await? {
        let Some(request) = requests.get(&letter) else { continue };
        fates.end((letter, request), &tombstones, || kept.open(letter, stored).ok());
    }
    apply(conn, &fates, kept, now).await
}
