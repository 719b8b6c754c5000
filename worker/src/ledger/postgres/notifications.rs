//! Every genuine notification, and what became of it.

use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::notification::Fact;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decide::fold::{Changes, Reading};
use crate::ledger::{Bucket, LedgerError};

pub(super) mod list;

statement!(
    /// A message that comes again changes nothing: its first outcome stands.
    Insert {
        messages: Array<SqlUuid> = [Uuid],
        parts: Array<Integer> = [i32],
        accounts: Array<Text> = [String],
        providers: Array<Text> = [String],
        identities: Array<Text> = [String],
        kinds: Array<Text> = [String],
        numbers: Array<Nullable<Text>> = [Option<String>],
        transactions: Array<Nullable<Text>> = [Option<String>],
        outcomes: Array<Text> = [String],
        epochs: Array<SqlUuid> = [Uuid],
        seqs: Array<BigInt> = [i64],
        received: Array<Timestamptz> = [OffsetDateTime],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into notifications (message_id, part, account, provider, identity, kind, order_number,
        transaction, outcome, epoch, seq, received_at, recorded_at)
    select t.*, clock.at
    from unnest(?::uuid[], ?::integer[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[],
                ?::text[], ?::text[], ?::uuid[], ?::bigint[], ?::timestamptz[])
         as t (m, p, a, v, i, k, n, x, o, e, s, r), (select ?::timestamptz) as clock (at)
    order by m, p
    on conflict do nothing"
);

statement!(
    Loosen {
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        messages: Array<SqlUuid> = [Uuid],
        parts: Array<Integer> = [i32],
    } -> () = "
    insert into loose_notifications (account, transaction, message_id, part)
    select * from unnest(?::text[], ?::text[], ?::uuid[], ?::integer[]) as t (a, x, m, p) order by a, x, m, p
    on conflict do nothing"
);

statement!(
    /// An agreement is no column of theirs: erasing finds them so.
    Agree {
        accounts: Array<Text> = [String],
        agreements: Array<Text> = [String],
        messages: Array<SqlUuid> = [Uuid],
        parts: Array<Integer> = [i32],
    } -> () = "
    insert into agreement_notifications (account, agreement, message_id, part)
    select * from unnest(?::text[], ?::text[], ?::uuid[], ?::integer[]) as t (a, g, m, p) order by a, g, m, p
    on conflict do nothing"
);

statement!(
    /// What waited is decided now; its receipt moves with it.
    Conclude {
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        outcomes: Array<Text> = [String],
    } -> () = "
    with concluded as (
        update notifications n set outcome = t.o
        from unnest(?::text[], ?::text[], ?::text[]) as t (a, x, o)
        where n.account = t.a and n.transaction = t.x and n.outcome = 'waiting'
        returning n.epoch, n.seq, n.outcome
    )
    update receipts r set bucket = c.outcome from concluded c
    where r.epoch = c.epoch and r.seq = c.seq and r.bucket = 'waiting'"
);

#[derive(Default)]
struct Columns {
    messages: Vec<Uuid>,
    parts: Vec<i32>,
    accounts: Vec<String>,
    providers: Vec<String>,
    identities: Vec<String>,
    kinds: Vec<String>,
    numbers: Vec<Option<String>>,
    transactions: Vec<Option<String>>,
    outcomes: Vec<String>,
    epochs: Vec<Uuid>,
    seqs: Vec<i64>,
    received: Vec<OffsetDateTime>,
}

/// Those that are found by another number than an order's: their transaction's or their agreement's.
#[derive(Default)]
struct Found {
    accounts: Vec<String>,
    numbers: Vec<String>,
    messages: Vec<Uuid>,
    parts: Vec<i32>,
}

/// Records every notification of the batch with its verdict.
pub(super) async fn record(
    conn: &mut AsyncPgConnection,
    readings: &[&Reading],
    changes: &Changes,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let (mut columns, mut loose) = (Columns::default(), Found::default());
    let mut agreed = Found::default();
    for (reading, verdicts) in readings.iter().zip(&changes.verdicts) {
        let message = &reading.message;
        for (part, (notification, verdict)) in (0..).zip(reading.notifications.iter().zip(verdicts))
        {
            columns.messages.push(message.id);
            columns.parts.push(part);
            columns.accounts.push(message.account.clone());
            columns.providers.push(message.kind.clone());
            columns.identities.push(notification.identity.clone());
            columns.kinds.push(notification.kind.clone());
            columns.numbers.push(verdict.order_number.clone());
            columns.transactions.push(verdict.payment.as_ref().map(|key| key.transaction.clone()));
            columns.outcomes.push(Bucket::from(verdict.decision).as_str().to_owned());
            columns.epochs.push(message.number.epoch);
            columns.seqs.push(message.number.seq);
            columns.received.push(message.received_at);
            if let Some(key) = verdict.payment.as_ref().filter(|_| verdict.is_loose) {
                loose.add((&key.account, &key.transaction), message.id, part);
            }
            if let Some(agreement) = notification.fact.as_ref().and_then(Fact::agreement) {
                agreed.add((&message.account, agreement), message.id, part);
            }
        }
    }
    if columns.messages.is_empty() {
        return Ok(());
    }
    let insert = Insert {
        messages: &columns.messages,
        parts: &columns.parts,
        accounts: &columns.accounts,
        providers: &columns.providers,
        identities: &columns.identities,
        kinds: &columns.kinds,
        numbers: &columns.numbers,
        transactions: &columns.transactions,
        outcomes: &columns.outcomes,
        epochs: &columns.epochs,
        seqs: &columns.seqs,
        received: &columns.received,
        now: &now,
    };
    insert.execute(conn).await?;
    if !loose.messages.is_empty() {
        let Found { accounts, numbers: transactions, messages, parts } = &loose;
        Loosen { accounts, transactions, messages, parts }.execute(conn).await?;
    }
    if !agreed.messages.is_empty() {
        let Found { accounts, numbers: agreements, messages, parts } = &agreed;
        Agree { accounts, agreements, messages, parts }.execute(conn).await?;
    }
    Ok(())
}

impl Found {
    fn add(&mut self, (account, number): (&str, &str), message: Uuid, part: i32) {
        self.accounts.push(account.to_owned());
        self.numbers.push(number.to_owned());
        self.messages.push(message);
        self.parts.push(part);
    }
}

/// Moves what waited for its order to what it counts as now, its receipts with it.
pub(super) async fn conclude(
    conn: &mut AsyncPgConnection,
    changes: &Changes,
) -> Result<(), LedgerError> {
    let concluded = changes.concluded();
    if concluded.is_empty() {
        return Ok(());
    }
    let accounts: Vec<_> = concluded.iter().map(|(key, _)| key.account.clone()).collect();
    let transactions: Vec<_> = concluded.iter().map(|(key, _)| key.transaction.clone()).collect();
    let outcomes: Vec<_> =
        concluded.iter().map(|(_, decision)| Bucket::from(*decision).as_str().to_owned()).collect();
    let conclude =
        Conclude { accounts: &accounts, transactions: &transactions, outcomes: &outcomes };
    conclude.execute(conn).await?;
    Ok(())
}
