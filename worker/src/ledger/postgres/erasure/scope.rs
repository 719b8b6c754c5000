//! What an erasure is about: the numbers of an order, or the agreements and charges of a subscription.

use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};

use crate::decide::PaymentKey;
use crate::decide::subscription::AgreementKey;
use crate::ledger::LedgerError;
use crate::ledger::erasure::{Scope, Subject};

statement!(
    Order { number: Text = str } -> (Text, Bool) = "
    select o.order_no, o.metadata is not null
    from orders o join order_numbers n on n.order_no = o.order_no
    where n.number = ?"
);

statement!(
    Subscription { number: Text = str } -> (Text, Bool) = "
    select subscription_no, metadata is not null from subscriptions where subscription_no = ?"
);

statement!(
    /// The order's lock stands first, as when its payments are settled.
    HoldOrder { number: Text = str } -> (Text) = "
    select o.order_no from orders o join order_numbers n on n.order_no = o.order_no
    where n.number = ? for update of o"
);

statement!(
    /// So does the subscription's.
    HoldSubscription { number: Text = str } -> (Text) = "
    select subscription_no from subscriptions where subscription_no = ? for update"
);

statement!(
    Numbers { order_no: Text = str } -> (Text) = "
    select number from order_numbers where order_no = ? order by number"
);

statement!(
    PaidUnder { numbers: Array<Text> = [String] } -> (Text, Text) = "
    select distinct account, transaction from (
        select p.account, p.transaction from unnest(?::text[]) as t (n)
            join payments p on p.order_number = t.n
    ) as known order by account, transaction"
);

statement!(
    /// Its own, as charges are bound: the one that the shop named; else those whose latest signing repeats
    /// its number, unless the shop named them for another, or it is another account's. Nobody else's word for
    /// its number is left out.
    Agreements { number: Text = str } -> (Text, Text) = "
    with asked (number) as (select ?::text),
    named (account, agreement) as (
        select s.account, s.agreement_no from asked join subscriptions s on s.subscription_no = asked.number
        where s.agreement_no is not null
        union
        select c.account, c.agreement from asked join agreement_changes c on c.subscription_no = asked.number
    )
    select n.account, n.agreement from asked, named n
    where asked.number = coalesce(
        (select s.subscription_no from subscriptions s
         where s.account = n.account and s.agreement_no = n.agreement),
        (select c.subscription_no from agreement_changes c
         where c.account = n.account and c.agreement = n.agreement
           and c.what = 'signed' and c.subscription_no <> ''
         order by c.occurred_at desc, c.subscription_no desc limit 1),
        asked.number)
      and not exists (select from subscriptions s
                      where s.subscription_no = asked.number and s.account <> n.account)
    order by account, agreement"
);

statement!(
    /// Its charges, and what was told of money under its agreements that is none yet.
    Charged {
        number: Text = str,
        accounts: Array<Text> = [String],
        agreements: Array<Text> = [String],
    } -> (Text, Text) = "
    with asked (number) as (select ?::text),
    agreed (account, agreement) as (select * from unnest(?::text[], ?::text[]))
    select c.account, c.transaction from asked join charges c on c.subscription_no = asked.number
    union
    select c.account, c.transaction from agreed join charges c using (account, agreement)
    union
    select n.account, n.transaction from agreed join agreement_notifications g using (account, agreement)
        join notifications n on n.message_id = g.message_id and n.part = g.part
    where n.transaction is not null
    order by account, transaction"
);

statement!(
    SubscriptionsOf {
        order_no: Text = str,
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
    } -> (Text) = "
    select o.subscription_no as number from orders o
    where o.order_no = ? and o.subscription_no is not null
    union
    select c.subscription_no from unnest(?::text[], ?::text[]) as t (a, x)
        join charges c on c.account = t.a and c.transaction = t.x
    where c.subscription_no is not null
    order by number"
);

statement!(
    OrdersOf { accounts: Array<Text> = [String], transactions: Array<Text> = [String] } -> (Text) = "
    select distinct n.order_no from unnest(?::text[], ?::text[]) as t (a, x)
        join payments p on p.account = t.a and p.transaction = t.x
        join order_numbers n on n.number = p.order_number
    order by order_no"
);

