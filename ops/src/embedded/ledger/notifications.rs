//! Every genuine notification, and what became of it.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use shared::notification::Fact;
use time::OffsetDateTime;
use uuid::Uuid;
use worker::decide::fold::{Changes, Reading};
use worker::decide::{Decision, PaymentKey};
use worker::ledger::Bucket;

use super::fault::Result;
use crate::embedded::schema::{
    agreement_notifications, loose_notifications, notifications, receipts,
};
use crate::embedded::values::micros;

pub(super) mod about;
pub(super) mod list;

/// Records every notification of the batch with its verdict. A message that comes again changes
/// nothing: its first outcome stands.
pub(super) fn record(
    connection: &mut SqliteConnection,
    readings: &[&Reading],
    changes: &Changes,
    now: OffsetDateTime,
) -> Result<()> {
    for (reading, verdicts) in readings.iter().zip(&changes.verdicts) {
        let message = &reading.message;
        for (part, (notification, verdict)) in (0..).zip(reading.notifications.iter().zip(verdicts))
        {
            let transaction = verdict.payment.as_ref().map(|key| key.transaction.as_str());
            diesel::insert_into(notifications::table)
                .values((
                    notifications::message_id.eq(message.id.to_string()),
                    notifications::part.eq(part),
                    notifications::account.eq(&message.account),
                    notifications::provider.eq(&message.kind),
                    notifications::identity.eq(&notification.identity),
                    notifications::kind.eq(&notification.kind),
                    notifications::order_number.eq(&verdict.order_number),
                    notifications::transaction.eq(transaction),
                    notifications::outcome.eq(Bucket::from(verdict.decision).as_str()),
                    notifications::epoch.eq(message.number.epoch.to_string()),
                    notifications::seq.eq(message.number.seq),
                    notifications::received_at.eq(micros(message.received_at)),
                    notifications::recorded_at.eq(micros(now)),
                ))
                .on_conflict_do_nothing()
                .execute(connection)?;
            if let Some(key) = verdict.payment.as_ref().filter(|_| verdict.is_loose) {
                diesel::insert_into(loose_notifications::table)
                    .values((
                        loose_notifications::account.eq(&key.account),
                        loose_notifications::transaction.eq(&key.transaction),
                        loose_notifications::message_id.eq(message.id.to_string()),
                        loose_notifications::part.eq(part),
                    ))
                    .on_conflict_do_nothing()
                    .execute(connection)?;
            }
            if let Some(agreement) = notification.fact.as_ref().and_then(Fact::agreement) {
                agreed(connection, (&message.account, agreement), message.id, part)?;
            }
        }
    }
    Ok(())
}

/// An agreement is no column of a notification: erasing finds it so.
fn agreed(
    connection: &mut SqliteConnection,
    (account, agreement): (&str, &str),
    message: Uuid,
    part: i64,
) -> Result<()> {
    diesel::insert_into(agreement_notifications::table)
        .values((
            agreement_notifications::message_id.eq(message.to_string()),
            agreement_notifications::part.eq(part),
            agreement_notifications::account.eq(account),
            agreement_notifications::agreement.eq(agreement),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(())
}

/// What waited is decided now; its receipt moves with it.
pub(super) fn conclude(
    connection: &mut SqliteConnection,
    concluded: &[(PaymentKey, Decision)],
) -> Result<()> {
    let waiting = Bucket::Waiting.as_str();
    for (key, decision) in concluded {
        let outcome = Bucket::from(*decision).as_str();
        let waited = || {
            notifications::table
                .filter(notifications::account.eq(&key.account))
                .filter(notifications::transaction.eq(&key.transaction))
                // As the index says it.
                .filter(diesel::dsl::sql::<Bool>("outcome = 'waiting'"))
        };
        let numbers: Vec<(String, i64)> =
            waited().select((notifications::epoch, notifications::seq)).load(connection)?;
        diesel::update(waited()).set(notifications::outcome.eq(outcome)).execute(connection)?;
        for number in numbers {
            diesel::update(receipts::table.find(number))
                .filter(receipts::bucket.eq(waiting))
                .set(receipts::bucket.eq(outcome))
                .execute(connection)?;
        }
    }
    Ok(())
}
