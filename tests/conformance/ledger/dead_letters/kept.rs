//! What is kept of a letter, however strange it is, and for how long.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use shared::broker::{Broker, Delivery};
use shared::message::parcel::{Header, Parcel};
use shared::message::seal::SealKeys;
use shared::process;
use shared::provider::Readers;
use shared::secret::bodies::Bodies;
use shared::secret::envelope::BodyKeys;
use worker::ledger::bodies::StoredBody;
use worker::ledger::dead_letters::letter::Letter;
use worker::ledger::dead_letters::{Burial, DeadLetters as _, LetterAct, LetterState};
use worker::ledger::erasure::Subject;
use worker::ledger::privacy::Privacy as _;
use worker::ledger::{Ledger, Session};

use super::{act, bury, letter, one};
use crate::ledger::bodies::{done, noted};
use crate::ledger::words::{Ingress, Says};
use crate::world::World;

async fn body(session: &mut impl Session, letter: &Letter) -> anyhow::Result<StoredBody> {
    Ok(session.letter(letter.id).await?.context("no letter")?.body)
}

pub(crate) async fn garbage_is_kept<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let keys = SealKeys::generate();
    let mut parcel = Parcel {
        id: "\0\u{7}".into(),
        body: Bytes::from(vec![0xff; 1 << 20]),
        timestamp_s: i64::MAX,
        ..Parcel::default()
    };
    parcel.set("quittance-received-at", Header::Text("9999-12-31T23:59:59Z".into()));
    parcel.set("quittance-account", Header::Text("\0".into()));
    parcel.set("\0", Header::Text("\0".repeat(100_000)));
    let (readers, now) = (Readers::default(), process::now());
    let letters = [parcel.clone(), Parcel::default()].map(|parcel| {
        let delivery = Delivery { tag: 1, returns: 0, parcel };
        Letter::examine(&delivery, (&keys, &readers), now)
    });
    ensure!(bury(&mut session, &letters).await? == [Burial::New, Burial::New]);
    let file = session.letter(letters[0].id).await?.context("not kept")?;
    ensure!(file.body == StoredBody::Open { bytes: parcel.body.to_vec(), redacted_at: None });
    ensure!(!file.envelope.cut.is_empty() && file.envelope.body_bytes == 1 << 20);
    ensure!(file.envelope == letters[0].envelope);
    let bare = letters[0].bare();
    ensure!(bury(&mut session, &[bare]).await? == [Burial::Known]);
    ensure!(session.balance().await?.accepted == 0, "none of ours");
    Ok(())
}

pub(crate) async fn a_dead_letters_body_is_sealed_and_ends_as_all_bodies_do<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let letter = letter(&Ingress::new().message(&Says::paid("A", "T", 10)), "refused")?;
    bury(&mut session, std::slice::from_ref(&letter)).await?;
    let ring = Bodies::sealed_by(BodyKeys::parse(&BodyKeys::generate())?);
    let mut stranger = world.ledger.clone().keeping(ring).open().await?;
    ensure!(matches!(body(&mut stranger, &letter).await?, StoredBody::Closed { .. }));
    let later = process::now() + Bodies::KEEP + Duration::from_secs(60);
    ensure!(session.tend(later, 10).await?.expired == 1);
    let gone = StoredBody::Removed { at: later, reason: "expired".to_owned() };
    ensure!(body(&mut session, &letter).await? == gone);
    ensure!(one(&mut session).await?.state == LetterState::Open, "the rest of it stays");
    let file = session.letter(letter.id).await?.context("not kept")?;
    ensure!(file.envelope == letter.envelope.bare(), "its headers ended with it");
    Ok(())
}

pub(crate) async fn erasing_an_order_takes_its_dead_letters_bodies<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let mut next = |order| letter(&ingress.message(&Says::paid(order, order, 10)), "refused");
    let letters = [next("A")?, next("B")?];
    bury(&mut session, &letters).await?;
    let by = act("dead_letters.discard");
    let ids = letters.each_ref().map(|letter| letter.id);
    session.act_on_letters(&ids, LetterAct::Discard, &by, process::now()).await?;
    let erased = done(&mut session, &noted(Subject::Order("A".into()))).await?;
    ensure!(erased.context("nothing was found")?.destroyed == 1);
    let is_erased = |body: &StoredBody| matches!(body, StoredBody::Removed { reason, .. } if reason == "erased");
    ensure!(is_erased(&body(&mut session, &letters[0]).await?));
    ensure!(matches!(body(&mut session, &letters[1]).await?, StoredBody::Open { .. }));
    let headers = async |session: &mut L::Session, letter: &Letter| {
        let file = session.letter(letter.id).await?.context("not kept")?;
        anyhow::Ok(file.envelope.headers.len())
    };
    ensure!(headers(&mut session, &letters[0]).await? == 0);
    ensure!(headers(&mut session, &letters[1]).await? > 0);
    // One that comes later is buried with its body, which ends with it; others are discarded as they are.
    let late = [next("A")?, next("B")?];
    bury(&mut session, &late).await?;
    ensure!(matches!(body(&mut session, &late[0]).await?, StoredBody::Open { .. }));
    ensure!(headers(&mut session, &late[0]).await? > 0);
    let ids = late.each_ref().map(|letter| letter.id);
    session.act_on_letters(&ids, LetterAct::Discard, &by, process::now()).await?;
    ensure!(is_erased(&body(&mut session, &late[0]).await?));
    ensure!(headers(&mut session, &late[0]).await? == 0);
    ensure!(matches!(body(&mut session, &late[1]).await?, StoredBody::Open { .. }));
    Ok(())
}
