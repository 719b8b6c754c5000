//! Reading what a batch touches, under locks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use shared::notification::{Fact, Notification};
use uuid::Uuid;

use self::rows::{OrderRow, PaymentRow, case, order, payment};
use crate::decide::case::About;
use crate::decide::fold::{Books, Reading, name_without_payment};
use crate::decide::subscription::AgreementKey;
use crate::decide::{Link, PaymentKey, State, about_money};
use crate::ledger::LedgerError;

mod details;
mod contracts;
mod rows;
mod resolutions;

statement!(
    /// Claims identities; answers those that nobody had claimed. It passes the gate of erasures first, which
    /// would cost a round trip of its own: the rows are sorted after the gate was joined, and claimed after that.
    Claim {
        accounts: Array<Text> = [String],
        identities: Array<Text> = [String],
        messages: Array<SqlUuid> = [Uuid],
    } -> (Text, Text) = "
    with gate as materialized (select pg_advisory_xact_lock_shared(5783906145390019))
    insert into identities (account, identity, message_id)
    select t.* from gate, unnest(?::text[], ?::text[], ?::uuid[]) as t (a, i, m) order by a, i
    on conflict do nothing returning account, identity"
);

statement!(
    LockOrders { numbers: Array<Text> = [String] }
    -> (Array<Text>, Text, BigInt, Text, Nullable<Text>, Bool, Text, BigInt, BigInt, Nullable<Timestamptz>,
        Nullable<Timestamptz>, Text, Nullable<Text>, Nullable<Text>) = "
    select array(select a.number from order_numbers a where a.order_no = o.order_no),
           o.order_no, o.amount, o.currency, o.account, o.cancelled_at is not null,
           o.status, o.paid_amount, o.refunded_amount, o.paid_at, o.expires_at, o.mode,
           o.subscription_no, o.period
    from order_numbers n join orders o using (order_no)
    where n.number = any(?::text[]) order by o.order_no, n.number for update of o"
);

statement!(
    /// Where the payments stand that these words are about, which name no order for them.
    Locate { accounts: Array<Text> = [String], transactions: Array<Text> = [String] } -> (Text) = "
    select p.order_number from payments p
    join unnest(?::text[], ?::text[]) as t (account, transaction) using (account, transaction)"
);

statement!(
    /// By their numbers; by their own keys, because one of which only refunds are known stands
    /// under no order's number.
    LockPayments {
        numbers: Array<Text> = [String],
        accounts: Array<Text> = [String],
        transactions: Array<Text> = [String],
    }
    -> (Text, Text, Text, Text, BigInt, Text, Timestamptz, Nullable<Timestamptz>,
        Nullable<Timestamptz>, Nullable<Text>, Bool, Text, Bool, Nullable<Text>) = "
    select p.account, p.transaction, p.order_number, p.status, p.amount, p.currency, p.occurred_at,
           p.closed_at, p.deadline, p.order_no, p.absent, p.mode, p.named_only, p.agreement
    from (
        select account, transaction from payments where order_number = any(?::text[])
        union
        select account, transaction
        from payments join unnest(?::text[], ?::text[]) as t (account, transaction)
             using (account, transaction)
    ) as wanted join payments p using (account, transaction)
    order by account, transaction for update of p"
);

statement!(
    OpenCases { numbers: Array<Text> = [String] }
    -> (Text, Text, Nullable<Text>, Nullable<Text>, BigInt, Text, Text, Nullable<Timestamptz>) = "
    select kind, order_number, account, transaction, amount, currency, policy, refund_by
    from cases where order_number = any(?::text[]) and status <> 'resolved'"
);

/// What a batch names.
#[derive(Default)]
struct Named {
    numbers: BTreeSet<String>,
    /// Transactions for which payments name an order.
    paid: BTreeSet<PaymentKey>,
    /// Transactions that are spoken of without an order.
    others: BTreeSet<PaymentKey>,
    agreements: BTreeSet<AgreementKey>,
    subscriptions: BTreeSet<String>,
}

/// Claims the identities and loads the books for what was not claimed before, and for replays, which are
/// decided all the same.
pub(super) async fn books(
    conn: &mut AsyncPgConnection,
    readings: &[&Reading],
) -> Result<Books, LedgerError> {
    let seen = claim(conn, readings).await?;
    let mut named = Named::default();
    for reading in readings {
        for notification in &reading.notifications {
            let identity = (reading.message.account.clone(), notification.identity.clone());
            if !seen.contains(&identity) || reading.replay.is_some() {
                named.add(&identity.0, notification);
            }
        }
    }
    if !named.others.is_empty() {
        let (accounts, transactions) = columns(&named.others);
        let locate = Locate { accounts: &accounts, transactions: &transactions };
        named.numbers.extend(locate.load::<String>(conn).await?);
    }
    let mut books = load(conn, named).await?;
    books.seen = seen;
    Ok(books)
}

/// Loads and locks the states that these numbers belong to, and these subscriptions.
pub(super) async fn states(
    conn: &mut AsyncPgConnection,
    numbers: BTreeSet<String>,
    subscriptions: BTreeSet<String>,
) -> Result<Books, LedgerError> {
    load(conn, Named { numbers, subscriptions, ..Named::default() }).await
}

async fn load(conn: &mut AsyncPgConnection, mut named: Named) -> Result<Books, LedgerError> {
    let mut books = loop {
        let (books, found) = money(conn, &named).await?;
        if found.is_empty() {
            break books;
        }
        // They stand under their transactions' own numbers until now.
        named.numbers.extend(found);
    };
    books.contracts = contracts::of(conn, &books, named.agreements, named.subscriptions).await?;
    Ok(books)
}

