//! What lanes tell of themselves, and of what they read alone.

use anyhow::ensure;
use shared::broker::Broker;
use shared::process;
use time::Duration as Span;
use uuid::Uuid;
use worker::ledger::Ledger;
use worker::ledger::custody::{Custody as _, LaneBeat, LoneTry, TRIES_KEPT};

use crate::world::World;

pub(crate) async fn lanes_are_known_by_what_they_counted<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let (lane, now) = (Uuid::now_v7(), process::now());
    for idle in [false, true, true] {
        session.lane_beat(LaneBeat { lane, shard: 3, idle }, now).await?;
    }
    let lanes = session.lanes(now).await?;
    ensure!(lanes.len() == 1 && lanes[0].lane == lane && lanes[0].shard == 3, "{lanes:?}");
    ensure!((lanes[0].beats, lanes[0].idles) == (3, 2), "{lanes:?}");
    ensure!(session.lanes(now + Span::hours(2)).await?.is_empty(), "of long ago");
    Ok(())
}

pub(crate) async fn a_try_alone_that_never_ended_is_known_and_told_twice_it_is_one<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let now = process::now();
    let lone =
        |message: &str, tag| LoneTry { message: message.to_owned(), lane: Uuid::from_u128(7), tag };
    let mut died = vec![];
    // The third is told again, as while its ledger was away.
    for tag in [1, 2, 3, 3, 4] {
        died.push(session.try_alone(&lone("m", tag), now).await?);
    }
    ensure!(died == [0, 1, 2, 2, 3], "{died:?}");
    ensure!(session.try_alone(&lone("other", 4), now).await? == 0);
    session.end_try("m").await?;
    ensure!(session.try_alone(&lone("m", 5), now).await? == 0, "it ended");
    ensure!(session.try_alone(&lone("other", 6), now).await? == 1, "the other did not");
    session.compact(now + TRIES_KEPT + Span::seconds(1), 1).await?;
    ensure!(session.try_alone(&lone("other", 7), now).await? == 0, "of long ago");
    Ok(())
}
