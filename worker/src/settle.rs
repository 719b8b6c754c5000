//! From deliveries to recorded outcomes: judged, settled in one transaction, and isolated when that
//! fails.
//!
//! **Invariant**: what leaves here is recorded, receipts of retries and burials included; only then
//! may anything be published or acknowledged.

use std::sync::Arc;

use metrics::counter;
use shared::broker::Delivery;
use shared::crash;
use shared::message::dead::replay_item;
use shared::message::fence::{self, Fence};
use shared::message::seal::SealKeys;
use shared::message::statement::{self, Statement};
use shared::message::{self, Message, for_a_log};
use shared::provider::{Genuine, Provider, Readers, Unreadable};
use shared::retry::Schedule;
use time::OffsetDateTime;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::decide::fold::Reading;
use crate::error::{CRASHES_MAX, Disposition, Failure, RETURNS_MAX, dispose};
use crate::ledger::{Bucket, LedgerError, Session, Work};

/// How often a transaction that met a conflict is run again before its messages are taken singly.
const RERUNS: u32 = 3;

/// What settling depends on.
#[derive(Debug, Clone)]
pub struct Policy {
    pub keys: SealKeys,
    /// How each account's notifications are read; it changes when keys do.
    pub readers: watch::Receiver<Arc<Readers>>,
    pub schedule: Schedule,
}

/// Reads a delivery: its seal first, then the provider's bytes.
pub fn judge(delivery: &Delivery, keys: &SealKeys, readers: &Readers) -> Result<Work, Failure> {
    let message = Message::open(&delivery.parcel, keys)?;
    crash::reading(&message.body);
    if message.kind == fence::KIND {
        let fence = Fence::read(&message).ok_or(Unreadable::Malformed("no fence"))?;
        return Ok(Work::Fence(fence));
    }
    if message.kind == statement::KIND {
        let statement = Statement::read(&message).ok_or(Unreadable::Malformed("no statement"))?;
        return Ok(Work::Statement(statement));
    }
    let provider = Provider::from_word(&message.kind).ok_or(Failure::UnknownProvider)?;
    let reader = readers.of(&message.account, provider).ok_or(Failure::UnknownAccount)?;
    let (http, received_at, body) = (&message.http, message.received_at, &message.body);
    let notifications = reader.read(&Genuine { http, received_at, body })?;
    let replay = replay_item(&delivery.parcel);
    Ok(Work::Reading(Box::new(Reading { message, replay, notifications })))
}

/// Settles deliveries and answers what to do with each; `died` are the readers that died of the one alone.
/// An error: the ledger is out of reach, and nothing may be acknowledged.
pub async fn settle<S: Session>(
    session: &mut S,
    deliveries: &[Delivery],
    died: u32,
    (policy, now): (&Policy, OffsetDateTime),
) -> Result<Vec<Disposition>, LedgerError> {
    let readers = Arc::clone(&policy.readers.borrow());
    let judge = |delivery: &Delivery| {
        if died >= CRASHES_MAX || delivery.returns >= RETURNS_MAX {
            // Not what a stranger put there: only our own message is known by its number.
            Message::open(&delivery.parcel, &policy.keys)?;
            return Err(Failure::Crashing(died));
        }
        judge(delivery, &policy.keys, &readers)
    };
    let judged: Vec<_> = deliveries.iter().map(judge).collect();
    let works: Vec<Work> = judged.iter().filter_map(|judged| judged.clone().ok()).collect();
    let mut results = settled(session, &works, now).await?.into_iter();
    let mut dispositions = vec![];
    let mut receipts = vec![];
    for (judged, delivery) in judged.into_iter().zip(deliveries) {
        let missing = || Err(LedgerError::Fault("no outcome".to_owned()));
        let result =
            judged.and_then(|_| results.next().unwrap_or_else(missing).map_err(Failure::from));
        let attempt = message::attempt(&delivery.parcel);
        let disposition = dispose(&result, attempt, &policy.schedule, &mut rand::thread_rng());
        if let Err(failure) = &result {
            let message_id = for_a_log(&delivery.parcel.id);
            warn!(message_id, attempt, %failure, then = %disposition, "not settled");
            receipts.extend(receipt(delivery, failure, &disposition, now));
        }
        dispositions.push(disposition);
    }
    if !receipts.is_empty() {
        rerun(session, &receipts, now).await?;
    }
    Ok(dispositions)
}

