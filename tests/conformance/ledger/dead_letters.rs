//! Dead letters: kept once, grouped by their cause, ended by people.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use shared::broker::{Broker, Delivery};
use shared::message::Message;
use shared::message::dead::{Verdict, buried};
use shared::message::parcel::Parcel;
use shared::message::seal::SealKeys;
use shared::money::{Currency, Money};
use shared::notification::{DisputeStatus, RefundStatus};
use shared::process;
use shared::provider::Readers;
use uuid::Uuid;
use worker::ledger::bodies::StoredBody;
use worker::ledger::dead_letters::group::{GroupAct, GroupRecord, GroupStatus};
use worker::ledger::dead_letters::letter::Letter;
use worker::ledger::dead_letters::{
    Burial, DeadLetters as _, GroupActed, LetterAct, LetterFilter, LetterRecord, LetterState,
    Wanted,
};
use worker::ledger::erasure::Part;
use worker::ledger::records::{Act, NewOrder};
use worker::ledger::{Bucket, Ledger, Session, Work};

use super::words::{Ingress, Says, dispute, import, order, refund, settle};
use crate::world::World;

mod kept;

pub(crate) use self::kept::{
    a_dead_letters_body_is_sealed_and_ends_as_all_bodies_do,
    erasing_an_order_takes_its_dead_letters_bodies, garbage_is_kept,
};

pub(super) fn act(action: &str) -> Act {
    Act {
        actor: "cli:test".into(),
        action: action.into(),
        subject: "a test".into(),
        reason: "a reason".into(),
    }
}

/// The letter of this message, as the morgue would examine it.
pub(super) fn letter(work: &Work, code: &str) -> anyhow::Result<Letter> {
    let Work::Reading(reading) = work else { anyhow::bail!("no notification") };
    let keys = SealKeys::generate();
    let message: Message = reading.message.clone();
    let account = message.account.clone();
    let mut letter = examine(&message.into_parcel(&keys), &keys, code);
    let told = reading.notifications.iter();
    letter.parts = told.map(|told| Part::of(&account, told.fact.as_ref())).collect();
    letter.money = Some(Money { minor: 10, currency: Currency::CNY });
    Ok(letter)
}

fn examine(parcel: &Parcel, keys: &SealKeys, code: &str) -> Letter {
    let now = process::now();
    let verdict = Verdict { stage: "settle", code, cause: "it failed at 7", worker: "1.0.0" };
    let delivery = Delivery { tag: 1, returns: 0, parcel: buried(parcel, verdict, now) };
    Letter::examine(&delivery, (keys, &Readers::default()), now)
}

pub(super) fn all() -> LetterFilter {
    LetterFilter { limit: 100, ..LetterFilter::default() }
}

async fn bury(session: &mut impl Session, letters: &[Letter]) -> anyhow::Result<Vec<Burial>> {
    Ok(session.bury(letters, process::now()).await?)
}

async fn one(session: &mut impl Session) -> anyhow::Result<LetterRecord> {
    session.letters(&all()).await?.pop().context("no letter")
}

async fn group(session: &mut impl Session) -> anyhow::Result<GroupRecord> {
    session.groups(None).await?.pop().context("no group")
}

pub(crate) async fn a_letter_is_buried_once_and_found<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let first = letter(&ingress.message(&Says::paid("A", "T1", 10)), "refused")?;
    let second = letter(&ingress.message(&Says::paid("B", "T2", 10)), "out_of_attempts")?;
    let burials = bury(&mut session, &[first.clone(), first.clone(), second.clone()]).await?;
    ensure!(burials == [Burial::New, Burial::Known, Burial::New], "{burials:?}");
    ensure!(bury(&mut session, std::slice::from_ref(&first)).await? == [Burial::Known]);
    ensure!(session.open_letters().await? == 2);

    let file = session.letter(first.id).await?.context("not there")?;
    ensure!(file.envelope == first.envelope && file.endings.is_empty());
    ensure!(file.body == StoredBody::Open { bytes: first.body.to_vec(), redacted_at: None });
    ensure!(file.failures.len() == 1 && file.failures[0].cause == "it failed at #", "{file:?}");
    ensure!(file.failures[0].worker.as_deref() == Some("1.0.0"));
    ensure!(file.failures[0].last_failed_at.is_some() && file.failures[0].attempts == 1);
    let LetterRecord { stage, code, state, failures, order_number, amount, .. } = file.letter;
    ensure!((stage.as_str(), code.as_str(), failures) == ("settle", "refused", 1));
    ensure!((state, order_number.as_deref(), amount) == (LetterState::Open, Some("A"), Some(10)));

    let trail = session.trail("A").await?.context("a trail")?;
    let buried: Vec<_> = trail.buried.iter().map(|one| (one.letter, one.cause.as_str())).collect();
    ensure!(buried == [(first.id, "settle/refused")], "{buried:?}");

    let some = |text: &str| Some(text.to_owned());
    let later = process::now() + Duration::from_secs(60);
    let groups = session.letters(&all()).await?;
    for (filter, count) in [
        (all(), 2),
        (LetterFilter { limit: 1, ..all() }, 1),
        (LetterFilter { code: some("refused"), ..all() }, 1),
        (LetterFilter { stage: some("settle"), ..all() }, 2),
        (LetterFilter { stage: some("read"), ..all() }, 0),
        (LetterFilter { provider: some("alipay"), account: some("shop"), ..all() }, 2),
        (LetterFilter { account: some("other"), ..all() }, 0),
        (LetterFilter { order: some("A"), ..all() }, 1),
        (LetterFilter { order: some("C"), ..all() }, 0),
        (LetterFilter { state: Wanted::In(LetterState::Discarded), ..all() }, 0),
        (LetterFilter { group: Some(groups[0].group_id), ..all() }, 1),
        (LetterFilter { message: Some(first.message_id.clone()), ..all() }, 1),
        (LetterFilter { until: Some(later), ..all() }, 2),
        (LetterFilter { since: Some(later), ..all() }, 0),
        (LetterFilter { before: Some(groups[0].id), ..all() }, 1),
    ] {
        let found = session.letters(&filter).await?;
        ensure!(found.len() == count, "{filter:?}: {found:?}");
    }
    Ok(())
}

