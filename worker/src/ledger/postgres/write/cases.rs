//! Writing cases: opened, brought up to date, closed; and what was said to close them.

use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decide::State;
use crate::decide::case::{About, CaseKey};
use crate::decide::docket::Docket;
use crate::ledger::LedgerError;

statement!(
    /// A case that a person took stays that person's while it is open.
    UpsertCases {
        ids: Array<SqlUuid> = [Uuid],
        kinds: Array<Text> = [String],
        numbers: Array<Text> = [String],
        accounts: Array<Nullable<Text>> = [Option<String>],
        transactions: Array<Nullable<Text>> = [Option<String>],
        amounts: Array<BigInt> = [i64],
        currencies: Array<Text> = [String],
        policies: Array<Text> = [String],
        statuses: Array<Text> = [String],
        refund_by: Array<Nullable<Timestamptz>> = [Option<OffsetDateTime>],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    insert into cases (id, kind, order_number, account, transaction, amount, currency, policy, status,
                       refund_by, opened_at)
    select t.*, at
    from unnest(?::uuid[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::text[],
                ?::text[], ?::text[], ?::timestamptz[])
         as t (i, k, n, a, x, m, c, p, s, r), (select ?::timestamptz) as clock (at) order by i
    on conflict (id) do update
    set order_number = excluded.order_number, amount = excluded.amount,
        currency = excluded.currency, policy = excluded.policy, refund_by = excluded.refund_by,
        status = case when cases.status = 'resolved' then excluded.status else cases.status end,
        resolved_at = null, resolution = null,
        opened_at = case when cases.status = 'resolved' then excluded.opened_at else cases.opened_at end"
);

statement!(
    CloseCases {
        ids: Array<SqlUuid> = [Uuid],
        resolutions: Array<Text> = [String],
        now: Timestamptz = OffsetDateTime,
    } -> () = "
    update cases c set status = 'resolved', resolved_at = clock.at, resolution = t.r
    from unnest(?::uuid[], ?::text[]) as t (i, r), (select ?::timestamptz) as clock (at)
    where c.id = t.i and c.status <> 'resolved'"
);

statement!(
    AddResolutions {
        ids: Array<SqlUuid> = [Uuid],
        kinds: Array<Text> = [String],
        accounts: Array<Nullable<Text>> = [Option<String>],
        transactions: Array<Nullable<Text>> = [Option<String>],
        orders: Array<Nullable<Text>> = [Option<String>],
        numbers: Array<Text> = [String],
        verdicts: Array<Text> = [String],
        amounts: Array<BigInt> = [i64],
        currencies: Array<Text> = [String],
        up_to: Array<BigInt> = [i64],
        actors: Array<Text> = [String],
        reasons: Array<Text> = [String],
        at: Array<Timestamptz> = [OffsetDateTime],
    } -> () = "
    insert into case_resolutions (case_id, kind, account, transaction, order_no, order_number, verdict,
                                  amount, currency, up_to, actor, reason, at)
    select * from unnest(?::uuid[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[],
                         ?::bigint[], ?::text[], ?::bigint[], ?::text[], ?::text[], ?::timestamptz[])"
);

/// What cases are about, as columns.
#[derive(Default)]
struct Subjects {
    ids: Vec<Uuid>,
    kinds: Vec<String>,
    accounts: Vec<Option<String>>,
    transactions: Vec<Option<String>>,
    orders: Vec<Option<String>>,
}

impl Subjects {
    fn of<'a>(keys: impl IntoIterator<Item = &'a CaseKey>) -> Self {
        let mut subjects = Self::default();
        for key in keys {
            subjects.ids.push(key.id());
            subjects.kinds.push(key.kind.as_str().to_owned());
            let (payment, order) = match &key.about {
                About::Order(order_no) => (None, Some(order_no.clone())),
                About::Payment(payment) => (Some(payment.clone()), None),
            };
            let (account, transaction) =
                payment.map(|payment| (payment.account, payment.transaction)).unzip();
            subjects.accounts.push(account);
            subjects.transactions.push(transaction);
            subjects.orders.push(order);
        }
        subjects
    }
}

pub(super) async fn cases(
    conn: &mut AsyncPgConnection,
    changes: &[(State, State)],
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let docket = Docket::of(changes);
    if !docket.open.is_empty() {
        upsert(conn, &docket, now).await?;
    }
    if !docket.ended.is_empty() {
        let ids: Vec<Uuid> = docket.ended.keys().map(|key| key.id()).collect();
        let resolutions: Vec<String> = docket.ended.values().map(ToString::to_string).collect();
        CloseCases { ids: &ids, resolutions: &resolutions, now: &now }.execute(conn).await?;
    }
    if !docket.resolutions.is_empty() {
        add(conn, &docket).await?;
    }
    Ok(())
}

async fn upsert(
    conn: &mut AsyncPgConnection,
    docket: &Docket<'_>,
    now: OffsetDateTime,
) -> Result<(), LedgerError> {
    let subjects = Subjects::of(docket.open.keys().copied());
    let column = |word: &dyn Fn(&crate::decide::case::Case) -> String| -> Vec<String> {
        docket.open.values().map(word).collect()
    };
    let amounts: Vec<i64> = docket.open.values().map(|case| case.amount_minor).collect();
    let refund_by: Vec<_> = docket.open.values().map(|case| case.refund_by).collect();
    let upsert = UpsertCases {
        ids: &subjects.ids,
        kinds: &subjects.kinds,
        numbers: &column(&|case| case.order_number.clone()),
        accounts: &subjects.accounts,
        transactions: &subjects.transactions,
        amounts: &amounts,
        currencies: &column(&|case| case.currency.as_str().to_owned()),
        policies: &column(&|case| case.policy.as_str().to_owned()),
        statuses: &column(&|case| case.first_status().to_owned()),
        refund_by: &refund_by,
        now: &now,
    };
    upsert.execute(conn).await?;
    Ok(())
}

async fn add(conn: &mut AsyncPgConnection, docket: &Docket<'_>) -> Result<(), LedgerError> {
    let said = || docket.resolutions.iter().map(|(_, resolution)| *resolution);
    let subjects = Subjects::of(docket.resolutions.iter().map(|(key, _)| *key));
    let numbers: Vec<_> = said().map(|said| said.order_number.clone()).collect();
    let verdicts: Vec<_> = said().map(|said| said.verdict.as_str().to_owned()).collect();
    let amounts: Vec<_> = said().map(|said| said.amount.minor).collect();
    let currencies: Vec<_> = said().map(|said| said.amount.currency.as_str().to_owned()).collect();
    let up_to: Vec<_> = said().map(|said| said.up_to_minor).collect();
    let actors: Vec<_> = said().map(|said| said.actor.clone()).collect();
    let reasons: Vec<_> = said().map(|said| said.reason.clone()).collect();
    let at: Vec<_> = said().map(|said| said.at).collect();
    let add = AddResolutions {
        ids: &subjects.ids,
        kinds: &subjects.kinds,
        accounts: &subjects.accounts,
        transactions: &subjects.transactions,
        orders: &subjects.orders,
        numbers: &numbers,
        verdicts: &verdicts,
        amounts: &amounts,
        currencies: &currencies,
        up_to: &up_to,
        actors: &actors,
        reasons: &reasons,
        at: &at,
    };
    add.execute(conn).await?;
    Ok(())
}
