//! What must be true at rest: the broker's record and the provider's, held against the ledger.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use shared::message::parcel::Parcel;
use shared::message::statement::{self, Statement};
use shared::message::{Number, claimed_number, fence};
use uuid::Uuid;
use worker::ledger::bodies::StoredBody;
use worker::ledger::dead_letters::{DeadLetters as _, LetterRecord, LetterState};
use worker::ledger::privacy::Privacy as _;
use worker::ledger::records::Balance;
use worker::ledger::replays::{JobState, Replays as _};
use worker::ledger::{Ledger as _, Session as _};

use crate::people::{self, ALL};
use crate::pool::{Ending, Order};
use crate::road::Record;
use crate::world::World;

pub(crate) async fn judge(world: &World) -> anyhow::Result<()> {
    let record = world.road.record();
    ensure!(record.altered.is_empty(), "bytes were altered: {:?}", record.altered);
    told(world, &record)?;
    homes(world, &record).await.context("where messages are")?;
    orders(world, &record).await?;
    events(world, &record).await?;
    letters(world, &record).await?;
    replays(world, &record).await?;
    conserved(world, &record).await
}

/// Open letters that a replay can do something about.
pub(crate) async fn mendable(world: &World) -> anyhow::Result<usize> {
    let record = world.road.record();
    let mendable = |letter: &&LetterRecord| {
        letter.state == LetterState::Open && !is_hopeless(world, &record, letter)
    };
    Ok(people::letters(&world.ledger).await?.iter().filter(mendable).count())
}

/// What the balance misses was taken away; or it was never there, and the statement that says so is dead.
pub(crate) async fn no_false_alarm(world: &World, balance: &Balance) -> anyhow::Result<()> {
    if balance.unaccounted == 0 {
        return Ok(());
    }
    let record = world.road.record();
    let letters = people::letters(&world.ledger).await?;
    let held: BTreeSet<Number> = record.accepted.values().filter_map(claimed_number).collect();
    let stolen = numbers(&record, &record.stolen);
    let dead = |letter: &LetterRecord| record.stated.get(&letter.message_id).and_then(stated);
    let unsaid: Vec<Statement> = letters.iter().filter_map(dead).collect();
    for missing in &balance.missing {
        for seq in &missing.numbers {
            let number = Number { epoch: missing.epoch, seq: *seq };
            let is_unsaid = unsaid.iter().any(|statement| {
                statement.epoch == number.epoch && statement.from < *seq && *seq <= statement.to
            });
            let is_true = stolen.contains(&number) || is_unsaid && !held.contains(&number);
            let of_epoch = |statement: &Statement| statement.epoch == number.epoch;
            ensure!(
                is_true,
                "falsely missed: {number:?}, held: {}, of {balance:?}; stated: {:?}",
                held.contains(&number),
                record.stated.values().filter_map(stated).filter(of_epoch).collect::<Vec<_>>()
            );
        }
    }
    Ok(())
}

/// What a provider was told is held.
fn told(world: &World, record: &Record) -> anyhow::Result<()> {
    let mut held: BTreeMap<&[u8], usize> = BTreeMap::new();
    for parcel in record.accepted.values() {
        *held.entry(&parcel.body).or_default() += 1;
    }
    for ((number, note), told) in world.provider.told() {
        let order = world.orders.iter().find(|order| order.number == number);
        let body = &order.context("no such order")?.notes[note].body;
        let held = held.get(&body[..]).copied().unwrap_or(0);
        ensure!(told <= held, "{number}, {note}: told success {told} times, {held} held");
    }
    Ok(())
}

/// Each message has one home at least, and its bytes are there as they came.
async fn homes(world: &World, record: &Record) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut letters: BTreeMap<String, Uuid> = BTreeMap::new();
    for letter in people::letters(&world.ledger).await? {
        let twice = letters.insert(letter.message_id.clone(), letter.id);
        ensure!(twice.is_none(), "two letters of {}", letter.message_id);
    }
    for (id, parcel) in &record.accepted {
        if record.stolen.contains(id) {
            continue;
        }
        ensure!(order_of(world, parcel).is_some(), "{id} is nobody's body");
        let stored = session.notification(id.parse()?).await?;
        let letter = match letters.get(id) {
            Some(letter) => session.letter(*letter).await?,
            None => None,
        };
        ensure!(stored.is_some() || letter.is_some(), "{id} is nowhere");
        let bodies = stored.map(|stored| stored.body).into_iter();
        for body in bodies.chain(letter.map(|letter| letter.body)) {
            let StoredBody::Open { bytes, redacted_at: None } = body else {
                anyhow::bail!("{id} has no body: {body:?}")
            };
            ensure!(bytes == parcel.body, "the bytes of {id} are others");
        }
    }
    Ok(())
}

async fn orders(world: &World, record: &Record) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let stolen: Vec<&Order> =
        record.stolen.iter().filter_map(|id| order_of(world, record.accepted.get(id)?)).collect();
    for order in &world.orders {
        let number = &order.number;
        if stolen.iter().any(|stolen| stolen.number == *number) {
            continue;
        }
        let found = session.order(number).await?;
        let is = found.as_ref().map(|found| found.summary.status);
        ensure!(is == order.ending.status(), "{number}, {:?}: {is:?}", order.ending);
        let Some(found) = found else { continue };
        let amounts = (found.summary.paid_amount, found.summary.refunded_amount);
        ensure!(amounts == order.amounts(), "{number}, {:?}: {amounts:?}", order.ending);
        let (fulfilments, paid) = (found.fulfilments.len(), usize::from(order.amounts().0 > 0));
        ensure!(fulfilments == paid, "{number}: {fulfilments} fulfilments");
        let open = found.cases.iter().filter(|case| case.status == "open").count();
        ensure!(open == order.ending.cases(), "{number}: {:?}", found.cases);
        let announced = found.events.iter().filter(|event| event.r#type == "order.paid.v1");
        ensure!(announced.count() == paid, "{number}: {:?}", found.events);
    }
    Ok(())
}

