//! Erasing dead letters: found by their order, their transaction, their agreement, or whom it was signed for.

use anyhow::{Context as _, bail, ensure};
use shared::broker::Broker;
use shared::notification::{AgreementChange, RefundStatus};
use shared::process;
use worker::ledger::bodies::StoredBody;
use worker::ledger::dead_letters::letter::Letter;
use worker::ledger::dead_letters::{DeadLetters as _, LetterAct};
use worker::ledger::erasure::{Allowed, Erasure, Subject};
use worker::ledger::{Bucket, Ledger, Session};

use super::agreements::{agreement, failed};
use super::{asked, batch, done, erase, is_erased, noted, order_of, refused};
use crate::ledger::bodies::{body, id};
use crate::ledger::dead_letters::{act, letter};
use crate::ledger::replays::{again, plan, sent};
use crate::ledger::words::{Ingress, Says, order, refund, settle, show, subscription};
use crate::world::World;

const SIGNED: AgreementChange = AgreementChange::Signed { valid_until: None };

async fn stored(session: &mut impl Session, letter: &Letter) -> anyhow::Result<StoredBody> {
    Ok(session.letter(letter.id).await?.context("no letter")?.body)
}

async fn is_open(session: &mut impl Session, letter: &Letter) -> anyhow::Result<bool> {
    Ok(matches!(stored(session, letter).await?, StoredBody::Open { .. }))
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

    // What they tell of money is settled or given up first, unless it is lost by name.
    let allowed = Allowed { open_letters: true, ..Allowed::default() };
    let whole = |subject| Erasure { allowed, ..noted(subject) };
    let erased = done(&mut session, &whole(order_of("A"))).await?.context("it is there")?;
    ensure!(erased.destroyed == 2, "the payment's, and the letter's: {erased:?}");
    ensure!(erased.open_letters == [of_order.id], "{erased:?}");
    ensure!(is_erased(&stored(&mut session, &of_order).await?));
    for letter in &letters[1..] {
        ensure!(is_open(&mut session, letter).await?);
    }
    let erased = done(&mut session, &whole(Subject::Subscription("S-1".into()))).await?;
    let erased = erased.context("it is there")?;
    ensure!(erased.destroyed == 3, "the signing's, and two letters': {erased:?}");
    for letter in [&of_agreement, &of_subscription] {
        ensure!(is_erased(&stored(&mut session, letter).await?));
    }
    ensure!(is_open(&mut session, &of_another).await?);
    // What was only known of a letter has its tombstone too.
    let mut dead = |fact| letter(&ingress.tell(fact), "refused");
    let late = [dead(back("T1"))?, dead(agreement("G-9", None, failed()))?, dead(back("T2"))?];
    session.bury(&late, process::now()).await?;
    let by = act("dead_letters.discard");
    for letter in &late {
        ensure!(is_open(&mut session, letter).await?, "it stands, and so does what it tells");
        let ids = [letter.id];
        session.act_on_letters(&ids, LetterAct::Discard, &by, process::now()).await?;
    }
    ensure!(is_erased(&stored(&mut session, &late[0]).await?));
    ensure!(is_erased(&stored(&mut session, &late[1]).await?));
    ensure!(is_open(&mut session, &late[2]).await?);
    Ok(())
}

