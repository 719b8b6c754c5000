//! How bodies are kept: sealed, wrapped anew, and for a while.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::process;
use shared::secret::bodies::{AtRest, Bodies};
use shared::secret::envelope::BodyKeys;
use uuid::Uuid;
use worker::ledger::bodies::{NotificationFilter, StoredBody, Tended};
use worker::ledger::privacy::Privacy as _;
use worker::ledger::{Ledger, Session, Work};

use super::words::{Ingress, Says, import, settle, show};
use crate::world::World;

mod erasure;
mod retention;

pub(crate) use self::erasure::{
    a_charge_that_an_order_pays_is_stripped_with_its_subscription,
    a_letter_is_erased_by_all_that_it_names,
    a_letter_that_nobody_could_read_is_erased_by_its_message,
    a_letter_under_a_tombstone_keeps_its_money_until_it_ends,
    a_refund_of_what_was_paid_after_erasing_is_stripped_too,
    a_shared_body_loses_only_what_was_erased,
    a_shared_body_that_does_not_open_goes_whole_only_when_asked,
    an_agreement_that_is_signed_after_its_subscription_was_erased_is_stripped,
    an_erased_order_keeps_its_money_and_loses_its_bodies,
    an_erased_order_leaves_its_subscription_alone,
    an_erased_subscription_keeps_its_money_and_loses_its_bodies,
    an_erased_subscription_takes_no_agreement_of_another,
    an_erasure_and_the_ends_of_letters_never_wait_in_a_ring,
    an_open_letter_is_in_the_way_of_an_erasure, no_body_slips_past_an_erasure,
    no_charge_slips_past_an_erasure, what_is_known_by_its_transaction_alone_is_erased_too,
    what_people_wrote_is_counted_and_stays,
};
pub(super) use self::erasure::{done, noted};

pub(crate) use self::retention::{
    a_body_that_states_no_fact_ends_before_the_others,
    bodies_of_a_former_version_move_and_are_sealed, bodies_that_nothing_opens_hold_up_no_others,
    metadata_ends_a_while_after_its_order_is_over,
};

const BODY: &[u8] = b"a=b";

pub(super) fn id(work: &Work) -> anyhow::Result<Uuid> {
    match work {
        Work::Reading(reading) => Ok(reading.message.id),
        Work::Statement(_) | Work::Fence(_) | Work::Deferred { .. } | Work::Buried { .. } => {
            anyhow::bail!("no notification")
        }
    }
}

pub(super) async fn body(session: &mut impl Session, message: Uuid) -> anyhow::Result<StoredBody> {
    Ok(session.notification(message).await?.context("no such notification")?.body)
}

fn open() -> StoredBody {
    StoredBody::Open { bytes: BODY.to_vec(), redacted_at: None }
}

fn ring(text: &str) -> anyhow::Result<Bodies> {
    Ok(Bodies::sealed_by(BodyKeys::parse(text)?))
}

async fn tend(session: &mut impl Session) -> anyhow::Result<Tended> {
    Ok(session.tend(process::now(), 10).await?)
}

pub(crate) async fn a_body_is_read_with_its_ring_alone<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let work = Ingress::new().message(&Says::paid("A", "T", 10));
    settle(&mut session, std::slice::from_ref(&work)).await?;
    ensure!(body(&mut session, id(&work)?).await? == open());
    for bodies in [Bodies::default(), ring(&BodyKeys::generate())?] {
        let mut stranger = world.ledger.clone().keeping(bodies).open().await?;
        let shown = body(&mut stranger, id(&work)?).await?;
        ensure!(matches!(shown, StoredBody::Closed { .. }), "{shown:?}");
    }
    Ok(())
}

pub(crate) async fn without_a_ring_nothing_is_recorded<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.clone().keeping(Bodies::default()).open().await?;
    import(&mut session, "A", 10).await?;
    let work = Ingress::new().message(&Says::paid("A", "T", 10));
    ensure!(settle(&mut session, std::slice::from_ref(&work)).await.is_err());
    ensure!(session.notification(id(&work)?).await?.is_none());
    ensure!(show(&mut session, "A").await?.payments.is_empty());
    Ok(())
}