/// The subscriber heard each subject's events from 1 without a gap, first occurrences in order, and all that the
/// ledger wrote.
async fn events(world: &World, record: &Record) -> anyhow::Result<()> {
    let mut heard: BTreeMap<String, Vec<&Parcel>> = BTreeMap::new();
    for parcel in &record.heard {
        let event: serde_json::Value = serde_json::from_slice(&parcel.body)?;
        let subject = event["subject"].as_str().context("no subject")?.to_owned();
        let sequence = event["sequencenumber"].as_u64().context("no sequence")?;
        let first = heard.entry(subject.clone()).or_default();
        match first.get(usize::try_from(sequence)?.wrapping_sub(1)) {
            Some(known) => ensure!(known.body == parcel.body, "{subject} {sequence}: others"),
            None => {
                ensure!(sequence == first.len() as u64 + 1, "{subject}: {sequence} too early");
                first.push(parcel);
            }
        }
    }
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    for event in world.ledger.open().await?.events(0, ALL).await? {
        let subject = event.event["subject"].as_str().context("no subject")?;
        *written.entry(subject.to_owned()).or_default() += 1;
    }
    let heard: BTreeMap<_, _> = heard.into_iter().map(|(key, all)| (key, all.len())).collect();
    ensure!(heard == written, "heard {heard:?}, written {written:?}");
    Ok(())
}

/// Each dead letter failed once, and at most once as an item of each replay; whoever settled it has ended it.
async fn letters(world: &World, record: &Record) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    for letter in people::letters(&world.ledger).await? {
        let hopeless = is_hopeless(world, record, &letter);
        let state = if hopeless { LetterState::Open } else { LetterState::Resolved };
        ensure!(letter.state == state, "not {state:?}: {letter:?}");
        let file = session.letter(letter.id).await?.context("a letter")?;
        let failures: BTreeSet<Option<Uuid>> = file.failures.iter().map(|one| one.item).collect();
        let once = failures.len() == file.failures.len() && failures.contains(&None);
        ensure!(once, "a copy failed once more: {:?} of {letter:?}", file.failures);
        let ended = usize::from(!hopeless);
        ensure!(file.endings.len() == ended, "opened again: {:?} of {letter:?}", file.endings);
    }
    Ok(())
}

/// Each item has an outcome, and nobody began to publish one more often than was recorded before.
async fn replays(world: &World, record: &Record) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let mut begun = record.replays.clone();
    for job in people::jobs(&world.ledger).await? {
        ensure!(job.state == JobState::Completed, "{job:?}");
        for item in session.items(job.id, None, ALL).await? {
            ensure!(item.outcome.is_some(), "no outcome: {item:?}");
            let begun = begun.remove(&item.id).unwrap_or(0);
            ensure!(begun <= i64::from(item.publishes), "published {begun} times: {item:?}");
        }
    }
    ensure!(begun.is_empty(), "items that nobody planned: {begun:?}");
    Ok(())
}

/// Whatever the broker held is in the balance, and nothing else is missed than what was stolen.
async fn conserved(world: &World, record: &Record) -> anyhow::Result<()> {
    let balance = world.balance().await?;
    no_false_alarm(world, &balance).await?;
    let stolen = numbers(record, &record.stolen);
    let missed = balance.missing.iter().flat_map(|missing| {
        missing.numbers.iter().map(|seq| Number { epoch: missing.epoch, seq: *seq })
    });
    let missed: BTreeSet<Number> = missed.collect();
    ensure!(stolen.is_subset(&missed), "stolen {stolen:?}, missed {missed:?}: {balance:?}");
    let accepted = balance.accepted - i64::try_from(missed.difference(&stolen).count())?;
    let held = i64::try_from(record.accepted.len())?;
    ensure!(accepted == held, "{held} were held: {balance:?}");
    ensure!(balance.in_flight == 0, "in flight: {balance:?}");
    let unreadable = record.accepted.values().filter(|parcel| is_unreadable(world, parcel)).count();
    let stolen = record.stolen.iter().filter(|id| is_unreadable(world, &record.accepted[*id]));
    let dead = i64::try_from(unreadable - stolen.count())?;
    ensure!(balance.dead == dead, "{dead} unreadable: {balance:?}");
    Ok(())
}

fn numbers(record: &Record, ids: &[String]) -> BTreeSet<Number> {
    ids.iter().filter_map(|id| claimed_number(record.accepted.get(id)?)).collect()
}

fn stated(parcel: &Parcel) -> Option<Statement> {
    serde_json::from_slice(&parcel.body).ok()
}

/// No replay can settle it: nobody can read it, or it is a statement or a marker, which are not sent again.
fn is_hopeless(world: &World, record: &Record, letter: &LetterRecord) -> bool {
    let message = record.accepted.get(&letter.message_id);
    [statement::KIND, fence::KIND].contains(&&letter.provider[..])
        || message.is_none_or(|parcel| is_unreadable(world, parcel))
}

fn is_unreadable(world: &World, parcel: &Parcel) -> bool {
    order_of(world, parcel).is_some_and(|order| order.ending == Ending::Unreadable)
}

fn order_of<'a>(world: &'a World, parcel: &Parcel) -> Option<&'a Order> {
    let is_of = |order: &&Order| order.notes.iter().any(|note| note.body == parcel.body);
    world.orders.iter().map(|order| &**order).find(is_of)
}
