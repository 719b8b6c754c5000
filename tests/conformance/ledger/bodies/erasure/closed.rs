//! Bodies that tell of others too, and that no key at hand opens.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::process;
use shared::secret::bodies::Bodies;
use worker::ledger::bodies::StoredBody;
use worker::ledger::dead_letters::DeadLetters as _;
use worker::ledger::erasure::{Closed, Erasure, IfClosed};
use worker::ledger::privacy::Privacy as _;
use worker::ledger::{Ledger, LedgerError};

use super::{asked, batch, is_erased, noted, order_of};
use crate::ledger::bodies::{body, id};
use crate::ledger::dead_letters::letter;
use crate::ledger::words::{Ingress, Says, settle};
use crate::world::World;

pub(crate) async fn a_shared_body_that_does_not_open_goes_whole_only_when_asked<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let (first, second) = (Says::paid("A", "T1", 10), Says::paid("B", "T2", 10));
    let shared = batch(&mut ingress, &first, &second);
    let alone = ingress.message(&first);
    settle(&mut session, &[shared.clone(), alone.clone()]).await?;
    let dead = letter(&batch(&mut ingress, &first, &second), "refused")?;
    session.bury(std::slice::from_ref(&dead), process::now()).await?;

    let mut stranger = world.ledger.clone().keeping(Bodies::default()).open().await?;
    let closed = Closed { notifications: vec![id(&shared)?], letters: vec![dead.id] };
    let would = stranger.erase(&asked(order_of("A")), process::now()).await?;
    let would = would.context("it was told of")?;
    ensure!((would.destroyed, would.redacted) == (1, 0) && would.unopenable == closed, "{would:?}");
    let refused = stranger.erase(&noted(order_of("A")), process::now()).await;
    let Err(LedgerError::Refused(why)) = refused else { anyhow::bail!("{refused:?}") };
    for word in [&*id(&shared)?.to_string(), &dead.id.to_string(), "--destroy-unopenable"] {
        ensure!(why.contains(word), "{word}: {why}");
    }
    // Nothing was erased: neither what needs no key, nor what comes later.
    let later = ingress.message(&first);
    settle(&mut session, std::slice::from_ref(&later)).await?;
    for work in [&shared, &alone, &later] {
        ensure!(matches!(body(&mut session, id(work)?).await?, StoredBody::Open { .. }));
    }
    let whole = Erasure { if_closed: IfClosed::Destroy, ..noted(order_of("A")) };
    let erased = stranger.erase(&whole, process::now()).await?.context("it was told of")?;
    ensure!((erased.destroyed, erased.redacted) == (4, 0), "{erased:?}");
    ensure!(erased.unopenable == closed, "{erased:?}");
    for work in [&shared, &alone, &later] {
        ensure!(is_erased(&body(&mut session, id(work)?).await?));
    }
    let file = session.letter(dead.id).await?.context("the letter")?;
    ensure!(is_erased(&file.body));
    Ok(())
}