pub(crate) async fn a_letter_that_names_a_transaction_alone_is_its_orders<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let a = NewOrder { numbers: vec!["A-2".into()], ..order("A", 10) };
    session.import(&[a, order("B", 10)], process::now()).await?;
    let mut ingress = Ingress::new();
    // Nobody wrote C.
    let paid = [("A-2", "T1"), ("B", "T2"), ("C", "T3")];
    let paid = paid.map(|(number, of)| ingress.message(&Says::paid(number, of, 10)));
    settle(&mut session, &paid).await?;
    let mut dead = |fact| letter(&ingress.tell(fact), "refused");
    let of_a = [
        dead(refund("T1", "R1", 10, RefundStatus::Succeeded))?,
        dead(dispute("T1", 10, DisputeStatus::Opened))?,
    ];
    let of_others = [
        dead(refund("T2", "R2", 10, RefundStatus::Succeeded))?,
        dead(refund("T3", "R3", 10, RefundStatus::Succeeded))?,
        dead(refund("T4", "R4", 10, RefundStatus::Succeeded))?,
    ];
    // It names both, and is one letter all the same.
    let both = letter(&ingress.message(&Says::paid("A-2", "T1", 10)), "refused")?;
    bury(&mut session, &[&of_a[..], &of_others, std::slice::from_ref(&both)].concat()).await?;
    let expected: BTreeSet<Uuid> = of_a.iter().chain([&both]).map(|one| one.id).collect();
    for (number, count) in [("A", 3), ("A-2", 3), ("B", 1), ("C", 1), ("D", 0)] {
        let filter = LetterFilter { order: Some(number.into()), ..all() };
        let found = session.letters(&filter).await?;
        ensure!(found.len() == count, "{number}: {found:?}");
        ensure!(count < 3 || found.iter().all(|one| expected.contains(&one.id)), "{found:?}");
    }
    let trail = session.trail("A").await?.context("a trail")?;
    let buried: BTreeSet<Uuid> = trail.buried.iter().map(|one| one.letter).collect();
    ensure!(trail.buried.len() == 3 && buried == expected, "{:?}", trail.buried);
    Ok(())
}

