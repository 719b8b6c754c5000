//! Subscriptions, what was said of their agreements, and their charges: loaded and written with a batch.

use std::collections::BTreeSet;

use diesel::prelude::*;
use shared::notification::Revival;
use shared::order::Mode;
use shared::subscription::{EndReason, SubscriptionStatus};
use worker::decide::fold::Books;
use worker::decide::subscription::{
    AgreementKey, Change, ChangeKey, Charge, Contracts, Cover, Standing, Subscription, Terms, What,
};
use worker::decide::{PaymentKey, State};

use super::fault::Result;
use crate::embedded::schema::{agreement_changes, charges, payments, subscriptions};
use crate::embedded::values::{self, instant, instant_or_none, money, word};

mod write;

pub(super) use self::write::write;

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscriptions, check_for_backend(diesel::sqlite::Sqlite))]
pub(super) struct SubscriptionRow {
    pub(super) subscription_no: String,
    pub(super) account: String,
    pub(super) agreement_no: Option<String>,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) period: String,
    pub(super) anchor: Option<i64>,
    pub(super) time_zone: String,
    pub(super) grace: String,
    pub(super) status: String,
    pub(super) agreement: Option<String>,
    pub(super) paid_through: Option<i64>,
    pub(super) entitled_until: Option<i64>,
    pub(super) failed_at: Option<i64>,
    pub(super) ended: Option<String>,
    pub(super) due_at: Option<i64>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = agreement_changes, check_for_backend(diesel::sqlite::Sqlite))]
struct ChangeRow {
    what: String,
    occurred_at: i64,
    charge: String,
    subscription_no: String,
    revival: String,
    valid_until: Option<i64>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = charges, check_for_backend(diesel::sqlite::Sqlite))]
struct ChargeRow {
    account: String,
    transaction: String,
    agreement: Option<String>,
    subscription_no: Option<String>,
    period: Option<String>,
    occurred_at: i64,
    stands: bool,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
}

/// Everything about the subscriptions that these books, agreements and numbers touch.
pub(super) fn load(
    connection: &mut SqliteConnection,
    books: &Books,
    mut agreements: BTreeSet<AgreementKey>,
    mut numbers: BTreeSet<String>,
) -> Result<Contracts> {
    let mut contracts = Contracts::default();
    let known: BTreeSet<&PaymentKey> = books.states.values().flat_map(State::charged).collect();
    let under = books.states.values().flat_map(|state| &state.payments);
    agreements.extend(under.filter_map(|(key, payment)| payment.under(key)));
    let orders = books.states.values().filter_map(|state| state.order.as_ref());
    numbers.extend(orders.filter_map(|order| order.subscription_no.clone()));
    for key in known {
        let found = charges::table.find((&key.account, &key.transaction));
        let row: Option<ChargeRow> =
            found.select(ChargeRow::as_select()).first(connection).optional()?;
        if let Some(row) = row {
            numbers.extend(row.subscription_no.clone());
            add_charge(connection, &mut contracts, row)?;
        }
    }
    for key in &agreements {
        numbers.extend(named_by(connection, key)?);
    }
    for number in numbers {
        let found = subscriptions::table.find(&number).select(SubscriptionRow::as_select());
        let Some(row) = found.first(connection).optional()? else { continue };
        let one = subscription(row)?;
        agreements.extend(agreements_of(connection, &one.terms)?);
        contracts.subscriptions.insert(number.clone(), one);
        let of = charges::table.filter(charges::subscription_no.eq(&number));
        let rows: Vec<ChargeRow> = of.select(ChargeRow::as_select()).load(connection)?;
        for row in rows {
            add_charge(connection, &mut contracts, row)?;
        }
    }
    for key in agreements {
        changes_of(connection, &mut contracts, key)?;
    }
    Ok(contracts)
}

/// The numbers under which the payments stand that are a subscription's charges, or may be.
pub(super) fn numbers_of(
    connection: &mut SqliteConnection,
    subscription_no: &str,
) -> Result<Vec<String>> {
    let mut keys: BTreeSet<(String, String)> = BTreeSet::new();
    let key = (charges::account, charges::transaction);
    let of = charges::table.filter(charges::subscription_no.eq(subscription_no));
    keys.extend(of.select(key).load::<(String, String)>(connection)?);
    let found = subscriptions::table.find(subscription_no).select(SubscriptionRow::as_select());
    if let Some(row) = found.first(connection).optional()? {
        for under in agreements_of(connection, &subscription(row)?.terms)? {
            let of = charges::table
                .filter(charges::account.eq(&under.account))
                .filter(charges::agreement.eq(&under.agreement));
            keys.extend(of.select(key).load::<(String, String)>(connection)?);
        }
    }
    let mut numbers = vec![];
    for key in keys {
        numbers.push(payments::table.find(key).select(payments::order_number).first(connection)?);
    }
    Ok(numbers)
}

