//! Reading what a batch touches, under the file's write lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use shared::notification::Fact;
use shared::order::{Mode, OrderStatus};
use uuid::Uuid;
use worker::decide::case::About;
use worker::decide::fold::{Books, Reading, name_without_payment};
use worker::decide::subscription::AgreementKey;
use worker::decide::{Fulfilment, Order, PaymentKey, Recorded, State, about_money};

use super::fault::Result;
use super::{cases, contracts, payments, resolutions};
use crate::embedded::schema::{fulfilments, identities, order_numbers, orders};
use crate::embedded::values::{self, instant_or_none, money, word};

#[derive(Queryable, Selectable)]
#[diesel(table_name = orders, check_for_backend(diesel::sqlite::Sqlite))]
struct OrderRow {
    order_no: String,
    amount: i64,
    currency: String,
    account: Option<String>,
    subscription_no: Option<String>,
    period: Option<String>,
    status: String,
    paid_amount: i64,
    refunded_amount: i64,
    paid_at: Option<i64>,
    cancelled_at: Option<i64>,
    expires_at: Option<i64>,
    mode: String,
}

/// Claims the identities and loads the books for what was not claimed before, and for replays, which are
/// decided all the same.
pub(super) fn books(connection: &mut SqliteConnection, readings: &[&Reading]) -> Result<Books> {
    let seen = claim(connection, readings)?;
    let mut numbers = BTreeSet::new();
    let mut keys = BTreeSet::new();
    let mut agreements = BTreeSet::new();
    let mut subscriptions = BTreeSet::new();
    for reading in readings {
        let account = &reading.message.account;
        for notification in &reading.notifications {
            let identity = (account.clone(), notification.identity.clone());
            if seen.contains(&identity) && reading.replay.is_none() {
                continue;
            }
            if let Some(Fact::Agreement(fact)) = &notification.fact {
                agreements.insert(AgreementKey::of(account, fact));
                subscriptions.extend(fact.subscription_no.clone());
            }
            let under = notification.payment().and_then(|fact| fact.agreement.clone());
            agreements.extend(
                under.map(|agreement| AgreementKey { account: account.clone(), agreement }),
            );
            let Some((key, fact)) = about_money(account, notification) else { continue };
            match fact {
                Fact::Payment(fact) => {
                    let stands = payments::number_of(connection, &key)?;
                    let is_unnamed = fact.named().is_none();
                    let found = |number: &String| is_unnamed || *number == key.transaction;
                    numbers.extend(stands.filter(found));
                    numbers.insert(fact.order_number.clone());
                }
                // They belong where their payment stands, whatever they name.
                Fact::Refund(_) | Fact::Dispute(_) | Fact::Agreement(_) => {
                    numbers.extend(payments::number_of(connection, &key)?);
                }
            }
            keys.insert(key);
        }
    }
    let mut books = load(connection, numbers, &keys)?;
    books.contracts = contracts::load(connection, &books, agreements, subscriptions)?;
    books.seen = seen;
    Ok(books)
}

/// Loads the states that these numbers belong to, and these subscriptions.
pub(super) fn states(
    connection: &mut SqliteConnection,
    numbers: BTreeSet<String>,
    subscriptions: BTreeSet<String>,
) -> Result<Books> {
    let mut books = load(connection, numbers, &BTreeSet::new())?;
    books.contracts = contracts::load(connection, &books, BTreeSet::new(), subscriptions)?;
    Ok(books)
}

