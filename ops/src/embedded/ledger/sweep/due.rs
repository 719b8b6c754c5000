//! What there is to do for a sweep.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::Bool;
use shared::notification::PaymentStatus;
use time::OffsetDateTime;

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
    pub(super) fn split(self, connection: &mut SqliteConnection) -> Result<Vec<Self>> {
        let listed = |list: &[String], name: &String| match list.contains(name) {
            true => vec![name.clone()],
            false => vec![],
        };
        let mut all = vec![];
        for number in self.numbers {
            let listed_numbers = listed(&self.listed_numbers, &number);
            all.push(Self { listed_numbers, ..Self::number(&number) });
        }
        for number in self.subscriptions {
            let listed_subscriptions = listed(&self.listed_subscriptions, &number);
            all.push(Self {
                numbers: contracts::numbers_of(connection, &number)?.into_iter().collect(),
                subscriptions: BTreeSet::from([number]),
                listed_numbers: vec![],
                listed_subscriptions,
            });
        }
        Ok(all)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.subscriptions.is_empty()
    }
}

/// What there is to do: numbers, and subscriptions.
pub(super) fn due(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Due> {
    let mut numbers = due_numbers(connection, now, limit)?;
    let listed_numbers: Vec<String> =
        number_changes::table.select(number_changes::number).limit(limit).load(connection)?;
    let listed_subscriptions: Vec<String> = subscription_changes::table
        .select(subscription_changes::subscription_no)
        .limit(limit)
        .load(connection)?;
    let run_out: Vec<String> = subscriptions::table
        .filter(
            subscriptions::due_at
                .is_not_null()
                .and(subscriptions::due_at.assume_not_null().le(micros(now))),
        )
        .select(subscriptions::subscription_no)
        .limit(limit)
        .load(connection)?;
    numbers.extend(listed_numbers.iter().cloned());
    for number in &listed_subscriptions {
        numbers.extend(contracts::numbers_of(connection, number)?);
    }
    let subscriptions = listed_subscriptions.iter().cloned().chain(run_out).collect();
    Ok(Due { numbers, subscriptions, listed_numbers, listed_subscriptions })
}

/// Numbers under which there is something to do.
fn due_numbers(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<BTreeSet<String>> {
    let proven = PaymentStatus::ALL.iter().copied().filter(|status| status.proves_payment());
    let overdue = payments::deadline
        .le(micros(now))
        .assume_not_null()
        .and(payments::absent.or(payments::status.eq_any(proven.map(PaymentStatus::as_str))));
    let named = diesel::dsl::not(payments::absent).and(diesel::dsl::exists(
        order_numbers::table.filter(order_numbers::number.eq(payments::order_number)),
    ));
    let waiting: Vec<String> = payments::table
        // As the index says it.
        .filter(diesel::dsl::sql::<Bool>(
            "payments.order_no is null and not payments.without_order",
        ))
        .filter(named.or(payments::deadline.is_not_null().and(overdue)))
        .select(payments::order_number)
        .distinct()
        .limit(limit)
        .load(connection)?;
    let cancelled: Vec<String> = orders::table
        .filter(orders::cancelled_at.is_not_null())
        // As the index says it; what was accepted after its cancel is neither.
        .filter(diesel::dsl::sql::<Bool>("status <> 'cancelled' and status = 'pending'"))
        .select(orders::order_no)
        .limit(limit)
        .load(connection)?;
    let over: Vec<String> = orders::table
        .filter(orders::expires_at.lt(micros(now)))
        // As the index says it.
        .filter(diesel::dsl::sql::<Bool>("expires_at is not null and status = 'pending'"))
        .select(orders::order_no)
        .limit(limit)
        .load(connection)?;
    let limit = usize::try_from(limit).unwrap_or(0);
    Ok(waiting.into_iter().chain(cancelled).chain(over).take(limit).collect())
}
