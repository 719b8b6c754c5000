//! Importing orders: inserted, or updated while nothing was paid.

use diesel::prelude::*;
use serde_json::Value;
use shared::order::{Mode, OrderStatus};
use shared::rules::Rules;
use time::OffsetDateTime;
use worker::ledger::records::{Imported, NewOrder};

use super::fault::Result;
use crate::embedded::schema::{order_numbers, orders, payments};
use crate::embedded::values::{from_json, micros, to_json};

#[derive(Queryable, Selectable)]
#[diesel(table_name = orders, check_for_backend(diesel::sqlite::Sqlite))]
struct Known {
    amount: i64,
    currency: String,
    account: Option<String>,
    status: String,
    expires_at: Option<i64>,
    metadata: Option<String>,
    mode: String,
    subscription_no: Option<String>,
    period: Option<String>,
}

/// One answer each, in their order.
pub(super) fn import(
    connection: &mut SqliteConnection,
    orders: &[NewOrder],
    now: OffsetDateTime,
    rules: &Rules,
) -> Result<Vec<Imported>> {
    let each = orders.iter().map(|order| match order.check_by(rules) {
        Err(wrong) => Ok(Imported::Refused(wrong)),
        Ok(()) => one(connection, order, order.mode_by(rules), now),
    });
    each.collect()
}

fn one(
    connection: &mut SqliteConnection,
    order: &NewOrder,
    mode: Mode,
    now: OffsetDateTime,
) -> Result<Imported> {
    let numbers = order.all_numbers();
    let taken: Option<String> = order_numbers::table
        .filter(order_numbers::number.eq_any(&numbers))
        .filter(order_numbers::order_no.ne(&order.order_no))
        .select(order_numbers::number)
        .first(connection)
        .optional()?;
    if let Some(number) = taken {
        return Ok(Imported::Refused(format!("number {number} is another order's")));
    }
    let find = orders::table.find(&order.order_no).select(Known::as_select());
    let written = match find.first(connection).optional()? {
        None => insert(connection, (order, mode), now)?,
        Some(known) => update(connection, (order, mode), &known, now)?,
    };
    match written {
        Imported::Inserted | Imported::Updated => {
            name(connection, order, &numbers)?;
            Ok(written)
        }
        // A paid order may still be offered under a further number.
        Imported::Unchanged if name(connection, order, &numbers)? > 0 => Ok(Imported::Updated),
        Imported::Unchanged | Imported::Refused(_) => Ok(written),
    }
}

fn insert(
    connection: &mut SqliteConnection,
    (order, mode): (&NewOrder, Mode),
    now: OffsetDateTime,
) -> Result<Imported> {
    diesel::insert_into(orders::table)
        .values((
            orders::order_no.eq(&order.order_no),
            orders::amount.eq(order.amount),
            orders::currency.eq(order.currency.as_str()),
            orders::account.eq(&order.account),
            orders::expires_at.eq(order.expires_at.map(micros)),
            orders::metadata.eq(metadata(order)?),
            orders::mode.eq(mode.as_str()),
            orders::subscription_no.eq(&order.subscription_no),
            orders::period.eq(&order.period),
            orders::created_at.eq(micros(now)),
        ))
        .execute(connection)?;
    Ok(Imported::Inserted)
}