/// The orders, payments and cases; and numbers to be loaded with them, under which payments stand that are
/// named for other orders only now.
async fn money(
    conn: &mut AsyncPgConnection,
    named: &Named,
) -> Result<(Books, BTreeSet<String>), LedgerError> {
    let (mut books, mut found) = (Books::default(), BTreeSet::new());
    if named.numbers.is_empty() && named.others.is_empty() {
        return Ok((books, found));
    }
    let mut all = orders(conn, &mut books, &named.numbers).await?;
    let numbers: Vec<String> = all.iter().cloned().collect();
    let (accounts, transactions) = columns(named.paid.union(&named.others));
    let lock = LockPayments { numbers: &numbers, accounts: &accounts, transactions: &transactions };
    let rows: Vec<PaymentRow> = lock.load(conn).await?;
    if rows.is_empty() {
        return Ok((books, found));
    }
    let mut details = details::of(conn, rows.iter().map(|row| (&row.0, &row.1))).await?;
    let mut places = HashMap::new();
    for row in rows {
        let (key, payment) = payment(row, &mut details)?;
        if !payment.is_absent() && !all.contains(&payment.order_number) {
            if named.others.contains(&key) {
                let moment = "a payment appeared at this moment";
                return Err(LedgerError::Conflict(moment.to_owned()));
            }
            // Else the ledger refuses it where it is written: another order is named for it.
            if payment.order_number == key.transaction {
                found.insert(payment.order_number);
            }
            continue;
        }
        if payment.link == Link::Order && !books.numbers.contains_key(&payment.order_number) {
            // Its order appeared, and somebody joined it, after the orders were looked up here.
            return Err(LedgerError::Conflict("an order appeared at this moment".to_owned()));
        }
        let name = if payment.is_absent() {
            all.insert(payment.order_number.clone());
            name_without_payment(&key)
        } else {
            books.name_of(&payment.order_number)
        };
        places.insert(key.clone(), name.clone());
        books.states.entry(name).or_default().payments.insert(key, payment);
    }
    let all: Vec<String> = all.into_iter().collect();
    for row in (OpenCases { numbers: &all }).load(conn).await? {
        let (key, case) = case(row)?;
        let name = match &key.about {
            About::Payment(payment) => places.get(payment).cloned(),
            About::Order(_) => None,
        };
        let name = name.unwrap_or_else(|| books.name_of(&case.order_number));
        books.states.entry(name).or_default().cases.insert(key, case);
    }
    resolutions::resolutions(conn, &mut books, &places).await?;
    Ok((books, found))
}

/// Locks the orders that bear these numbers, and answers all their numbers.
async fn orders(
    conn: &mut AsyncPgConnection,
    books: &mut Books,
    numbers: &BTreeSet<String>,
) -> Result<BTreeSet<String>, LedgerError> {
    let mut all = numbers.clone();
    let wanted: Vec<String> = numbers.iter().cloned().collect();
    let rows: Vec<OrderRow> = LockOrders { numbers: &wanted }.load(conn).await?;
    for (numbers, order_no, ..) in &rows {
        all.extend(numbers.iter().cloned());
        books.numbers.extend(numbers.iter().map(|number| (number.clone(), order_no.clone())));
    }
    for row in rows {
        let order = order(row)?;
        let state = State { order: Some(order.clone()), ..State::default() };
        books.states.entry(order.order_no).or_insert(state);
    }
    Ok(all)
}

impl Named {
    fn add(&mut self, account: &str, notification: &Notification) {
        match &notification.fact {
            Some(Fact::Agreement(fact)) => {
                self.agreements.insert(AgreementKey::of(account, fact));
                self.subscriptions.extend(fact.subscription_no.clone());
            }
            Some(Fact::Payment(fact)) => {
                self.agreements.extend(
                    fact.agreement
                        .clone()
                        .map(|agreement| AgreementKey { account: account.to_owned(), agreement }),
                );
            }
            Some(Fact::Refund(_) | Fact::Dispute(_)) | None => (),
        }
        let Some((key, fact)) = about_money(account, notification) else { return };
        if let Fact::Payment(fact) = fact {
            self.numbers.insert(fact.order_number.clone());
        }
        let names = matches!(fact, Fact::Payment(fact) if fact.named().is_some());
        if names {
            self.paid.insert(key)
        } else {
            self.others.insert(key)
        };
    }
}

/// Accounts and transactions, as a statement takes them.
fn columns<'a>(keys: impl IntoIterator<Item = &'a PaymentKey>) -> (Vec<String>, Vec<String>) {
    keys.into_iter().map(|key| (key.account.clone(), key.transaction.clone())).unzip()
}

async fn claim(
    conn: &mut AsyncPgConnection,
    readings: &[&Reading],
) -> Result<BTreeSet<(String, String)>, LedgerError> {
    let mut wanted = BTreeMap::new();
    for reading in readings {
        for notification in &reading.notifications {
            let identity = (reading.message.account.clone(), notification.identity.clone());
            wanted.entry(identity).or_insert(reading.message.id);
        }
    }
    if wanted.is_empty() {
        return Ok(BTreeSet::new());
    }
    let accounts: Vec<String> = wanted.keys().map(|(account, _)| account.clone()).collect();
    let identities: Vec<String> = wanted.keys().map(|(_, identity)| identity.clone()).collect();
    let messages: Vec<Uuid> = wanted.values().copied().collect();
    let claim = Claim { accounts: &accounts, identities: &identities, messages: &messages };
    let claimed: Vec<(String, String)> = claim.load(conn).await?;
    let claimed: HashSet<(String, String)> = claimed.into_iter().collect();
    Ok(wanted.into_keys().filter(|identity| !claimed.contains(identity)).collect())
}
