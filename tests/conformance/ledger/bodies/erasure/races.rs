//! Erasing while dead letters are buried, replayed and ended: nobody waits in a ring.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::process;
use uuid::Uuid;
use worker::ledger::dead_letters::letter::Letter;
use worker::ledger::dead_letters::{DeadLetters as _, LetterAct};
use worker::ledger::erasure::{Allowed, Erasure};
use worker::ledger::privacy::Privacy as _;
use worker::ledger::{Ledger, LedgerError, Session, Work};

use super::{erase, is_erased, noted, order_of};
use crate::ledger::bodies::{body, id};
use crate::ledger::dead_letters::{act, letter};
use crate::ledger::replays::{again, plan, sent};
use crate::ledger::words::{Ingress, Says, order, settle};
use crate::world::World;

const ROUNDS: usize = 25;

/// Does it again as long as another is in the way; a ring would be told as a deadlock.
async fn patiently<T>(mut call: impl AsyncFnMut() -> Result<T, LedgerError>) -> anyhow::Result<T> {
    loop {
        match call().await {
            Err(LedgerError::Conflict(why)) => ensure!(!why.contains("deadlock"), "{why}"),
            other => return Ok(other?),
        }
    }
}

/// The same letter, which died again as this item.
fn died_again(letter: &Letter, item: Uuid) -> Letter {
    let mut letter = letter.clone();
    letter.death.item = Some(item);
    letter
}

/// One round's letters: one is settled by its replay, one dies again, one is discarded, one is new.
struct Round {
    works: [Work; 4],
    letters: [Letter; 4],
}

impl Round {
    fn new(ingress: &mut Ingress) -> anyhow::Result<Self> {
        let works = [(); 4].map(|()| ingress.message(&Says::paid("A", "T", 10)));
        let mut letters = vec![];
        for work in &works {
            letters.push(letter(work, "refused")?);
        }
        let letters = letters.try_into().ok().context("four letters")?;
        Ok(Self { works, letters })
    }
}

pub(crate) async fn an_erasure_and_the_ends_of_letters_never_wait_in_a_ring<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let (mut settling, mut burying) = (world.ledger.open().await?, world.ledger.open().await?);
    let (mut ending, mut erasing) = (world.ledger.open().await?, world.ledger.open().await?);
    settling.import(&[order("A", 10)], process::now()).await?;
    let allowed = Allowed { open_letters: true, ..Allowed::default() };
    let erasure = Erasure { allowed, ..noted(order_of("A")) };
    let by = act("dead_letters.discard");
    let mut ingress = Ingress::new();
    for _ in 0..ROUNDS {
        let Round { works, letters } = Round::new(&mut ingress)?;
        let [first, second, third, new] = &letters;
        settling.bury(&[first.clone(), second.clone()], process::now()).await?;
        let job = plan(&mut settling).await?;
        let sent = sent(&mut settling, job).await?;
        let item = |of: &Letter| {
            let mut items = sent.iter().filter(|(_, stored)| stored.letter == of.id);
            items.next().map(|(item, _)| *item).context("it was planned")
        };
        settling.bury(std::slice::from_ref(third), process::now()).await?;
        let replayed = [again(&works[0], item(first)?)?];
        let buried = [died_again(second, item(second)?), new.clone()];
        let (one, two, three, four) = tokio::join!(
            patiently(async || settling.settle(&replayed, process::now()).await),
            patiently(async || burying.bury(&buried, process::now()).await),
            patiently(async || {
                let now = process::now();
                ending.act_on_letters(&[third.id], LetterAct::Discard, &by, now).await
            }),
            patiently(async || erasing.erase(&erasure, process::now()).await),
        );
        one?;
        two?;
        three?;
        ensure!(four?.is_some(), "it is told of");
        let open = [second.id, new.id];
        settling.act_on_letters(&open, LetterAct::Discard, &by, process::now()).await?;
        ensure!(is_erased(&body(&mut settling, id(&works[0])?).await?));
        for letter in &letters {
            let file = settling.letter(letter.id).await?.context("it is kept")?;
            ensure!(is_erased(&file.body), "{file:?}");
        }
    }
    settle(&mut settling, &[ingress.message(&Says::paid("A", "T", 10))]).await?;
    ensure!(erase(&mut erasing, "A").await?.destroyed == 0, "nothing was left");
    Ok(())
}
