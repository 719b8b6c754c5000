//! When each key last verified something.

use anyhow::ensure;
use shared::broker::Broker;
use shared::process;
use time::{Duration, OffsetDateTime};
use worker::ledger::records::Act;
use worker::ledger::{Ledger, Session, Work};

use super::words::{Ingress, Says, settle};
use crate::world::World;

/// A message about the order that this key verified at that time.
fn of(ingress: &mut Ingress, order: &'static str, key: &str, at: OffsetDateTime) -> Work {
    let mut work = ingress.message(&Says::paid(order, order, 10));
    if let Work::Reading(reading) = &mut work {
        reading.message.key = key.to_owned();
        reading.message.received_at = at;
    }
    work
}

fn by(ingress: &mut Ingress, key: &str, at: OffsetDateTime) -> Work {
    of(ingress, "A", key, at)
}

async fn known(session: &mut impl Session) -> anyhow::Result<Vec<(String, OffsetDateTime)>> {
    let uses = session.keys().await?;
    ensure!(uses.iter().all(|one| one.account == "shop"), "{uses:?}");
    Ok(uses.into_iter().map(|one| (one.key, one.last_used_at)).collect())
}

pub(crate) async fn each_key_is_known_by_its_latest_use<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let (mut first, mut second) = (world.ledger.open().await?, world.ledger.open().await?);
    ensure!(known(&mut first).await?.is_empty());
    let mut ingress = Ingress::new();
    let now = process::now();
    let batch = [
        by(&mut ingress, "old", now - Duration::seconds(9)),
        by(&mut ingress, "new", now),
        by(&mut ingress, "old", now - Duration::seconds(5)),
    ];
    settle(&mut first, &batch).await?;
    let (old, new) = (now - Duration::seconds(5), now);
    let expected = |new, old| vec![("new".to_owned(), new), ("old".to_owned(), old)];
    ensure!(known(&mut first).await? == expected(new, old), "{:?}", known(&mut first).await?);

    // Within a minute, or late out of a retry, by this session or by another: no news.
    for at in [now + Duration::seconds(59), now - Duration::days(1)] {
        settle(&mut first, &[by(&mut ingress, "new", at)]).await?;
        settle(&mut second, &[by(&mut ingress, "new", at)]).await?;
        ensure!(known(&mut second).await? == expected(new, old), "{at}");
    }
    let later = now + Duration::minutes(2);
    settle(&mut second, &[by(&mut ingress, "new", later)]).await?;
    ensure!(known(&mut first).await? == expected(later, old));
    Ok(())
}

pub(crate) async fn two_sessions_that_use_the_same_keys_do_not_wait_for_each_other<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let now = process::now();
    let settling =
        ["A", "B", "C", "D"].into_iter().zip(0..).map(|(order, lane): (_, i64)| async move {
            let mut session = world.ledger.open().await?;
            let mut ingress = Ingress::new();
            for round in 0..20 {
                let at = now + Duration::minutes(2 * round) + Duration::seconds(lane);
                let mut batch =
                    [of(&mut ingress, order, "a", at), of(&mut ingress, order, "b", at)];
                if lane % 2 == 0 {
                    batch.reverse();
                }
                settle(&mut session, &batch).await?;
            }
            anyhow::Ok(())
        });
    for settled in futures_util::future::join_all(settling).await {
        settled?;
    }
    let mut session = world.ledger.open().await?;
    let known = known(&mut session).await?;
    let last = now + Duration::minutes(38);
    ensure!(known.len() == 2 && known.iter().all(|(_, at)| *at >= last - Duration::minutes(2)));
    Ok(())
}

pub(crate) async fn what_a_person_did_is_noted<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let act = Act {
        actor: "cli:test".into(),
        action: "quarantine.drop".into(),
        subject: "quarantine/shop/1".into(),
        reason: "it's a test; -- 试".into(),
    };
    session.note(&act, process::now()).await?;
    // The same again is another act.
    session.note(&act, process::now()).await?;
    Ok(())
}
