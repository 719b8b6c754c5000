//! Claims about messages that could not be settled: where they stand meanwhile.

use std::sync::Arc;

use anyhow::ensure;
use shared::broker::{Broker, Delivery};
use shared::message::Message;
use shared::message::seal::SealKeys;
use shared::process;
use shared::provider::Readers;
use shared::retry::Schedule;
use time::Duration as Span;
use tokio::sync::watch;
use worker::error::Disposition;
use worker::ledger::custody::Custody as _;
use worker::ledger::{Ledger, Session as _, Work};
use worker::settle::Policy;

use super::words::{Ingress, Says};
use crate::world::World;

pub(crate) async fn a_message_of_an_account_that_is_not_known_yet_counts_as_retried<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let (keys, schedule) = (SealKeys::generate(), Schedule::default());
    let (_sender, readers) = watch::channel(Arc::new(Readers::default()));
    let policy = Policy { keys: keys.clone(), readers, schedule };
    let mut ingress = Ingress::new();
    let now = process::now();
    let deliver = |message: Message, keys: &SealKeys| Delivery {
        tag: 1,
        parcel: message.into_parcel(keys),
        returns: 0,
    };

    let waiting = message(&ingress.message(&Says::paid("A", "T1", 10)))?;
    let deliveries = [deliver(waiting.clone(), &keys)];
    let dispositions = worker::settle::settle(&mut session, &deliveries, 0, (&policy, now)).await?;
    ensure!(matches!(dispositions[..], [Disposition::RetryIn(_)]), "{dispositions:?}");
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.in_flight, balance.dead) == (1, 1, 0), "{balance:?}");
    let overdue = session.suspects(now + Span::minutes(5), 10).await?.overdue_before;
    ensure!(overdue.is_some(), "nobody would miss it");

    // The schedule is used up: only now it is dead. What a stranger made counts nowhere, whatever it claims.
    let used_up = Message { attempt: 100, ..waiting.clone() };
    let claimed = message(&ingress.message(&Says::paid("A", "T1", 10)))?;
    let deliveries = [deliver(used_up, &keys), deliver(claimed, &SealKeys::generate())];
    let dispositions = worker::settle::settle(&mut session, &deliveries, 0, (&policy, now)).await?;
    let buried = |disposition: &Disposition| matches!(disposition, Disposition::Bury(_));
    ensure!(dispositions.len() == 2 && dispositions.iter().all(buried), "{dispositions:?}");
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.in_flight, balance.dead) == (1, 0, 1), "{balance:?}");
    Ok(())
}

fn message(work: &Work) -> anyhow::Result<Message> {
    match work {
        Work::Reading(reading) => Ok(reading.message.clone()),
        Work::Statement(_) | Work::Fence(_) | Work::Deferred { .. } | Work::Buried { .. } => {
            anyhow::bail!("no notification")
        }
    }
}
