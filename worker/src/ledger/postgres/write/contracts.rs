//! Writing what changed of subscriptions: changes of agreements, charges, what was derived.

use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::{Duration, OffsetDateTime};

use super::expect_all;
use crate::decide::PaymentKey;
use crate::decide::fold::Changes;
use crate::decide::subscription::{Contracts, Subscription};
use crate::ledger::LedgerError;
use crate::ledger::contracts::{changed_charges, new_changes, settled_without_order};

/// When to look again for an order that another transaction was writing while its charge was recorded.
const LOOK_AGAIN: Duration = Duration::seconds(5);

statement!(
    InsertChanges {
        accounts: Array<Text> = [String],
        agreements: Array<Text> = [String],
        whats: Array<Text> = [String],
        occurred: Array<Timestamptz> = [OffsetDateTime],
        charges: Array<Text> = [String],
        numbers: Array<Text> = [String],
        revivals: Array<Text> = [String],
        valid: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into agreement_changes (account, agreement, what, occurred_at, charge, subscription_no, revival,
                                   valid_until, created_at)
    select t.*, clock.at
    from unnest(?::text[], ?::text[], ?::text[], ?::timestamptz[], ?::text[], ?::text[], ?::text[],
                ?::timestamptz[]) as t (a, g, w, o, c, n, r, v), (select ?::timestamptz) as clock (at)
    order by a, g, w, o, c, n
    on conflict (account, agreement, what, occurred_at, charge, subscription_no) do update
    set valid_until = greatest(agreement_changes.valid_until, excluded.valid_until)"
);

statement!(
    UpsertCharges {
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
        agreements: Array<Nullable<Text>> = [Option<String>],
        numbers: Array<Nullable<Text>> = [Option<String>],
        periods: Array<Nullable<Text>> = [Option<String>],
        occurred: Array<Timestamptz> = [OffsetDateTime],
        stands: Array<Bool> = [bool],
        starts: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        ends: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
    } -> () = "
    insert into charges (account, transaction, agreement, subscription_no, period, occurred_at, stands,
                         starts_at, ends_at)
    select * from unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::timestamptz[], ?::bool[],
                         ?::timestamptz[], ?::timestamptz[])
    on conflict (account, transaction) do update
    set agreement = excluded.agreement, subscription_no = excluded.subscription_no,
        period = excluded.period, occurred_at = excluded.occurred_at, stands = excluded.stands,
        starts_at = excluded.starts_at, ends_at = excluded.ends_at"
);

statement!(
    DeleteCharges { accounts: Array<Text> = [String], transactions: Array<Text> = [String] } -> () = "
    delete from charges c using unnest(?::text[], ?::text[]) as t (account, transaction)
    where c.account = t.account and c.transaction = t.transaction"
);

statement!(
    UpdateSubscriptions {
        numbers: Array<Text> = [String],
        statuses: Array<Text> = [String],
        agreements: Array<Nullable<Text>> = [Option<String>],
        through: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        entitled: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        failed: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        ended: Array<Nullable<Text>> = [Option<String>],
        due: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
    } -> () = "
    update subscriptions s
    set status = t.s, agreement = t.a, paid_through = t.p, entitled_until = t.e, failed_at = t.f,
        ended = t.w, due_at = t.d
    from unnest(?::text[], ?::text[], ?::text[], ?::timestamptz[], ?::timestamptz[], ?::timestamptz[],
                ?::text[], ?::timestamptz[]) as t (n, s, a, p, e, f, w, d)
    where s.subscription_no = t.n"
);

statement!(
    LookAt { numbers: Array<Text> = [String] } -> () = "
    insert into subscription_changes (subscription_no) select unnest(?::text[])"
);

statement!(
    LookAtNumbers { numbers: Array<Text> = [String], at: Timestamptz = OffsetDateTime } -> () = "
    insert into number_changes (number, at)
    select t.number, clock.at from unnest(?::text[]) as t (number), (select ?::timestamptz) as clock (at)"
);

pub(super) async fn contracts(
    conn: &mut AsyncPgConnection,
    changes: &Changes,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let (before, after) = &changes.contracts;
    if before == after && changes.joined.is_empty() {
        return Ok(());
    }
    agreements(conn, before, after, now).await?;
    charges(conn, before, after).await?;
    subscriptions(conn, before, after).await?;
    if !changes.joined.is_empty() {
        let numbers: Vec<String> = changes.joined.iter().cloned().collect();
        LookAt { numbers: &numbers }.execute(conn).await?;
    }
    let numbers = settled_without_order(changes);
    if !numbers.is_empty() {
        LookAtNumbers { numbers: &numbers, at: &(now + LOOK_AGAIN) }.execute(conn).await?;
    }
    Ok(())
}

