//! Writing changed states: the difference between before and after.

use diesel::prelude::*;
use diesel::upsert::excluded;
use time::OffsetDateTime;
use worker::decide::fold::Changes;
use worker::decide::{Fulfilment, Order, State};

use super::fault::Result;
use super::{cases, contracts, events, notifications, payments};
use crate::embedded::schema::{fulfilments, orders};
use crate::embedded::values::micros;

/// Writes all that follows from the changes, but the notifications that brought them.
pub(super) fn changes(
    connection: &mut SqliteConnection,
    changes: &Changes,
    now: OffsetDateTime,
) -> Result<()> {
    payments::write(connection, changes, now)?;
    contracts::write(connection, changes, now)?;
    for (before, after) in &changes.states {
        let Some(order) = &after.order else { continue };
        let known = recorded(before);
        if known != recorded(after) {
            update_order(connection, order)?;
        }
        if known.map_or(Fulfilment::None, |known| known.fulfilment) != order.recorded.fulfilment {
            fulfil(connection, order, now)?;
        }
    }
    cases::write(connection, &changes.states, now)?;
    notifications::conclude(connection, &changes.concluded())?;
    events::append(connection, &changes.announcements, now)
}

fn recorded(state: &State) -> Option<worker::decide::Recorded> {
    state.order.as_ref().map(|order| order.recorded)
}

fn update_order(connection: &mut SqliteConnection, order: &Order) -> Result<()> {
    diesel::update(orders::table.find(&order.order_no))
        .set((
            orders::status.eq(order.recorded.status.as_str()),
            orders::paid_amount.eq(order.recorded.paid_minor),
            orders::refunded_amount.eq(order.recorded.refunded_minor),
            orders::paid_at.eq(order.recorded.paid_at.map(micros)),
        ))
        .execute(connection)?;
    Ok(())
}

fn fulfil(connection: &mut SqliteConnection, order: &Order, now: OffsetDateTime) -> Result<()> {
    let active = match order.recorded.fulfilment {
        // Never taken back.
        Fulfilment::None => return Ok(()),
        Fulfilment::Active => true,
        Fulfilment::Revoked => false,
    };
    diesel::insert_into(fulfilments::table)
        .values((
            fulfilments::order_no.eq(&order.order_no),
            fulfilments::active.eq(active),
            fulfilments::created_at.eq(micros(now)),
            fulfilments::revoked_at.eq((!active).then(|| micros(now))),
        ))
        .on_conflict(fulfilments::order_no)
        .do_update()
        .set((
            fulfilments::active.eq(excluded(fulfilments::active)),
            fulfilments::revoked_at.eq(excluded(fulfilments::revoked_at)),
        ))
        .execute(connection)?;
    Ok(())
}
