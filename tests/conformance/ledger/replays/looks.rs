//! What whoever runs a job sees of it, and what a holder that lost the lease can still do: nothing.

use worker::ledger::replays::JobRecord;
use worker::ledger::replays::course::{Look, Tally};

use super::*;

pub(crate) async fn a_former_holder_of_a_replay_changes_nothing<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { job, .. } = planned(&mut session).await?;
    ensure!(start(&mut session, job).await? == Started::Done);
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    ensure!(session.beat(Duty::Replay, one, None).await? == Beat::Held);
    let begun = session.claim(job, one, 1).await?.first().context("one item")?.0;
    // It is stopped here; somebody takes over, and it wakes up.
    let Beat::Other(seen) = session.beat(Duty::Replay, other, None).await? else {
        anyhow::bail!("two hold it");
    };
    ensure!(session.beat(Duty::Replay, other, Some(seen)).await? == Beat::Held);
    let now = process::now();
    let publishing = async |session: &mut L::Session| {
        let told = |record: JobRecord| (record.state, record.counts.publishing);
        anyhow::Ok(session.job(job).await?.map(told))
    };
    // It does not end the job, nor does the new one speak for what it has not claimed.
    session.finish(job, one, None, now).await?;
    session.finish(job, one, Some("a look of long ago"), now).await?;
    session.published(other, &[begun], &[]).await?;
    session.skip(other, &[begun], now).await?;
    ensure!(publishing(&mut session).await? == Some((JobState::Running, 1)));
    ensure!(session.claim(job, other, 9).await?.len() == 2);
    session.published(one, &[begun], &[]).await?;
    session.published(one, &[], &[begun]).await?;
    session.skip(one, &[begun], now).await?;
    session.finish(job, one, None, now).await?;
    ensure!(publishing(&mut session).await? == Some((JobState::Running, 2)));
    let open = open(&mut session).await?;
    ensure!(open == 0, "{open} are open again");
    session.published(other, &[begun], &[]).await?;
    let counts = session.job(job).await?.context("it runs")?.counts;
    ensure!((counts.in_flight, counts.publishing) == (1, 1), "{counts:?}");
    // The first one gets the lease back, under its old name: nothing is left lying that somebody began.
    session.release(other).await?;
    ensure!(session.beat(Duty::Replay, one, None).await? == Beat::Held);
    for _ in 0..2 {
        ensure!(session.claim(job, one, 9).await?.len() == 1);
    }
    Ok(())
}

/// So many letters, started with this canary and claimed by whoever holds the lease.
async fn running(
    session: &mut impl Session,
    letters: usize,
    canary: i32,
) -> anyhow::Result<(Uuid, Vec<(Uuid, Work)>)> {
    let mut ingress = Ingress::new();
    let works: Vec<Work> =
        (0..letters).map(|_| ingress.message(&Says::paid("A", "T1", 10))).collect();
    let died: Result<Vec<_>, _> = works.iter().map(|work| letter(work, "refused")).collect();
    session.bury(&died?, process::now()).await?;
    let job = plan(session).await?;
    let course = Course { canary, ..COURSE };
    session.start(job, &course, &act("replay.start"), process::now()).await?;
    let holder = Uuid::from_u128(1);
    session.beat(Duty::Replay, holder, None).await?;
    let mut items = vec![];
    for (item, stored) in session.claim(job, holder, 300).await? {
        let has = |work: &&Work| matches!(work, Work::Reading(reading) if reading.message.id.to_string() == stored.message_id);
        items.push((item, works.iter().find(has).context("its message")?.clone()));
    }
    session
        .published(holder, &items.iter().map(|(item, _)| *item).collect::<Vec<_>>(), &[])
        .await?;
    Ok((job, items))
}

async fn dies(
    session: &mut impl Session,
    (item, work): &(Uuid, Work),
    code: &str,
) -> anyhow::Result<()> {
    let mut copy = letter(work, code)?;
    copy.death.item = Some(*item);
    ensure!(session.bury(&[copy], process::now()).await? == [Burial::Again]);
    Ok(())
}

async fn look(session: &mut impl Session) -> anyhow::Result<Look> {
    session.running().await?.context("it runs")
}

