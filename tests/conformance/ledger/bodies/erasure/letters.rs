//! Erasing dead letters: found by their order, their transaction, their agreement, or whom it was signed for.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::notification::{AgreementChange, RefundStatus};
use shared::process;
use worker::ledger::bodies::StoredBody;
use worker::ledger::dead_letters::DeadLetters as _;
use worker::ledger::dead_letters::letter::Letter;
use worker::ledger::erasure::Subject;
use worker::ledger::privacy::Privacy as _;
use worker::ledger::{Ledger, Session};

use super::agreements::{agreement, failed};
use super::{erase, is_erased, noted};
use crate::ledger::dead_letters::letter;
use crate::ledger::words::{Ingress, Says, order, refund, settle, subscription};
use crate::world::World;

const SIGNED: AgreementChange = AgreementChange::Signed { valid_until: None };

async fn stored(session: &mut impl Session, letter: &Letter) -> anyhow::Result<StoredBody> {
    Ok(session.letter(letter.id).await?.context("no letter")?.body)
}

pub(crate) async fn a_letter_is_erased_by_all_that_it_names<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    session.import(&[order("A", 10)], process::now()).await?;
    session.subscribe(&[subscription("S-1")], process::now()).await?;
    let mut ingress = Ingress::new();
    let settled = [
        ingress.message(&Says::paid("A", "T1", 10)),
        ingress.tell(agreement("G-1", Some("S-1"), SIGNED)),
    ];
    settle(&mut session, &settled).await?;
    let mut dead = |fact| letter(&ingress.tell(fact), "refused");
    let back = |transaction| refund(transaction, "R1", 4, RefundStatus::Succeeded);
    let (of_order, of_another) = (dead(back("T1"))?, dead(back("T2"))?);
    let of_agreement = dead(agreement("G-1", None, failed()))?;
    let of_subscription = dead(agreement("G-9", Some("S-1"), SIGNED))?;
    let letters = [&of_order, &of_another, &of_agreement, &of_subscription].map(Clone::clone);
    session.bury(&letters, process::now()).await?;

    ensure!(erase(&mut session, "A").await?.destroyed == 2, "the payment's, and the letter's");
    ensure!(is_erased(&stored(&mut session, &of_order).await?));
    for letter in &letters[1..] {
        ensure!(matches!(stored(&mut session, letter).await?, StoredBody::Open { .. }));
    }
    let erasure = noted(Subject::Subscription("S-1".into()));
    let erased = session.erase(&erasure, process::now()).await?.context("it is there")?;
    ensure!(erased.destroyed == 3, "the signing's, and two letters': {erased:?}");
    for letter in [&of_agreement, &of_subscription] {
        ensure!(is_erased(&stored(&mut session, letter).await?));
    }
    ensure!(matches!(stored(&mut session, &of_another).await?, StoredBody::Open { .. }));
    // What was only known of a letter has its tombstone too.
    let mut dead = |fact| letter(&ingress.tell(fact), "refused");
    let late = [dead(back("T1"))?, dead(agreement("G-9", None, failed()))?];
    session.bury(&late, process::now()).await?;
    for letter in &late {
        ensure!(is_erased(&stored(&mut session, letter).await?));
    }
    Ok(())
}