pub(crate) async fn an_open_letter_is_in_the_way_of_an_erasure<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    session.import(&[order("A", 10), order("B", 10)], process::now()).await?;
    let mut ingress = Ingress::new();
    let told = ingress.message(&Says::paid("A", "T1", 9));
    settle(&mut session, std::slice::from_ref(&told)).await?;
    let works = [Says::paid("A", "T2", 10), Says::paid("B", "T3", 10)];
    let works = works.map(|says| ingress.message(&says));
    let [dead, other] = [letter(&works[0], "refused")?, letter(&works[1], "refused")?];
    session.bury(&[dead.clone(), other.clone()], process::now()).await?;

    let would = done(&mut session, &asked(order_of("A"))).await?.context("it is there")?;
    ensure!(would.open_letters == [dead.id], "{would:?}");
    let in_the_way = async |session: &mut L::Session| {
        let why = refused(session, &noted(order_of("A"))).await?;
        for word in [&*dead.id.to_string(), "Replay or discard", "--destroy-open-letters"] {
            ensure!(why.contains(word), "{word}: {why}");
        }
        ensure!(!why.contains(&other.id.to_string()), "{why}");
        ensure!(is_open(session, &dead).await?, "nothing was erased");
        ensure!(matches!(body(session, id(&told)?).await?, StoredBody::Open { .. }));
        anyhow::Ok(())
    };
    in_the_way(&mut session).await?;
    let job = plan(&mut session).await?;
    let sent = sent(&mut session, job).await?;
    in_the_way(&mut session).await?;
    for (item, stored) in &sent {
        let work = if stored.letter == dead.id { &works[0] } else { &works[1] };
        ensure!(settle(&mut session, &[again(work, *item)?]).await? == [Bucket::Settled]);
    }
    // Their money is where it belongs; nothing was erased yet, so the letters keep their copies.
    ensure!(is_open(&mut session, &dead).await?);
    let erased = done(&mut session, &noted(order_of("A"))).await?.context("it is there")?;
    ensure!(erased.destroyed == 3 && erased.open_letters.is_empty(), "{erased:?}");
    ensure!(is_erased(&stored(&mut session, &dead).await?));
    ensure!(is_open(&mut session, &other).await?);
    ensure!(show(&mut session, "A").await?.summary.paid_amount == 10);
    Ok(())
}

pub(crate) async fn a_letter_under_a_tombstone_keeps_its_money_until_it_ends<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    session.import(&[order("A", 10), order("B", 10)], process::now()).await?;
    erase(&mut session, "A").await?;
    let mut ingress = Ingress::new();
    let alone = ingress.message(&Says::paid("A", "T1", 10));
    let shared = batch(&mut ingress, &Says::paid("A", "T1", 10), &Says::paid("B", "T2", 10));
    // What it is about was not read when it was buried.
    let unread = ingress.message(&Says::paid("A", "T3", 10));
    let works = [&alone, &shared, &unread];
    let mut letters =
        [letter(&alone, "refused")?, letter(&shared, "refused")?, letter(&unread, "refused")?];
    letters[2].parts.clear();
    session.bury(&letters, process::now()).await?;
    let job = plan(&mut session).await?;
    for (item, stored) in sent(&mut session, job).await? {
        ensure!(matches!(stored.body, StoredBody::Open { redacted_at: None, .. }), "{stored:?}");
        let place = letters.iter().position(|one| one.id == stored.letter).context("a letter")?;
        settle(&mut session, &[again(works[place], item)?]).await?;
    }
    ensure!(show(&mut session, "A").await?.summary.paid_amount > 0, "the money is there");
    ensure!(show(&mut session, "B").await?.summary.paid_amount == 10);
    for place in [0, 2] {
        ensure!(is_erased(&stored(&mut session, &letters[place]).await?), "{place}");
        ensure!(is_erased(&body(&mut session, id(works[place])?).await?), "{place}");
    }
    for copy in [stored(&mut session, &letters[1]).await?, body(&mut session, id(&shared)?).await?]
    {
        let StoredBody::Open { bytes, redacted_at: Some(_) } = copy else { bail!("{copy:?}") };
        let left = String::from_utf8(bytes)?;
        ensure!(!left.contains("first") && left.contains("second"), "{left}");
    }
    Ok(())
}

pub(crate) async fn a_letter_that_nobody_could_read_is_erased_by_its_message<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    session.import(&[order("A", 10), order("B", 10)], process::now()).await?;
    let mut ingress = Ingress::new();
    let works = [Says::paid("A", "T1", 10), Says::paid("B", "T2", 10)];
    let works = works.map(|says| ingress.message(&says));
    let mut letters = [letter(&works[0], "refused")?, letter(&works[1], "refused")?];
    for letter in &mut letters {
        letter.parts.clear();
    }
    session.bury(&letters, process::now()).await?;
    let job = plan(&mut session).await?;
    for (item, stored) in sent(&mut session, job).await? {
        let place = usize::from(stored.letter != letters[0].id);
        settle(&mut session, &[again(&works[place], item)?]).await?;
    }
    let erased = erase(&mut session, "A").await?;
    ensure!(erased.destroyed == 2, "its message's, and the letter's: {erased:?}");
    ensure!(is_erased(&stored(&mut session, &letters[0]).await?));
    ensure!(is_open(&mut session, &letters[1]).await?);
    Ok(())
}