/// One result each: of all together, or singly when that fails.
async fn settled<S: Session>(
    session: &mut S,
    works: &[Work],
    now: OffsetDateTime,
) -> Result<Vec<Result<Bucket, LedgerError>>, LedgerError> {
    if works.is_empty() {
        return Ok(vec![]);
    }
    match rerun(session, works, now).await {
        Ok(buckets) => Ok(buckets.into_iter().map(Ok).collect()),
        Err(LedgerError::Unreachable(error)) => Err(LedgerError::Unreachable(error)),
        Err(error) => {
            warn!(%error, messages = works.len(), "a batch failed; its messages are settled singly");
            singly(session, works, now).await
        }
    }
}

async fn rerun<S: Session>(
    session: &mut S,
    works: &[Work],
    now: OffsetDateTime,
) -> Result<Vec<Bucket>, LedgerError> {
    let mut reruns = 0;
    loop {
        match session.settle(works, now).await {
            Err(LedgerError::Conflict(with)) if reruns < RERUNS => {
                reruns += 1;
                counter!("quittance_conflicts_total").increment(1);
                info!(%with, reruns, "a transaction met another's, and is run again");
            }
            result => return result,
        }
    }
}

/// Only the guilty one fails. Where every one fails for no reason of its own, it is the ledger.
async fn singly<S: Session>(
    session: &mut S,
    works: &[Work],
    now: OffsetDateTime,
) -> Result<Vec<Result<Bucket, LedgerError>>, LedgerError> {
    let mut results = vec![];
    for work in works {
        let one = rerun(session, std::slice::from_ref(work), now).await;
        let one = one.map(|buckets| buckets.first().copied().unwrap_or(Bucket::NoOp));
        if let Err(LedgerError::Unreachable(error)) = one {
            return Err(LedgerError::Unreachable(error));
        }
        results.push(one);
    }
    let faults =
        |result: &Result<Bucket, LedgerError>| matches!(result, Err(LedgerError::Fault(_)));
    if results.len() > 1 && results.iter().all(faults) {
        return Err(LedgerError::Unreachable("every message meets the same fault".to_owned()));
    }
    Ok(results)
}

/// What the ledger keeps of one that leaves for a retry tier or the dead letters.
fn receipt(
    delivery: &Delivery,
    failure: &Failure,
    disposition: &Disposition,
    now: OffsetDateTime,
) -> Option<Work> {
    let id = delivery.parcel.id.clone();
    let number = match failure {
        // Whoever made it may have copied the number of a message of ours.
        Failure::Unsealed(_) => None,
        Failure::Crashing(_)
        | Failure::Unreadable(_)
        | Failure::UnknownProvider
        | Failure::UnknownAccount
        | Failure::Ledger(_) => message::claimed_number(&delivery.parcel),
    };
    match disposition {
        Disposition::RetryIn(delay) => Some(Work::Deferred { id, number, due_at: now + *delay }),
        Disposition::Bury(_) => Some(Work::Buried { id, number }),
        Disposition::Ack(_) | Disposition::Pause => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::message::parcel::Parcel;
    use shared::message::seal::Unsealed;

    #[test]
    fn what_no_ingress_sealed_is_a_strangers_however_often_it_came_back() {
        let delivery = Delivery { tag: 1, parcel: Parcel::default(), returns: CRASHES_MAX };
        let judged = judge(&delivery, &SealKeys::generate(), &Readers::default());
        assert!(matches!(judged, Err(Failure::Unsealed(Unsealed::Missing(_)))), "{judged:?}");
    }
}
