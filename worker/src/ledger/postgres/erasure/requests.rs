//! The requests and the dead letters that an erasure is about, and what becomes of their bodies.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, Bool, Bytea, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::{Bodies, Kept};
use shared::secret::envelope::WrappedKey;
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::ledger::erasure::{Fates, Hash, Part, Request, Requests, Scope, Subject};
use crate::ledger::postgres::bodies::former;

statement!(
    /// Every part of every request and of every dead letter about one of these: a charge's own are filed
    /// under the number of its payment.
    Parts {
        numbers: Array<Text> = [String],
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        parties: Array<Text> = [String],
        agreements: Array<Text> = [String],
        subscriptions: Array<Text> = [String],
    } -> (
        SqlUuid, Integer, Text, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, Bool
    ) = "
    with asked as (select unnest(?::text[]) as number),
    money as (select * from unnest(?::text[], ?::text[]) as t (account, transaction)),
    agreed as (select * from unnest(?::text[], ?::text[]) as t (account, agreement)),
    signed as (select unnest(?::text[]) as number),
    about as (
        select n.message_id from asked join notifications n on n.order_number = asked.number
        union
        select n.message_id from money m
            join payments p on p.account = m.account and p.transaction = m.transaction
            join notifications n on n.order_number = p.order_number
                and n.account = m.account and n.transaction = m.transaction
        union
        select l.message_id from money join loose_notifications l using (account, transaction)
        union
        select g.message_id from agreed join agreement_notifications g using (account, agreement)
    ), dead as (
        select p.letter_id from asked join dead_letter_parts p on p.order_number = asked.number
        union
        select p.letter_id from money join dead_letter_parts p using (account, transaction)
        union
        select p.letter_id from agreed join dead_letter_parts p using (account, agreement)
        union
        select p.letter_id from signed join dead_letter_parts p on p.subscription_no = signed.number
    )
    select n.message_id, n.part, n.account, n.provider, n.order_number, n.transaction,
           g.agreement, null::text, false
    from about join notifications n on n.message_id = about.message_id
        left join agreement_notifications g on g.message_id = n.message_id and g.part = n.part
    union all
    select p.letter_id, p.part, p.account, d.provider, p.order_number, p.transaction,
           p.agreement, p.subscription_no, true
    from dead join dead_letter_parts p on p.letter_id = dead.letter_id
        join dead_letters d on d.id = p.letter_id
    order by 1, 2"
);

statement!(
    Stored { messages: Array<SqlUuid> = [Uuid] } -> (
        SqlUuid, Nullable<Text>, Nullable<Bytea>, Bytea
    ) = "
    select b.message_id, b.key_id, b.wrapped, b.body from unnest(?::uuid[]) as t (m)
        join bodies b on b.message_id = t.m order by b.message_id for update of b"
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
    bool,
);

pub(super) async fn about(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
) -> Result<Requests, LedgerError> {
    let money = scope.transactions.iter().cloned();
    let (accounts, transactions): (Vec<_>, Vec<_>) =
        money.map(|key| (key.account, key.transaction)).unzip();
    let agreed = scope.agreements.iter().cloned();
    let (parties, agreements): (Vec<_>, Vec<_>) =
        agreed.map(|key| (key.account, key.agreement)).unzip();
    let subscriptions = match &scope.subject {
        Subject::Order(_) => vec![],
        Subject::Subscription(number) => vec![number.clone()],
    };
    let parts = Parts {
        numbers: &scope.numbers,
        accounts: &accounts,
        transactions: &transactions,
        parties: &parties,
        agreements: &agreements,
        subscriptions: &subscriptions,
    };
    let rows: Vec<PartRow> = parts.load(conn).await?;
    let mut requests = Requests::new();
    for row in rows {
        let (message, _, account, provider, order_number, transaction, ..) = row;
        let (.., agreement, subscription_no, is_letter) = row;
        let part = Part { account, order_number, transaction, agreement, subscription_no };
        let new = || Request { provider, parts: vec![], is_letter };
        requests.entry(message).or_insert_with(new).parts.push(part);
    }
    Ok(requests)
}

/// What becomes of each body that is still there.
pub(super) async fn fates(
    conn: &mut AsyncPgConnection,
    requests: &Requests,
    tombstones: &BTreeSet<Hash>,
    kept: &Bodies,
) -> Result<Fates, LedgerError> {
    type Row = (Uuid, Option<String>, Option<Vec<u8>>, Vec<u8>);
    let messages: Vec<Uuid> = requests.keys().copied().collect();
    former::adopt(conn, &messages).await?;
    let rows: Vec<Row> = Stored { messages: &messages }.load(conn).await?;
    let mut fates = Fates::default();
    for (message, key_id, wrapped, body) in rows {
        let Some(request) = requests.get(&message) else { continue };
        let wrapped = key_id.zip(wrapped).map(|(key_id, bytes)| WrappedKey { key_id, bytes });
        let open = || kept.open(message, Kept { wrapped, body }).ok();
        fates.add((message, request), tombstones, open);
    }
    Ok(fates)
}
