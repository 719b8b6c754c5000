//! Replays: frozen when planned, recorded before each publish, decided where they settle.

use anyhow::{Context as _, ensure};
use shared::broker::Broker;
use shared::process;
use uuid::Uuid;
use worker::ledger::custody::Custody as _;
use worker::ledger::dead_letters::{Burial, DeadLetters as _, LetterFilter, LetterState, Wanted};
use worker::ledger::replays::{
    Course, JobState, Outcome, PLAN_FORGOTTEN, PLAN_KEEPS, PlannedItem, Replays as _, Started,
    Steer, Steered, StoredLetter,
};
use worker::ledger::{Beat, Bucket, Duty, Ledger, Session, Work};

use super::dead_letters::{act, all, letter};
use super::words::{Ingress, Says, import, settle};
use crate::world::World;

mod copies;
mod looks;

pub(super) use self::copies::sent;

pub(crate) use self::copies::{
    a_letter_whose_replayed_message_is_gone_is_open_again,
    a_second_copy_of_what_a_replay_settled_changes_nothing,
};
pub(crate) use self::looks::{
    a_former_holder_of_a_replay_changes_nothing,
    a_look_at_a_replay_tells_what_was_decided_first_and_last,
    a_new_cause_is_seen_however_many_died_of_the_old, a_plan_of_hours_ago_is_told_to_be_too_old,
    a_plan_that_is_cancelled_touches_no_letter_of_another_replay,
    a_resumed_replay_is_judged_by_what_comes_then, a_strangers_letter_marks_no_item_of_another,
};

const COURSE: Course = Course { rate: 100, canary: 0, stop_percent: Some(20) };

/// Two payments that died, and a plan to send both again.
struct Planned {
    works: [Work; 2],
    job: Uuid,
}

async fn planned(session: &mut impl Session) -> anyhow::Result<Planned> {
    import(session, "A", 10).await?;
    import(session, "B", 10).await?;
    let mut ingress = Ingress::new();
    let works = [Says::paid("A", "T1", 10), Says::paid("B", "T2", 10)];
    let works = works.map(|says| ingress.message(&says));
    let letters = [letter(&works[0], "refused")?, letter(&works[1], "refused")?];
    session.bury(&letters, process::now()).await?;
    let job = plan(session).await?;
    Ok(Planned { works, job })
}

pub(super) async fn plan(session: &mut impl Session) -> anyhow::Result<Uuid> {
    let job = Uuid::now_v7();
    let open = LetterFilter { state: Wanted::In(LetterState::Open), limit: 500, ..all() };
    let letters = session.letters(&open).await?.into_iter();
    let item = |letter: worker::ledger::dead_letters::LetterRecord| PlannedItem {
        id: Uuid::now_v7(),
        letter: letter.id,
        group: letter.group_id,
        failures: letter.failures,
        forecast: Outcome::Settled,
    };
    let items: Vec<_> = letters.map(item).collect();
    session.plan((job, "everything"), &items, &act("replay.plan"), process::now()).await?;
    Ok(job)
}

/// How many letters stand open.
async fn open(session: &mut impl Session) -> anyhow::Result<usize> {
    let open = LetterFilter { state: Wanted::In(LetterState::Open), limit: 500, ..all() };
    Ok(session.letters(&open).await?.len())
}

async fn start(session: &mut impl Session, job: Uuid) -> anyhow::Result<Started> {
    Ok(session.start(job, &COURSE, &act("replay.start"), process::now()).await?)
}

/// The same work as an item of a replay.
pub(super) fn again(work: &Work, item: Uuid) -> anyhow::Result<Work> {
    let Work::Reading(reading) = work else { anyhow::bail!("no notification") };
    let mut reading = reading.clone();
    reading.replay = Some(item);
    Ok(Work::Reading(reading))
}

