//! The requests and the dead letters that an erasure is about, and what becomes of their bodies.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, Bytea, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::secret::bodies::{Bodies, Kept};
use shared::secret::envelope::WrappedKey;
use uuid::Uuid;

use super::letters;
use crate::ledger::LedgerError;
use crate::ledger::erasure::{Fates, Hash, Part, Request, Requests, Scope, Subject};
use crate::ledger::postgres::bodies::former;

statement!(
    /// Every part of every request about one of these: a charge's own are filed under the number of its payment.
    Parts {
        numbers: Array<Text> = [String],
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        parties: Array<Text> = [String],
        agreements: Array<Text> = [String],
    } -> (SqlUuid, Integer, Text, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>) = "
    with asked as (select unnest(?::text[]) as number),
    money as (select * from unnest(?::text[], ?::text[]) as t (account, transaction)),
    agreed as (select * from unnest(?::text[], ?::text[]) as t (account, agreement)),
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
    )
    select n.message_id, n.part, n.account, n.provider, n.order_number, n.transaction, g.agreement
    from about join notifications n on n.message_id = about.message_id
        left join agreement_notifications g on g.message_id = n.message_id and g.part = n.part
    order by 1, 2"
);

statement!(
    Stored { messages: Array<SqlUuid> = [Uuid] } -> (
        SqlUuid, Nullable<Text>, Nullable<Bytea>, Bytea
    ) = "
    select b.message_id, b.key_id, b.wrapped, b.body from unnest(?::uuid[]) as t (m)
        join bodies b on b.message_id = t.m order by b.message_id for update of b"
);

type PartRow = (Uuid, i32, String, String, Option<String>, Option<String>, Option<String>);

/// A scope as statements take it.
pub(super) struct Asked {
    pub(super) numbers: Vec<String>,
    pub(super) accounts: Vec<String>,
    pub(super) transactions: Vec<String>,
    /// The accounts of the agreements.
    pub(super) parties: Vec<String>,
    pub(super) agreements: Vec<String>,
    pub(super) subscriptions: Vec<String>,
}

impl Asked {
    fn of(scope: &Scope) -> Self {
        let money = scope.transactions.iter().cloned();
        let (accounts, transactions) = money.map(|key| (key.account, key.transaction)).unzip();
        let agreed = scope.agreements.iter().cloned();
        let (parties, agreements) = agreed.map(|key| (key.account, key.agreement)).unzip();
        let subscriptions = match &scope.subject {
            Subject::Order(_) => vec![],
            Subject::Subscription(number) => vec![number.clone()],
        };
        let numbers = scope.numbers.clone();
        Self { numbers, accounts, transactions, parties, agreements, subscriptions }
    }
}

pub(super) async fn about(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
) -> Result<Requests, LedgerError> {
    let asked = Asked::of(scope);
    let parts = Parts {
        numbers: &asked.numbers,
        accounts: &asked.accounts,
        transactions: &asked.transactions,
        parties: &asked.parties,
        agreements: &asked.agreements,
    };
    let rows: Vec<PartRow> = parts.load(conn).await?;
    let mut requests = Requests::new();
    for (message, _, account, provider, order_number, transaction, agreement) in rows {
        let part = Part { account, order_number, transaction, agreement, ..Part::default() };
        let new = || Request { provider, parts: vec![], letter: None };
        requests.entry(message).or_insert_with(new).parts.push(part);
    }
    let letters = letters::about(conn, &asked, &requests).await?;
    requests.extend(letters);
    Ok(requests)
}

/// The bodies that are still there, held.
pub(super) async fn stored(
    conn: &mut AsyncPgConnection,
    requests: &Requests,
) -> Result<Vec<(Uuid, Kept)>, LedgerError> {
    type Row = (Uuid, Option<String>, Option<Vec<u8>>, Vec<u8>);
    let messages: Vec<Uuid> = requests.keys().copied().collect();
    let rows: Vec<Row> = Stored { messages: &messages }.load(conn).await?;
    let kept = |(message, key_id, wrapped, body): Row| {
        let wrapped = key_id.zip(wrapped).map(|(key_id, bytes)| WrappedKey { key_id, bytes });
        (message, Kept { wrapped, body })
    };
    Ok(rows.into_iter().map(kept).collect())
}

/// What becomes of each body that is still there.
pub(super) async fn fates(
    conn: &mut AsyncPgConnection,
    requests: &Requests,
    tombstones: &BTreeSet<Hash>,
    kept: &Bodies,
) -> Result<Fates, LedgerError> {
    let messages: Vec<Uuid> = requests.keys().copied().collect();
    former::adopt(conn, &messages).await?;
    let mut fates = Fates::default();
    for (message, stored) in self::stored(conn, requests).await? {
        let Some(request) = requests.get(&message) else { continue };
        fates.add((message, request), tombstones, || kept.open(message, stored).ok());
    }
    Ok(fates)
}
