//! What a batch touches of subscriptions, under their locks: terms, changes of agreements, charges.
//!
//! A session that loads charges holds their subscription. So of two that change charges of one subscription the
//! second sees what the first wrote.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::money::Money;
use shared::notification::Revival;
use shared::order::Mode;
use shared::subscription::{EndReason, SubscriptionStatus};
use time::OffsetDateTime;

use super::columns;
use super::rows::{parse_currency, unknown};
use crate::decide::fold::Books;
use crate::decide::subscription::{
    AgreementKey, Change, ChangeKey, Charge, Contracts, Cover, Standing, Subscription, Terms, What,
};
use crate::decide::{PaymentKey, State};
use crate::ledger::LedgerError;

statement!(
    /// Those that are named; those whose agreements are, by the shop or by a signing.
    Lock {
        numbers: Array<Text> = [String],
        accounts: Array<Text> = [String],
        agreements: Array<Text> = [String],
    }
    -> (Text, Text, Nullable<Text>, BigInt, Text, Text, Nullable<Timestamptz>, Text, Text, Text,
        Nullable<Text>, Nullable<Timestamptz>, Nullable<Timestamptz>, Nullable<Timestamptz>,
        Nullable<Text>, Nullable<Timestamptz>) = "
    with named (number) as (select unnest(?::text[])),
         agreed (account, agreement) as (select * from unnest(?::text[], ?::text[])),
         wanted (subscription_no) as (
             select number from named
             union
             select s.subscription_no
             from agreed a join subscriptions s on s.account = a.account and s.agreement_no = a.agreement
             union
             select c.subscription_no
             from agreed a join agreement_changes c using (account, agreement)
         )
    select s.subscription_no, s.account, s.agreement_no, s.amount, s.currency, s.period, s.anchor,
           s.time_zone, s.grace, s.status, s.agreement, s.paid_through, s.entitled_until,
           s.failed_at, s.ended, s.due_at
    from wanted join subscriptions s using (subscription_no)
    order by s.subscription_no for update of s"
);

statement!(
    /// Of these agreements, and of all agreements that are or may be these subscriptions'.
    Changes {
        accounts: Array<Text> = [String],
        agreements: Array<Text> = [String],
        numbers: Array<Text> = [String],
    }
    -> (Text, Text, Text, Timestamptz, Text, Text, Text, Nullable<Timestamptz>, Nullable<Text>) = "
    with named (account, agreement) as (select * from unnest(?::text[], ?::text[])),
         of (number) as (select unnest(?::text[])),
         wanted (account, agreement) as (
             select * from named
             union
             select s.account, s.agreement_no from of join subscriptions s on s.subscription_no = of.number
             where s.agreement_no is not null
             union
             select c.account, c.agreement
             from of join agreement_changes c on c.subscription_no = of.number
         )
    select c.account, c.agreement, c.what, c.occurred_at, c.charge, c.subscription_no, c.revival,
           c.valid_until, s.subscription_no
    from wanted w join agreement_changes c using (account, agreement)
         left join subscriptions s on s.account = w.account and s.agreement_no = w.agreement"
);

statement!(
    Charges {
        numbers: Array<Text> = [String],
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
    }
    -> (Text, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Timestamptz, Bool,
        Nullable<Timestamptz>, Nullable<Timestamptz>, Text, Text) = "
    select c.account, c.transaction, c.agreement, c.subscription_no, c.period, c.occurred_at, c.stands,
           c.starts_at, c.ends_at, p.mode, p.order_number
    from (
        select account, transaction from charges where subscription_no = any(?::text[])
        union
        select account, transaction
        from charges join unnest(?::text[], ?::text[]) as t (account, transaction)
             using (account, transaction)
    ) as wanted join charges c using (account, transaction)
        join payments p using (account, transaction)"
);

type SubscriptionRow = (
    String,
    String,
    Option<String>,
    i64,
    String,
    String,
    Option<OffsetDateTime>,
    String,
    String,
    String,
    Option<String>,
    Option<OffsetDateTime>,
    Option<OffsetDateTime>,
    Option<OffsetDateTime>,
    Option<String>,
    Option<OffsetDateTime>,
);
type ChangeRow = (
    String,
    String,
    String,
    OffsetDateTime,
    String,
    String,
    String,
    Option<OffsetDateTime>,
    Option<String>,
);
type ChargeRow = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    OffsetDateTime,
    bool,
    Option<OffsetDateTime>,
    Option<OffsetDateTime>,
    String,
    String,
);

