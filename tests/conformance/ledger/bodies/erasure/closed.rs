//! Bodies that tell of others too, and that no key at hand opens.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::process;
use shared::secret::bodies::Bodies;
use worker::ledger::Ledger;
use worker::ledger::bodies::StoredBody;
use worker::ledger::dead_letters::DeadLetters as _;
use worker::ledger::erasure::{Allowed, Erasure, Shared};

use super::{asked, batch, done, is_erased, noted, order_of, refused};
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
    let shared_ones = Shared { notifications: vec![id(&shared)?], letters: vec![dead.id] };
    let would = done(&mut stranger, &asked(order_of("A"))).await?.context("it was told of")?;
    ensure!((would.destroyed, would.redacted) == (1, 0), "{would:?}");
    ensure!(would.shared == shared_ones && would.open_letters == [dead.id], "{would:?}");
    let open_letters = Allowed { open_letters: true, ..Allowed::default() };
    let erasure = Erasure { allowed: open_letters, ..noted(order_of("A")) };
    let why = refused(&mut stranger, &erasure).await?;
    for word in [&*id(&shared)?.to_string(), &dead.id.to_string(), "--destroy-shared"] {
        ensure!(why.contains(word), "{word}: {why}");
    }
    // Nothing was erased: neither what needs no key, nor what comes later.
    let later = ingress.message(&first);
    settle(&mut session, std::slice::from_ref(&later)).await?;
    for work in [&shared, &alone, &later] {
        ensure!(matches!(body(&mut session, id(work)?).await?, StoredBody::Open { .. }));
    }
    let allowed = Allowed { shared: true, open_letters: true };
    let whole = Erasure { allowed, ..noted(order_of("A")) };
    let erased = done(&mut stranger, &whole).await?.context("it was told of")?;
    ensure!((erased.destroyed, erased.redacted) == (4, 0), "{erased:?}");
    ensure!(erased.shared == shared_ones, "{erased:?}");
    for work in [&shared, &alone, &later] {
        ensure!(is_erased(&body(&mut session, id(work)?).await?));
    }
    let file = session.letter(dead.id).await?.context("the letter")?;
    ensure!(is_erased(&file.body));
    Ok(())
}