statement!(
    Cases {
        numbers: Array<Text> = [String],
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
    } -> (BigInt, BigInt) = "
    with about as (
        select id from cases where order_number = any(?::text[])
        union
        select c.id from unnest(?::text[], ?::text[]) as t (a, x)
            join cases c on c.account = t.a and c.transaction = t.x
    )
    select (select count(*) from about),
           (select count(*) from about join case_notes n on n.case_id = about.id)"
);

/// What the shop wrote: its canonical number, and whether it has metadata.
type Written = Option<(String, bool)>;

pub(super) async fn hold(
    conn: &mut AsyncPgConnection,
    subject: &Subject,
) -> Result<(), LedgerError> {
    let _: Vec<String> = match subject {
        Subject::Order(number) => HoldOrder { number }.load(conn).await?,
        Subject::Subscription(number) => HoldSubscription { number }.load(conn).await?,
    };
    Ok(())
}

/// Everything that it is about, but for its cases. Nothing is locked here.
pub(super) async fn of(
    conn: &mut AsyncPgConnection,
    asked: &Subject,
) -> Result<Scope, LedgerError> {
    match asked {
        Subject::Order(number) => {
            let written = Order { number }.load(conn).await?.into_iter().next();
            order(conn, number, written).await
        }
        Subject::Subscription(number) => {
            let written = Subscription { number }.load(conn).await?.into_iter().next();
            subscription(conn, number, written).await
        }
    }
}

/// The cases about it, and the notes on them.
pub(super) async fn cases(
    conn: &mut AsyncPgConnection,
    asked: &Subject,
) -> Result<(i64, i64), LedgerError> {
    let Scope { numbers, transactions, .. } = of(conn, asked).await?;
    let (accounts, transactions): (Vec<_>, Vec<_>) =
        transactions.into_iter().map(|key| (key.account, key.transaction)).unzip();
    let cases = Cases { numbers: &numbers, accounts: &accounts, transactions: &transactions };
    let counted: Vec<(i64, i64)> = cases.load(conn).await?;
    Ok(counted.into_iter().next().unwrap_or_default())
}

async fn order(
    conn: &mut AsyncPgConnection,
    number: &str,
    written: Written,
) -> Result<Scope, LedgerError> {
    let is_written = written.is_some();
    let (order_no, has_metadata) = written.unwrap_or_else(|| (number.to_owned(), false));
    let numbers: Vec<String> = if is_written {
        Numbers { order_no: &order_no }.load(conn).await?
    } else {
        vec![number.to_owned()]
    };
    let paid: Vec<(String, String)> = PaidUnder { numbers: &numbers }.load(conn).await?;
    let (accounts, transactions): (Vec<_>, Vec<_>) = paid.iter().cloned().unzip();
    let beside =
        SubscriptionsOf { order_no: &order_no, accounts: &accounts, transactions: &transactions };
    let beside: Vec<String> = beside.load(conn).await?;
    Ok(Scope {
        subject: Subject::Order(order_no),
        is_written,
        transactions: paid.into_iter().map(payment).collect(),
        agreements: vec![],
        beside: beside.into_iter().map(Subject::Subscription).collect(),
        has_metadata,
        cases: (0, 0),
        numbers,
    })
}

async fn subscription(
    conn: &mut AsyncPgConnection,
    number: &str,
    written: Written,
) -> Result<Scope, LedgerError> {
    let agreed: Vec<(String, String)> = Agreements { number }.load(conn).await?;
    let (accounts, agreements): (Vec<_>, Vec<_>) = agreed.iter().cloned().unzip();
    let charged = Charged { number, accounts: &accounts, agreements: &agreements };
    let charged: Vec<(String, String)> = charged.load(conn).await?;
    let (accounts, transactions): (Vec<_>, Vec<_>) = charged.iter().cloned().unzip();
    let beside = OrdersOf { accounts: &accounts, transactions: &transactions };
    let beside: Vec<String> = beside.load(conn).await?;
    let agreement = |(account, agreement)| AgreementKey { account, agreement };
    Ok(Scope {
        subject: Subject::Subscription(number.to_owned()),
        is_written: written.is_some(),
        numbers: vec![],
        transactions: charged.into_iter().map(payment).collect(),
        agreements: agreed.into_iter().map(agreement).collect(),
        beside: beside.into_iter().map(Subject::Order).collect(),
        has_metadata: written.is_some_and(|(_, has_metadata)| has_metadata),
        cases: (0, 0),
    })
}

fn payment((account, transaction): (String, String)) -> PaymentKey {
    PaymentKey { account, transaction }
}