pub(crate) async fn letters_of_one_cause_are_one_group_and_a_resolved_one_regresses<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut ingress = Ingress::new();
    let mut next = |order| letter(&ingress.message(&Says::paid(order, "T", 10)), "refused");
    bury(&mut session, &[next("A")?, next("A")?, next("B")?]).await?;
    let found = group(&mut session).await?;
    ensure!((found.open, found.letters, found.orders) == (3, 3, 2), "{found:?}");
    ensure!(found.at_stake.len() == 1 && found.at_stake[0].amount == 30, "{found:?}");
    ensure!(found.status == GroupStatus::Open && found.message == "it failed at #");

    let id = found.id;
    let say = async |session: &mut L::Session, what: GroupAct| {
        let acted = session.act_on_group(id, &what, &act(what.action()), process::now()).await?;
        match acted {
            GroupActed::Done(group) => Ok(*group),
            GroupActed::NotFound => anyhow::bail!("not found"),
        }
    };
    let assigned = say(&mut session, GroupAct::Assign { owner: "ana".into() }).await?;
    ensure!(assigned.status == GroupStatus::Acknowledged);
    let noted = say(&mut session, GroupAct::Note { text: "a typo".into() }).await?;
    ensure!((noted.owner.as_deref(), noted.note.as_deref()) == (Some("ana"), Some("a typo")));
    ensure!(say(&mut session, GroupAct::Resolve).await?.status == GroupStatus::Resolved);
    ensure!(session.groups(Some(GroupStatus::Open)).await?.is_empty());
    // The same letter once more is no new failure; another one is.
    let fresh = next("C")?;
    bury(&mut session, std::slice::from_ref(&fresh)).await?;
    ensure!(group(&mut session).await?.status == GroupStatus::Regressed);
    ensure!(say(&mut session, GroupAct::Ignore).await?.status == GroupStatus::Ignored);
    bury(&mut session, &[fresh, next("D")?]).await?;
    let ignored = group(&mut session).await?;
    ensure!((ignored.status, ignored.letters) == (GroupStatus::Ignored, 5), "{ignored:?}");
    ensure!(ignored.note.as_deref() == Some("a typo"), "a note stays");
    let nobody = uuid::Uuid::now_v7();
    let acted = session.act_on_group(nobody, &GroupAct::Resolve, &act("x"), process::now()).await?;
    ensure!(acted == GroupActed::NotFound);
    Ok(())
}

pub(crate) async fn an_open_letter_counts_as_dead_whatever_became_of_a_copy<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let work = ingress.message(&Says::paid("A", "T", 10));
    ensure!(settle(&mut session, std::slice::from_ref(&work)).await? == [Bucket::Settled]);
    let letter = letter(&work, "reader_crashed")?;
    bury(&mut session, std::slice::from_ref(&letter)).await?;
    let now = process::now();
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.dead, balance.settled) == (1, 1, 0), "{balance:?}");
    settle(&mut session, std::slice::from_ref(&work)).await?;
    ensure!(session.balance().await?.dead == 1, "a redelivery does not end a letter");
    session.act_on_letters(&[letter.id], LetterAct::Discard, &act("x"), now).await?;
    ensure!(session.balance().await?.dead == 1, "nor does a person who discards it");
    Ok(())
}

pub(crate) async fn a_letter_is_discarded_and_restored_by_name<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let letter = letter(&Ingress::new().message(&Says::paid("A", "T", 10)), "refused")?;
    bury(&mut session, std::slice::from_ref(&letter)).await?;
    let (ids, now) = ([letter.id, uuid::Uuid::now_v7()], process::now());
    let by = act("dead-letter.discard");
    ensure!(session.act_on_letters(&ids, LetterAct::Restore, &by, now).await?.is_empty());
    ensure!(session.act_on_letters(&ids, LetterAct::Discard, &by, now).await? == [letter.id]);
    ensure!(session.act_on_letters(&ids, LetterAct::Discard, &by, now).await?.is_empty());
    ensure!(one(&mut session).await?.state == LetterState::Discarded);
    ensure!(session.open_letters().await? == 0);
    // Delivered once more, it stays discarded.
    ensure!(bury(&mut session, std::slice::from_ref(&letter)).await? == [Burial::Known]);
    ensure!(session.act_on_letters(&ids, LetterAct::Restore, &by, now).await? == [letter.id]);
    let file = session.letter(letter.id).await?.context("gone")?;
    ensure!(file.letter.state == LetterState::Open);
    let said: Vec<_> =
        file.endings.iter().map(|ending| (ending.resolution.as_str(), &*ending.actor)).collect();
    ensure!(said == [("discarded", "cli:test"), ("restored", "cli:test")], "{said:?}");
    ensure!(matches!(file.body, StoredBody::Open { .. }), "nothing of it was lost");
    Ok(())
}

pub(crate) async fn two_morgues_at_once_bury_each_letter_once<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let (mut first, mut second) = (world.ledger.open().await?, world.ledger.open().await?);
    let mut ingress = Ingress::new();
    let letters: Vec<Letter> = (0..40)
        .map(|index| {
            let code = if index % 2 == 0 { "refused" } else { "out_of_attempts" };
            letter(&ingress.message(&Says::paid("A", "T", 10)), code)
        })
        .collect::<anyhow::Result<_>>()?;
    let mut copies = letters.clone();
    copies.reverse();
    for copy in &mut copies {
        copy.id = uuid::Uuid::now_v7();
    }
    let now = process::now();
    let (one, other) = tokio::join!(first.bury(&letters, now), second.bury(&copies, now));
    let new = [one?, other?].concat().into_iter().filter(|burial| *burial == Burial::New).count();
    ensure!(new == 40, "{new} of 40");
    ensure!(first.open_letters().await? == 40);
    ensure!(first.groups(None).await?.iter().map(|group| group.letters).sum::<i64>() == 40);
    Ok(())
}