pub(crate) async fn a_replay_records_each_publish_before_it_happens<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { works, job } = planned(&mut session).await?;
    ensure!(session.running().await?.is_none(), "a plan does not run");
    ensure!(start(&mut session, job).await? == Started::Done);
    ensure!(start(&mut session, job).await? == Started::NotPlanned(JobState::Running));
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    ensure!(session.claim(job, one, 9).await?.is_empty(), "nobody holds the lease");
    ensure!(session.beat(Duty::Replay, one, None).await? == Beat::Held);
    let first = session.claim(job, one, 1).await?;
    ensure!(first.len() == 1 && session.claim(job, other, 9).await?.is_empty());

    // The first holder dies with an item about to be published; the next one takes it over.
    let Beat::Other(seen) = session.beat(Duty::Replay, other, None).await? else {
        anyhow::bail!("two hold it");
    };
    ensure!(session.beat(Duty::Replay, other, Some(seen)).await? == Beat::Held);
    let taken = session.claim(job, other, 9).await?;
    ensure!(taken.len() == 2 && taken.iter().any(|(item, _)| *item == first[0].0), "{taken:?}");
    ensure!(session.claim(job, one, 9).await?.is_empty(), "it lost the lease");
    let (back, confirmed) = (taken[1].0, taken[0].0);
    session.published(other, &[confirmed], &[back]).await?;
    let record = session.job(job).await?.context("it runs")?;
    ensure!((record.counts.in_flight, record.counts.pending) == (1, 1), "{record:?}");
    ensure!(record.counts.publishes == 3, "the second publish of one is recorded: {record:?}");
    let retaken = session.claim(job, other, 9).await?;
    let retaken: Vec<Uuid> = retaken.iter().map(|(item, _)| *item).collect();
    session.published(other, &retaken, &[]).await?;

    // Each outcome is written by whoever settles it, and ends its letter.
    for (item, stored) in &taken {
        let of = |work: &&Work| matches!(work, Work::Reading(reading) if reading.message.id.to_string() == stored.message_id);
        let work = works.iter().find(of).context("a letter of another message")?;
        ensure!(settle(&mut session, &[again(work, *item)?]).await? == [Bucket::Settled]);
    }
    let record = session.job(job).await?.context("it runs")?;
    ensure!((record.counts.settled, record.counts.in_flight) == (2, 0), "{record:?}");
    session.finish(job, other, None, process::now()).await?;
    let record = session.job(job).await?.context("it ran")?;
    ensure!(record.state == JobState::Completed && record.ended_at.is_some(), "{record:?}");
    ensure!(session.open_letters().await? == 0);
    let letters = session.letters(&all()).await?;
    ensure!(letters.iter().all(|letter| letter.state == LetterState::Resolved), "{letters:?}");
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.settled, balance.dead) == (2, 2, 0), "{balance:?}");
    let trail = session.trail("A").await?.context("a trail")?;
    ensure!(trail.replays.iter().any(|one| one.outcome.as_deref() == Some("settled")), "{trail:?}");
    ensure!(session.suspects(process::now(), 10).await?.is_empty());
    Ok(())
}

pub(crate) async fn a_repeat_that_died_is_replayed_as_a_duplicate<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    import(&mut session, "A", 10).await?;
    let mut ingress = Ingress::new();
    let [first, repeat] = [(); 2].map(|()| {
        ingress.seq += 1;
        ingress.message_with(&Says::paid("A", "T1", 10), "n-1")
    });
    session.bury(&[letter(&repeat, "refused")?], process::now()).await?;
    ensure!(settle(&mut session, &[first]).await? == [Bucket::Settled]);
    let job = plan(&mut session).await?;
    ensure!(start(&mut session, job).await? == Started::Done);
    let holder = Uuid::now_v7();
    session.beat(Duty::Replay, holder, None).await?;
    let item = session.claim(job, holder, 9).await?.first().context("one letter")?.0;
    let outcome = settle(&mut session, &[again(&repeat, item)?]).await?;
    ensure!(outcome == [Bucket::Duplicate], "{outcome:?}");
    let order = session.order("A").await?.context("imported")?;
    ensure!((order.payments.len(), order.fulfilments.len()) == (1, 1), "{order:?}");
    ensure!(session.open_letters().await? == 0, "its letter is resolved");
    Ok(())
}

pub(crate) async fn a_copy_that_dies_later_undoes_no_outcome<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { works, job } = planned(&mut session).await?;
    ensure!(start(&mut session, job).await? == Started::Done);
    let holder = Uuid::now_v7();
    session.beat(Duty::Replay, holder, None).await?;
    let claimed = session.claim(job, holder, 9).await?;
    let item_of = |work: &Work| {
        let Work::Reading(reading) = work else { return None };
        let id = reading.message.id.to_string();
        claimed.iter().find(|(_, stored)| stored.message_id == id).map(|(item, _)| *item)
    };
    // Nobody was told of the first publish, so each item is on its way twice.
    let mut copies = vec![];
    for work in &works {
        let item = item_of(work).context("an item of each")?;
        let mut copy = letter(work, "refused")?;
        copy.death.item = Some(item);
        copies.push(copy);
        ensure!(settle(&mut session, &[again(work, item)?]).await? == [Bucket::Settled]);
    }
    let burials = session.bury(&copies, process::now()).await?;
    ensure!(burials == [Burial::Known, Burial::Known], "{burials:?}");
    let counts = session.job(job).await?.context("it runs")?.counts;
    ensure!((counts.settled, counts.dead_again) == (2, 0), "{counts:?}");
    ensure!(session.open_letters().await? == 0);
    let balance = session.balance().await?;
    ensure!((balance.settled, balance.dead) == (2, 0), "{balance:?}");
    Ok(())
}