/// Everything about the subscriptions that these books, agreements and numbers touch.
pub(super) async fn of(
    conn: &mut AsyncPgConnection,
    books: &Books,
    mut agreements: BTreeSet<AgreementKey>,
    mut numbers: BTreeSet<String>,
) -> Result<Contracts, LedgerError> {
    let mut contracts = Contracts::default();
    let payments: BTreeSet<&PaymentKey> = books.states.values().flat_map(State::charged).collect();
    let under = books.states.values().flat_map(|state| &state.payments);
    agreements.extend(under.filter_map(|(key, payment)| payment.under(key)));
    let orders = books.states.values().filter_map(|state| state.order.as_ref());
    numbers.extend(orders.filter_map(|order| order.subscription_no.clone()));
    if payments.is_empty() && agreements.is_empty() && numbers.is_empty() {
        return Ok(contracts);
    }
    let (accounts, transactions) = columns(payments.iter().copied());
    // What these payments extend so far: their own locks keep it so.
    let known = Charges { numbers: &[], accounts: &accounts, transactions: &transactions };
    let known: Vec<ChargeRow> = known.load(conn).await?;
    numbers.extend(known.into_iter().filter_map(|row| row.3));
    let numbers: Vec<String> = numbers.into_iter().collect();
    let (of, named): (Vec<String>, Vec<String>) =
        agreements.into_iter().map(|key| (key.account, key.agreement)).unzip();
    let lock = Lock { numbers: &numbers, accounts: &of, agreements: &named };
    for row in lock.load::<SubscriptionRow>(conn).await? {
        let one = subscription(row)?;
        contracts.subscriptions.insert(one.terms.subscription_no.clone(), one);
    }
    let numbers: Vec<String> = contracts.subscriptions.keys().cloned().collect();
    let changes = Changes { accounts: &of, agreements: &named, numbers: &numbers };
    for row in changes.load::<ChangeRow>(conn).await? {
        add_change(&mut contracts, row)?;
    }
    let charges = Charges { numbers: &numbers, accounts: &accounts, transactions: &transactions };
    for row in charges.load::<ChargeRow>(conn).await? {
        add_charge(&mut contracts, row)?;
    }
    Ok(contracts)
}

fn subscription(row: SubscriptionRow) -> Result<Subscription, LedgerError> {
    let (.., status, agreement_no, paid_through, entitled_until, failed_at, ended, due_at) = row;
    let (subscription_no, account, named, minor, currency, period, anchor, time_zone, grace, ..) =
        row;
    let terms = Terms {
        subscription_no,
        account,
        agreement_no: named,
        amount: Money { minor, currency: parse_currency(&currency)? },
        period,
        anchor,
        time_zone,
        grace,
        mode: Mode::default(),
    };
    let reason = |word: String| EndReason::from_word(&word).ok_or_else(|| unknown("reason"));
    let standing = Standing {
        status: SubscriptionStatus::from_word(&status).ok_or_else(|| unknown("status"))?,
        agreement_no,
        paid_through,
        entitled_until,
        failed_at,
        ended: ended.map(reason).transpose()?,
        due_at,
        ..Standing::pending()
    };
    Ok(Subscription { terms, standing })
}

fn add_change(contracts: &mut Contracts, row: ChangeRow) -> Result<(), LedgerError> {
    let (account, agreement, what, occurred_at, charge, subscription_no, revival, until, owner) =
        row;
    let agreement = contracts.agreements.entry(AgreementKey { account, agreement }).or_default();
    agreement.owner = owner;
    let what = What::from_word(&what).ok_or_else(|| unknown("change of an agreement"))?;
    let revival = Revival::from_word(&revival).ok_or_else(|| unknown("kind of revival"))?;
    let key = ChangeKey { what, occurred_at, charge, subscription_no };
    agreement.changes.insert(key, Change { valid_until: until, revival });
    Ok(())
}

fn add_charge(contracts: &mut Contracts, row: ChargeRow) -> Result<(), LedgerError> {
    let (
        account,
        transaction,
        agreement,
        subscription_no,
        period,
        occurred_at,
        stands,
        from,
        until,
        mode,
        order_number,
    ) = row;
    let key = PaymentKey { account, transaction };
    let one = subscription_no.as_ref().and_then(|number| contracts.subscriptions.get_mut(number));
    if let (Some(one), Some(from), Some(until)) = (one, from, until) {
        one.standing.covers.insert(key.clone(), Cover { from, until });
    }
    let mode = Mode::from_word(&mode).ok_or_else(|| unknown("mode"))?;
    let charge =
        Charge { subscription_no, agreement, order_number, period, occurred_at, stands, mode };
    contracts.charges.insert(key, charge);
    Ok(())
}
