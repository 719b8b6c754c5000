//! What there is to do for a sweep.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::Bool;
use shared::notification::PaymentStatus;
use time::OffsetDateTime;
use worker::ledger::resting::{Kind, Pages, Resting};

use super::super::contracts;
use super::super::fault::Result;
use crate::embedded::schema::{
    number_changes, order_numbers, orders, payments, subscription_changes, subscriptions,
};
use crate::embedded::values::micros;

/// What is to be looked at.
#[derive(Clone, Default)]
pub(super) struct Due {
    pub(super) numbers: BTreeSet<String>,
    pub(super) subscriptions: BTreeSet<String>,
    /// Entries of the lists that are done with it.
    pub(super) listed_numbers: Vec<String>,
    pub(super) listed_subscriptions: Vec<String>,
}

impl Due {
    pub(super) fn number(number: &str) -> Self {
        Self { numbers: BTreeSet::from([number.to_owned()]), ..Self::default() }
    }

    /// Each subject alone.
    pub(super) fn split(
        self,
        connection: &mut SqliteConnection,
    ) -> Result<Vec<((Kind, String), Self)>> {
        let listed = |list: &[String], name: &String| match list.contains(name) {
            true => vec![name.clone()],
            false => vec![],
        };
        let mut all = vec![];
        for number in self.numbers {
            let listed_numbers = listed(&self.listed_numbers, &number);
            let alone = Self { listed_numbers, ..Self::number(&number) };
            all.push(((Kind::Number, number), alone));
        }
        for number in self.subscriptions {
            let alone = Self {
                numbers: contracts::numbers_of(connection, &number)?.into_iter().collect(),
                subscriptions: BTreeSet::from([number.clone()]),
                listed_numbers: vec![],
                listed_subscriptions: listed(&self.listed_subscriptions, &number),
            };
            all.push(((Kind::Subscription, number), alone));
        }
        Ok(all)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.subscriptions.is_empty()
    }
}

/// What there is to do: numbers, and subscriptions; without what rests.
pub(super) fn due(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    limit: i64,
    resting: &Resting,
) -> Result<Due> {
    let number = |name: &String| !resting.has(Kind::Number, name);
    let subscription = |name: &String| !resting.has(Kind::Subscription, name);
    let mut numbers = BTreeSet::new();
    for list in [waiting, cancelled, over] {
        numbers.extend(awake(limit, number, |page| list(connection, now, page))?);
    }
    let listed_numbers = awake(limit, number, |(skipped, limit)| {
        let listed = number_changes::table.select(number_changes::number);
        listed.order(number_changes::number).limit(limit).offset(skipped).load(connection)
    })?;
    let listed_subscriptions = awake(limit, subscription, |(skipped, limit)| {
        let no = subscription_changes::subscription_no;
        let listed = subscription_changes::table.select(no);
        listed.order(no).limit(limit).offset(skipped).load(connection)
    })?;
    let run_out = awake(limit, subscription, |page| run_out(connection, now, page))?;
    numbers.extend(listed_numbers.iter().cloned());
    for number in &listed_subscriptions {
        numbers.extend(contracts::numbers_of(connection, number)?);
    }
    let subscriptions = listed_subscriptions.iter().cloned().chain(run_out).collect();
    Ok(Due { numbers, subscriptions, listed_numbers, listed_subscriptions })
}

/// How many of a list to skip, and how many to take then.
type Page = (i64, i64);

/// The first page of a list on which not everything rests, without what rests.
fn awake(
    limit: i64,
    is_awake: impl Fn(&String) -> bool,
    mut page: impl FnMut(Page) -> QueryResult<Vec<String>>,
) -> QueryResult<Vec<String>> {
    let mut pages = Pages::of(limit);
    loop {
        if let Some(found) = pages.turn(page((pages.skipped, limit))?, &is_awake) {
            return Ok(found);
        }
    }
}

/// Numbers of payments that wait, whose orders appeared or whose deadlines passed.
fn waiting(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    (skipped, limit): Page,
) -> QueryResult<Vec<String>> {
    let proven = PaymentStatus::ALL.iter().copied().filter(|status| status.proves_payment());
    let overdue = payments::deadline
        .le(micros(now))
        .assume_not_null()
        .and(payments::absent.or(payments::status.eq_any(proven.map(PaymentStatus::as_str))));
    let named = diesel::dsl::not(payments::absent).and(diesel::dsl::exists(
        order_numbers::table.filter(order_numbers::number.eq(payments::order_number)),
    ));
    payments::table
        // As the index says it.
        .filter(diesel::dsl::sql::<Bool>(
            "payments.order_no is null and not payments.without_order",
        ))
        .filter(named.or(payments::deadline.is_not_null().and(overdue)))
        .select(payments::order_number)
        .distinct()
        .order(payments::order_number)
        .limit(limit)
        .offset(skipped)
        .load(connection)
}

/// Orders whose cancels are not announced.
fn cancelled(
    connection: &mut SqliteConnection,
    _: OffsetDateTime,
    (skipped, limit): Page,
) -> QueryResult<Vec<String>> {
    orders::table
        .filter(orders::cancelled_at.is_not_null())
        // As the index says it; what was accepted after its cancel is neither.
        .filter(diesel::dsl::sql::<Bool>("status <> 'cancelled' and status = 'pending'"))
        .select(orders::order_no)
        .order(orders::order_no)
        .limit(limit)
        .offset(skipped)
        .load(connection)
}

/// Orders past their end.
fn over(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    (skipped, limit): Page,
) -> QueryResult<Vec<String>> {
    orders::table
        .filter(orders::expires_at.lt(micros(now)))
        // As the index says it.
        .filter(diesel::dsl::sql::<Bool>("expires_at is not null and status = 'pending'"))
        .select(orders::order_no)
        .order(orders::order_no)
        .limit(limit)
        .offset(skipped)
        .load(connection)
}

/// Subscriptions that time alone changes.
fn run_out(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    (skipped, limit): Page,
) -> QueryResult<Vec<String>> {
    let due = subscriptions::due_at.assume_not_null().le(micros(now));
    subscriptions::table
        .filter(subscriptions::due_at.is_not_null().and(due))
        .select(subscriptions::subscription_no)
        .order((subscriptions::due_at, subscriptions::subscription_no))
        .limit(limit)
        .offset(skipped)
        .load(connection)
}