pub(crate) async fn a_look_at_a_replay_tells_what_was_decided_first_and_last<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let (job, items) = running(&mut session, 208, 4).await?;
    let begun = look(&mut session).await?;
    ensure!((begun.job, begun.rate, begun.canary) == (job, 100, 4), "{begun:?}");
    ensure!((begun.left, begun.in_flight, begun.stop_percent) == (0, 208, Some(20)), "{begun:?}");
    ensure!((begun.first, begun.last) == (Tally::default(), Tally::default()), "{begun:?}");
    for item in &items[..3] {
        dies(&mut session, item, "refused").await?;
    }
    let well: anyhow::Result<Vec<_>> =
        items[3..206].iter().map(|(item, work)| again(work, *item)).collect();
    settle(&mut session, &well?).await?;
    let told = look(&mut session).await?;
    ensure!(told.first == Tally { decided: 4, failed: 3 }, "{told:?}");
    ensure!(told.last == Tally { decided: 200, failed: 0 }, "{told:?}");
    dies(&mut session, &items[206], "refused").await?;
    let told = look(&mut session).await?;
    ensure!(told.last == Tally { decided: 200, failed: 1 }, "{told:?}");
    ensure!((told.in_flight, told.is_new_cause) == (1, false), "{told:?}");
    Ok(())
}

pub(crate) async fn a_new_cause_is_seen_however_many_died_of_the_old<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let (job, items) = running(&mut session, 25, 0).await?;
    dies(&mut session, &items[0], "another").await?;
    for item in &items[1..24] {
        dies(&mut session, item, "refused").await?;
    }
    let told = look(&mut session).await?;
    ensure!(told.is_new_cause && told.last == Tally { decided: 24, failed: 24 }, "{told:?}");
    ensure!(session.job(job).await?.context("it runs")?.new_causes == 1);
    // A copy of it settles after all: it did not die.
    let (item, work) = &items[0];
    settle(&mut session, &[again(work, *item)?]).await?;
    ensure!(!look(&mut session).await?.is_new_cause);
    ensure!(session.job(job).await?.context("it runs")?.new_causes == 0);
    Ok(())
}

pub(crate) async fn a_resumed_replay_is_judged_by_what_comes_then<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let (job, items) = running(&mut session, 6, 2).await?;
    dies(&mut session, &items[0], "another").await?;
    dies(&mut session, &items[1], "refused").await?;
    let holder = Uuid::from_u128(1);
    session.finish(job, holder, Some("too many"), process::now()).await?;
    ensure!(session.running().await?.is_none(), "it halted");
    let by = act("replay.resume");
    ensure!(session.steer(job, Steer::Resume, &by, process::now()).await? == Steered::Done);
    let told = look(&mut session).await?;
    ensure!((told.first, told.last) == (Tally::default(), Tally::default()), "{told:?}");
    ensure!((told.is_new_cause, told.stop_percent) == (false, Some(20)), "{told:?}");
    dies(&mut session, &items[2], "a third").await?;
    let told = look(&mut session).await?;
    ensure!(told.first == Tally { decided: 1, failed: 1 } && told.is_new_cause, "{told:?}");
    Ok(())
}

pub(crate) async fn a_strangers_letter_marks_no_item_of_another<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let (_, items) = running(&mut session, 2, 0).await?;
    dies(&mut session, &items[0], "refused").await?;
    // It names an item that is not its own.
    let mut strange = letter(&Ingress::new().message(&Says::paid("B", "T2", 1)), "unheard of")?;
    strange.death.item = Some(items[0].0);
    session.bury(&[strange], process::now()).await?;
    ensure!(!look(&mut session).await?.is_new_cause);
    Ok(())
}

pub(crate) async fn a_plan_that_is_cancelled_touches_no_letter_of_another_replay<
    B: Broker,
    L: Ledger,
>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { job, .. } = planned(&mut session).await?;
    let idle = plan(&mut session).await?;
    ensure!(start(&mut session, job).await? == Started::Done);
    let by = act("replay.cancel");
    ensure!(session.steer(idle, Steer::Cancel, &by, process::now()).await? == Steered::Done);
    let found = open(&mut session).await?;
    ensure!(found == 0, "{found} are open although another job replays them");
    // A job may halt: what it has is not ended.
    let not_ended = session.open_letters().await?;
    ensure!(not_ended > 0 && session.groups(None).await?[0].open == not_ended, "{not_ended}");
    Ok(())
}

pub(crate) async fn a_plan_of_hours_ago_is_told_to_be_too_old<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { job: old, .. } = planned(&mut session).await?;
    let hours = process::now() + PLAN_KEEPS + PLAN_KEEPS;
    session.plan((Uuid::now_v7(), "another"), &[], &act("replay.plan"), hours).await?;
    let by = act("replay.start");
    ensure!(session.start(old, &COURSE, &by, hours).await? == Started::Old);
    let days = hours + PLAN_FORGOTTEN;
    session.plan((Uuid::now_v7(), "a third"), &[], &act("replay.plan"), days).await?;
    ensure!(session.start(old, &COURSE, &by, days).await? == Started::NotFound);
    Ok(())
}