fn load(
    connection: &mut SqliteConnection,
    mut numbers: BTreeSet<String>,
    keys: &BTreeSet<PaymentKey>,
) -> Result<Books> {
    let mut books = Books::default();
    if numbers.is_empty() && keys.is_empty() {
        return Ok(books);
    }
    for order in orders_of(connection, &numbers)? {
        let state = State { order: Some(order.clone()), ..State::default() };
        books.states.insert(order.order_no, state);
    }
    let aliases: Vec<(String, String)> = order_numbers::table
        .filter(order_numbers::order_no.eq_any(books.states.keys()))
        .select((order_numbers::number, order_numbers::order_no))
        .load(connection)?;
    numbers.extend(aliases.iter().map(|(number, _)| number.clone()));
    books.numbers.extend(aliases);
    let mut places = HashMap::new();
    for (key, payment) in payments::of(connection, &numbers, keys)? {
        let name = if payment.is_absent() {
            numbers.insert(payment.order_number.clone());
            name_without_payment(&key)
        } else {
            books.name_of(&payment.order_number)
        };
        places.insert(key.clone(), name.clone());
        books.states.entry(name).or_default().payments.insert(key, payment);
    }
    for (key, case) in cases::open(connection, &numbers)? {
        let name = match &key.about {
            About::Payment(payment) => places.get(payment).cloned(),
            About::Order(_) => None,
        };
        let name = name.unwrap_or_else(|| books.name_of(&case.order_number));
        books.states.entry(name).or_default().cases.insert(key, case);
    }
    resolutions::read(connection, &mut books, &places)?;
    Ok(books)
}

/// Answers the identities that another message has claimed.
fn claim(
    connection: &mut SqliteConnection,
    readings: &[&Reading],
) -> Result<BTreeSet<(String, String)>> {
    let mut wanted: BTreeMap<(&str, &str), Uuid> = BTreeMap::new();
    for reading in readings {
        for notification in &reading.notifications {
            let identity = (reading.message.account.as_str(), notification.identity.as_str());
            wanted.entry(identity).or_insert(reading.message.id);
        }
    }
    let mut seen = BTreeSet::new();
    for ((account, identity), message_id) in wanted {
        let claimed = diesel::insert_into(identities::table)
            .values((
                identities::account.eq(account),
                identities::identity.eq(identity),
                identities::message_id.eq(message_id.to_string()),
            ))
            .on_conflict_do_nothing()
            .execute(connection)?;
        if claimed == 0 {
            seen.insert((account.to_owned(), identity.to_owned()));
        }
    }
    Ok(seen)
}

fn orders_of(connection: &mut SqliteConnection, numbers: &BTreeSet<String>) -> Result<Vec<Order>> {
    let order_nos = order_numbers::table
        .filter(order_numbers::number.eq_any(numbers))
        .select(order_numbers::order_no);
    let rows: Vec<OrderRow> = orders::table
        .filter(orders::order_no.eq_any(order_nos))
        .select(OrderRow::as_select())
        .load(connection)?;
    let fulfilled: Vec<(String, bool)> = fulfilments::table
        .filter(fulfilments::order_no.eq_any(rows.iter().map(|row| &row.order_no)))
        .select((fulfilments::order_no, fulfilments::active))
        .load(connection)?;
    let fulfilled: HashMap<String, bool> = fulfilled.into_iter().collect();
    let order = |row: OrderRow| {
        let fulfilment = match fulfilled.get(&row.order_no) {
            None => Fulfilment::None,
            Some(true) => Fulfilment::Active,
            Some(false) => Fulfilment::Revoked,
        };
        order(row, fulfilment)
    };
    Ok(rows.into_iter().map(order).collect::<values::Result<_>>()?)
}

fn order(row: OrderRow, fulfilment: Fulfilment) -> values::Result<Order> {
    let recorded = Recorded {
        status: word("status", &row.status, OrderStatus::from_word)?,
        paid_minor: row.paid_amount,
        refunded_minor: row.refunded_amount,
        fulfilment,
        paid_at: instant_or_none(row.paid_at)?,
    };
    Ok(Order {
        order_no: row.order_no,
        amount: money(row.amount, &row.currency)?,
        account: row.account,
        cancelled: row.cancelled_at.is_some(),
        subscription_no: row.subscription_no,
        period: row.period,
        expires_at: instant_or_none(row.expires_at)?,
        mode: word("mode", &row.mode, Mode::from_word)?,
        recorded,
    })
}