/// The subscriptions that an agreement is, or may be, bound to.
fn named_by(connection: &mut SqliteConnection, key: &AgreementKey) -> Result<Vec<String>> {
    let mut numbers: Vec<String> = agreement_changes::table
        .filter(agreement_changes::account.eq(&key.account))
        .filter(agreement_changes::agreement.eq(&key.agreement))
        .select(agreement_changes::subscription_no)
        .distinct()
        .load(connection)?;
    numbers.extend(owner(connection, key)?);
    Ok(numbers)
}

/// The subscription that the shop named an agreement for.
fn owner(connection: &mut SqliteConnection, key: &AgreementKey) -> Result<Option<String>> {
    let named = subscriptions::table
        .filter(subscriptions::account.eq(&key.account))
        .filter(subscriptions::agreement_no.eq(&key.agreement));
    Ok(named.select(subscriptions::subscription_no).first(connection).optional()?)
}

/// The agreements that are, or may be, a subscription's.
fn agreements_of(connection: &mut SqliteConnection, terms: &Terms) -> Result<Vec<AgreementKey>> {
    let signed: Vec<(String, String)> = agreement_changes::table
        .filter(agreement_changes::subscription_no.eq(&terms.subscription_no))
        .select((agreement_changes::account, agreement_changes::agreement))
        .distinct()
        .load(connection)?;
    let named = terms.agreement_no.clone().map(|agreement| (terms.account.clone(), agreement));
    let all = signed.into_iter().chain(named);
    Ok(all.map(|(account, agreement)| AgreementKey { account, agreement }).collect())
}

fn changes_of(
    connection: &mut SqliteConnection,
    contracts: &mut Contracts,
    key: AgreementKey,
) -> Result<()> {
    let rows: Vec<ChangeRow> = agreement_changes::table
        .filter(agreement_changes::account.eq(&key.account))
        .filter(agreement_changes::agreement.eq(&key.agreement))
        .select(ChangeRow::as_select())
        .load(connection)?;
    if rows.is_empty() {
        return Ok(());
    }
    let owner = owner(connection, &key)?;
    let agreement = contracts.agreements.entry(key).or_default();
    agreement.owner = owner;
    for row in rows {
        let key = ChangeKey {
            what: word("change of an agreement", &row.what, What::from_word)?,
            occurred_at: instant(row.occurred_at)?,
            charge: row.charge,
            subscription_no: row.subscription_no,
        };
        let change = Change {
            valid_until: instant_or_none(row.valid_until)?,
            revival: word("kind of revival", &row.revival, Revival::from_word)?,
        };
        agreement.changes.insert(key, change);
    }
    Ok(())
}

fn add_charge(
    connection: &mut SqliteConnection,
    contracts: &mut Contracts,
    row: ChargeRow,
) -> Result<()> {
    let paid = payments::table.find((&row.account, &row.transaction));
    let (mode, order_number): (String, String) =
        paid.select((payments::mode, payments::order_number)).first(connection)?;
    let key = PaymentKey { account: row.account, transaction: row.transaction };
    let cover = (instant_or_none(row.starts_at)?, instant_or_none(row.ends_at)?);
    let one =
        row.subscription_no.as_ref().and_then(|number| contracts.subscriptions.get_mut(number));
    if let (Some(one), (Some(from), Some(until))) = (one, cover) {
        one.standing.covers.insert(key.clone(), Cover { from, until });
    }
    let charge = Charge {
        subscription_no: row.subscription_no,
        agreement: row.agreement,
        order_number,
        period: row.period,
        occurred_at: instant(row.occurred_at)?,
        stands: row.stands,
        mode: word("mode", &mode, Mode::from_word)?,
    };
    contracts.charges.insert(key, charge);
    Ok(())
}

pub(super) fn subscription(row: SubscriptionRow) -> values::Result<Subscription> {
    let ended = row.ended.as_deref().map(|text| word("reason", text, EndReason::from_word));
    let standing = Standing {
        status: word("status", &row.status, SubscriptionStatus::from_word)?,
        agreement_no: row.agreement,
        paid_through: instant_or_none(row.paid_through)?,
        entitled_until: instant_or_none(row.entitled_until)?,
        failed_at: instant_or_none(row.failed_at)?,
        ended: ended.transpose()?,
        due_at: instant_or_none(row.due_at)?,
        ..Standing::pending()
    };
    let terms = Terms {
        subscription_no: row.subscription_no,
        account: row.account,
        agreement_no: row.agreement_no,
        amount: money(row.amount, &row.currency)?,
        period: row.period,
        anchor: instant_or_none(row.anchor)?,
        time_zone: row.time_zone,
        grace: row.grace,
        mode: Mode::default(),
    };
    Ok(Subscription { terms, standing })
}
