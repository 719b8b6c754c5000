//! Claims about a ledger that was restored from a backup.

use anyhow::ensure;
use shared::broker::Broker;
use worker::ledger::{Ledger, Session as _};

use super::words::{Ingress, Says, import, settle};
use crate::world::World;

/// What an operator runs, as docs/operations.md says it.
const RAISE: [&str; 2] = [
    "update subjects set last_seq = last_seq + 1000000",
    "update {log} set last_position = last_position + 1000000, sequences_after = sequences_after + 1000000",
];

pub(crate) async fn what_is_announced_after_a_backup_was_restored_is_no_repeat<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    import(&mut session, "A", 10).await?;
    settle(&mut session, &[ingress.message(&Says::paid("A", "T1", 10))]).await?;
    let before = session.unsent(0, 100).await?;
    session.mark_sent(&before).await?;
    // As if more had been announced, and the backup told nothing of it.
    for raise in RAISE {
        world.sql(raise).await?;
    }
    import(&mut session, "B", 10).await?;
    let batch = [
        ingress.message(&Says::paid("A", "T1", 10).refunded(4)),
        ingress.message(&Says::paid("B", "T2", 10)),
        ingress.message(&Says::paid("B", "T2", 10).refunded(4)),
    ];
    settle(&mut session, &batch).await?;
    loop {
        let unsent = session.unsent(0, 100).await?;
        if unsent.is_empty() {
            break;
        }
        session.mark_sent(&unsent).await?;
    }
    let log = session.events(1, 10).await?;
    let positions: Vec<i64> = log.iter().map(|event| event.position).collect();
    ensure!(positions == [1_000_002, 1_000_003, 1_000_004], "{positions:?}");
    let sequences = |subject: &str| -> Vec<i64> {
        let of = log.iter().filter(|event| event.event["subject"] == subject);
        of.filter_map(|event| event.event["sequencenumber"].as_i64()).collect()
    };
    ensure!(sequences("order/A") == [1_000_002], "{log:?}");
    ensure!(sequences("order/B") == [1_000_001, 1_000_002], "{log:?}");
    Ok(())
}