fn update(
    connection: &mut SqliteConnection,
    (order, mode): (&NewOrder, Mode),
    known: &Known,
    now: OffsetDateTime,
) -> Result<Imported> {
    // What another program wrote may be deeper than we read: it is other metadata than this.
    let known_metadata: Option<Value> =
        known.metadata.as_deref().map(|text| from_json(text).unwrap_or_default());
    let same_terms = known.amount == order.amount
        && known.currency == order.currency.as_str()
        && known.account == order.account
        && known.mode == mode.as_str()
        && known.subscription_no == order.subscription_no
        && known.period == order.period;
    let same_expiry = known.expires_at == order.expires_at.map(micros);
    let same_rest = same_expiry && known_metadata == order.metadata;
    if same_terms && same_rest {
        return Ok(Imported::Unchanged);
    }
    let of_order = payments::table.filter(payments::order_no.eq(&order.order_no));
    let has_payments: bool =
        diesel::select(diesel::dsl::exists(of_order)).get_result(connection)?;
    let is_over = !same_expiry && known.expires_at.is_some_and(|at| at <= micros(now));
    if has_payments || is_over || known.status != OrderStatus::Pending.as_str() {
        let stand = "it has payments or is over, so its terms stand";
        return Ok(match (same_terms, same_expiry, &known.metadata) {
            (false, _, _) => Imported::Refused(stand.into()),
            (true, false, _) => Imported::stands("expires_at"),
            (true, true, Some(_)) => Imported::stands("metadata"),
            // An erasure or its time took it, and the shop's file still has it.
            (true, true, None) => Imported::Unchanged,
        });
    }
    diesel::update(orders::table.find(&order.order_no))
        .set((
            orders::amount.eq(order.amount),
            orders::currency.eq(order.currency.as_str()),
            orders::account.eq(&order.account),
            orders::expires_at.eq(order.expires_at.map(micros)),
            orders::metadata.eq(metadata(order)?),
            orders::mode.eq(mode.as_str()),
            orders::subscription_no.eq(&order.subscription_no),
            orders::period.eq(&order.period),
        ))
        .execute(connection)?;
    Ok(Imported::Updated)
}

/// Answers how many of the numbers are new.
fn name(connection: &mut SqliteConnection, order: &NewOrder, numbers: &[String]) -> Result<usize> {
    let mut named = 0;
    for number in numbers {
        named += diesel::insert_into(order_numbers::table)
            .values((order_numbers::number.eq(number), order_numbers::order_no.eq(&order.order_no)))
            .on_conflict_do_nothing()
            .execute(connection)?;
    }
    Ok(named)
}

fn metadata(order: &NewOrder) -> Result<Option<String>> {
    Ok(order.metadata.as_ref().map(to_json).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use worker::ledger::Session as _;
    use worker::ledger::records::OrderFilter;

    use crate::embedded::ledger::trial::{Trial, order, paid};

    fn refused(imported: &Imported) -> bool {
        matches!(imported, Imported::Refused(_))
    }

    #[tokio::test]
    async fn terms_change_until_a_payment_stands_on_them() {
        let mut trial = Trial::with_order("A").await;
        assert_eq!(trial.import(order("A")).await, Imported::Unchanged);
        let dearer =
            NewOrder { amount: 2_000, metadata: Some(serde_json::json!({"k": 1})), ..order("A") };
        assert_eq!(trial.import(dearer.clone()).await, Imported::Updated);
        assert_eq!(trial.import(dearer).await, Imported::Unchanged);
        assert_eq!(trial.import(order("A")).await, Imported::Updated);
        trial.tell("n1", paid("A", "T1")).await;
        assert!(refused(&trial.import(NewOrder { amount: 2_000, ..order("A") }).await));
        let further = NewOrder { numbers: vec!["A-2".to_owned()], ..order("A") };
        assert_eq!(trial.import(further).await, Imported::Updated);
        assert_eq!(trial.order("A-2").await.summary.order_no, "A");
    }

    #[tokio::test]
    async fn a_number_belongs_to_one_order() {
        let mut trial = Trial::with_order("A").await;
        let thief = NewOrder { numbers: vec!["A".to_owned()], ..order("B") };
        assert!(refused(&trial.import(thief).await));
        assert!(refused(&trial.import(NewOrder { amount: 0, ..order("C") }).await));
        let filter =
            OrderFilter { status: Some(OrderStatus::Pending), limit: 10, ..OrderFilter::default() };
        let listed = trial.session.orders(&filter).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].order_no, "A");
    }
}