pub(crate) async fn a_rehearsal_decides_and_writes_nothing<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { works, .. } = planned(&mut session).await?;
    let before = session.balance().await?;
    let rehearsed = session.rehearse(&works, process::now()).await?;
    ensure!(rehearsed == [Bucket::Settled, Bucket::Settled], "{rehearsed:?}");
    ensure!(
        session.rehearse(&works, process::now()).await? == rehearsed,
        "as if for the first time"
    );
    ensure!(session.balance().await? == before);
    let order = session.order("A").await?.context("imported")?;
    ensure!(order.payments.is_empty() && order.events.is_empty(), "{order:?}");
    Ok(())
}

pub(crate) async fn a_plan_that_is_stale_or_old_is_not_started<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { works, job } = planned(&mut session).await?;
    let late = process::now() + PLAN_KEEPS + PLAN_KEEPS;
    ensure!(session.start(job, &COURSE, &act("replay.start"), late).await? == Started::Old);
    ensure!(start(&mut session, Uuid::now_v7()).await? == Started::NotFound);
    // One of its letters is decided by another replay meanwhile.
    let quicker = plan(&mut session).await?;
    ensure!(start(&mut session, quicker).await? == Started::Done);
    let holder = Uuid::now_v7();
    session.beat(Duty::Replay, holder, None).await?;
    let claimed = session.claim(quicker, holder, 9).await?;
    settle(&mut session, &[again(&works[0], claimed[0].0)?]).await?;
    ensure!(matches!(start(&mut session, job).await?, Started::Stale { changed } if changed > 0));
    let steer = async |session: &mut L::Session, steer: Steer| {
        session.steer(quicker, steer, &act(steer.action()), process::now()).await
    };
    ensure!(steer(&mut session, Steer::Resume).await? == Steered::Not(JobState::Running));
    ensure!(steer(&mut session, Steer::Pause).await? == Steered::Done);
    ensure!(session.running().await?.is_none(), "it is paused");
    ensure!(steer(&mut session, Steer::Resume).await? == Steered::Done);
    // The rate may change meanwhile, and nothing else does.
    ensure!(steer(&mut session, Steer::Rate(7)).await? == Steered::Done);
    session.finish(quicker, holder, Some("a reason"), process::now()).await?;
    ensure!(steer(&mut session, Steer::Rate(9)).await? == Steered::Done);
    let record = session.job(quicker).await?.context("it halted")?;
    let now = (record.rate, record.state, record.stop_percent);
    ensure!(now == (9, JobState::Halted, COURSE.stop_percent), "{record:?}");
    ensure!(steer(&mut session, Steer::Cancel).await? == Steered::Done);
    let cancelled = Steered::Not(JobState::Cancelled);
    ensure!(steer(&mut session, Steer::Rate(7)).await? == cancelled);
    ensure!(session.claim(quicker, holder, 9).await?.is_empty(), "it is cancelled");
    Ok(())
}

pub(crate) async fn an_item_that_is_skipped_leaves_its_letter_open<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { works, job } = planned(&mut session).await?;
    ensure!(start(&mut session, job).await? == Started::Done);
    let holder = Uuid::now_v7();
    session.beat(Duty::Replay, holder, None).await?;
    let claimed = session.claim(job, holder, 9).await?;
    let items: Vec<Uuid> = claimed.iter().map(|(item, _)| *item).collect();
    // Cannot be sent again after all: its letter stands open as before.
    session.skip(holder, &items[..1], process::now()).await?;
    session.published(holder, &items, &[]).await?;
    let record = session.job(job).await?.context("it runs")?;
    ensure!((record.counts.skipped, record.counts.in_flight) == (1, 1), "{record:?}");
    let open = session.letters(&all()).await?;
    let states = |state| open.iter().filter(|letter| letter.state == state).count();
    ensure!((states(LetterState::Open), states(LetterState::Replaying)) == (1, 1), "{open:?}");
    // A copy without its item that settles does not speak for the replay.
    ensure!(settle(&mut session, &works).await?.len() == 2);
    let record = session.job(job).await?.context("it runs")?;
    ensure!(record.counts.in_flight == 1, "{record:?}");
    Ok(())
}