pub(crate) async fn bodies_in_the_clear_are_sealed_by_the_sweep<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let text = BodyKeys::generate();
    let clear = Bodies { at_rest: AtRest::Clear, ..Bodies::default() };
    let mut session = world.ledger.clone().keeping(clear).open().await?;
    let mut ingress = Ingress::new();
    let works = [0, 1].map(|_| ingress.message(&Says::paid("A", "T", 10)));
    settle(&mut session, &works).await?;
    ensure!(body(&mut session, id(&works[0])?).await? == open());
    ensure!(tend(&mut session).await?.sealed == 0, "as long as it is configured so");

    let mut sealing = world.ledger.clone().keeping(ring(&text)?).open().await?;
    ensure!(tend(&mut sealing).await?.sealed == 2);
    ensure!(tend(&mut sealing).await? == Tended::default(), "at rest");
    for work in &works {
        ensure!(body(&mut sealing, id(work)?).await? == open());
        ensure!(matches!(body(&mut session, id(work)?).await?, StoredBody::Closed { .. }));
    }
    Ok(())
}

pub(crate) async fn a_rotated_ring_wraps_what_the_former_key_did<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let (old, new) = (BodyKeys::generate(), BodyKeys::generate());
    let mut session = world.ledger.clone().keeping(ring(&old)?).open().await?;
    let work = Ingress::new().message(&Says::paid("A", "T", 10));
    settle(&mut session, std::slice::from_ref(&work)).await?;
    let mut both = world.ledger.clone().keeping(ring(&format!("{new}{old}"))?).open().await?;
    ensure!(body(&mut both, id(&work)?).await? == open());
    ensure!(tend(&mut both).await?.rewrapped == 1);
    ensure!(tend(&mut both).await?.rewrapped == 0);
    // The old key may go.
    let mut only_new = world.ledger.clone().keeping(ring(&new)?).open().await?;
    ensure!(body(&mut only_new, id(&work)?).await? == open());
    ensure!(matches!(body(&mut session, id(&work)?).await?, StoredBody::Closed { .. }));
    Ok(())
}

pub(crate) async fn an_expired_body_leaves_the_money_and_when_it_went<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let work = Ingress::new().message(&Says::paid("A", "T", 10));
    settle(&mut session, std::slice::from_ref(&work)).await?;
    let before = show(&mut session, "A").await?;
    ensure!(tend(&mut session).await?.expired == 0);
    let later = process::now() + Bodies::KEEP + Duration::from_secs(60);
    ensure!(session.tend(later, 10).await?.expired == 1);
    ensure!(session.tend(later, 10).await?.expired == 0);
    let expected = StoredBody::Removed { at: later, reason: "expired".to_owned() };
    ensure!(body(&mut session, id(&work)?).await? == expected);
    // The same message once more brings no body back.
    settle(&mut session, std::slice::from_ref(&work)).await?;
    ensure!(body(&mut session, id(&work)?).await? == expected);
    ensure!(show(&mut session, "A").await? == before);
    Ok(())
}

pub(crate) async fn notifications_are_found_by_their_columns<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let works =
        [ingress.message(&Says::paid("A", "T1", 10)), ingress.message(&Says::paid("B", "T2", 10))];
    settle(&mut session, &works).await?;
    let all = NotificationFilter { limit: 10, ..NotificationFilter::default() };
    let some = |text: &str| Some(text.to_owned());
    let (shop, other) = (some("shop"), some("other"));
    let filters = [
        (all.clone(), 2),
        (NotificationFilter { limit: 1, ..all.clone() }, 1),
        (NotificationFilter { order: some("A"), ..all.clone() }, 1),
        (NotificationFilter { order: some("A"), account: other.clone(), ..all.clone() }, 0),
        (NotificationFilter { account: shop.clone(), transaction: some("T2"), ..all.clone() }, 1),
        (NotificationFilter { account: other, transaction: some("T2"), ..all.clone() }, 0),
        (NotificationFilter { account: shop, ..all.clone() }, 2),
        (NotificationFilter { kind: some("trade_status_sync/TRADE_SUCCESS"), ..all.clone() }, 2),
        (NotificationFilter { kind: some("none"), ..all }, 0),
    ];
    for (filter, count) in filters {
        let found = session.notifications(&filter).await?;
        ensure!(found.len() == count, "{filter:?}: {found:?}");
    }
    Ok(())
}