async fn agreements(
    conn: &mut AsyncPgConnection,
    before: &Contracts,
    after: &Contracts,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let new = new_changes(before, after);
    if new.is_empty() {
        return Ok(());
    }
    let insert = InsertChanges {
        accounts: &new.iter().map(|(of, ..)| of.account.clone()).collect::<Vec<_>>(),
        agreements: &new.iter().map(|(of, ..)| of.agreement.clone()).collect::<Vec<_>>(),
        whats: &new.iter().map(|(_, key, _)| key.what.as_str().to_owned()).collect::<Vec<_>>(),
        occurred: &new.iter().map(|(_, key, _)| key.occurred_at).collect::<Vec<_>>(),
        charges: &new.iter().map(|(_, key, _)| key.charge.clone()).collect::<Vec<_>>(),
        numbers: &new.iter().map(|(_, key, _)| key.subscription_no.clone()).collect::<Vec<_>>(),
        revivals: &new.iter().map(|(.., one)| one.revival.as_str().to_owned()).collect::<Vec<_>>(),
        valid: &new.iter().map(|(.., one)| one.valid_until).collect::<Vec<_>>(),
        now: &now,
    };
    insert.execute(conn).await?;
    Ok(())
}

async fn charges(
    conn: &mut AsyncPgConnection,
    before: &Contracts,
    after: &Contracts,
) -> Result<(), LedgerError> {
    let (rows, gone) = changed_charges(before, after);
    if !gone.is_empty() {
        let (accounts, transactions) = columns(gone.into_iter());
        DeleteCharges { accounts: &accounts, transactions: &transactions }.execute(conn).await?;
    }
    if rows.is_empty() {
        return Ok(());
    }
    let (accounts, transactions) = columns(rows.iter().map(|(key, ..)| *key));
    let upsert = UpsertCharges {
        accounts: &accounts,
        transactions: &transactions,
        agreements: &rows.iter().map(|(_, one, _)| one.agreement.clone()).collect::<Vec<_>>(),
        numbers: &rows.iter().map(|(_, one, _)| one.subscription_no.clone()).collect::<Vec<_>>(),
        periods: &rows.iter().map(|(_, one, _)| one.period.clone()).collect::<Vec<_>>(),
        occurred: &rows.iter().map(|(_, one, _)| one.occurred_at).collect::<Vec<_>>(),
        stands: &rows.iter().map(|(_, one, _)| one.stands).collect::<Vec<_>>(),
        starts: &rows.iter().map(|(.., cover)| cover.map(|cover| cover.from)).collect::<Vec<_>>(),
        ends: &rows.iter().map(|(.., cover)| cover.map(|cover| cover.until)).collect::<Vec<_>>(),
    };
    upsert.execute(conn).await?;
    Ok(())
}

async fn subscriptions(
    conn: &mut AsyncPgConnection,
    before: &Contracts,
    after: &Contracts,
) -> Result<(), LedgerError> {
    let changed = |(number, one): &(&String, &Subscription)| {
        before.subscriptions.get(*number).is_none_or(|known| known.standing != one.standing)
    };
    let changed: Vec<_> = after.subscriptions.iter().filter(changed).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let each = || changed.iter().map(|(_, one)| &one.standing);
    let update = UpdateSubscriptions {
        numbers: &changed.iter().map(|(number, _)| (*number).clone()).collect::<Vec<_>>(),
        statuses: &each().map(|one| one.status.as_str().to_owned()).collect::<Vec<_>>(),
        agreements: &each().map(|one| one.agreement_no.clone()).collect::<Vec<_>>(),
        through: &each().map(|one| one.paid_through).collect::<Vec<_>>(),
        entitled: &each().map(|one| one.entitled_until).collect::<Vec<_>>(),
        failed: &each().map(|one| one.failed_at).collect::<Vec<_>>(),
        ended: &each().map(|one| one.ended.map(|why| why.as_str().to_owned())).collect::<Vec<_>>(),
        due: &each().map(|one| one.due_at).collect::<Vec<_>>(),
    };
    expect_all(update.execute(conn).await?, changed.len())
}

fn columns<'a>(keys: impl Iterator<Item = &'a PaymentKey>) -> (Vec<String>, Vec<String>) {
    keys.map(|key| (key.account.clone(), key.transaction.clone())).unzip()
}
