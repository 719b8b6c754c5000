//! Replayed messages that are gone, and those that came twice.

use super::*;

pub(crate) async fn a_letter_whose_replayed_message_is_gone_is_open_again<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { works, job } = planned(&mut session).await?;
    let sent = sent(&mut session, job).await?;
    let [kept, gone] = &sent[..] else { anyhow::bail!("two were planned: {sent:?}") };
    let of = |letter: &StoredLetter| {
        let has = |work: &&Work| matches!(work, Work::Reading(reading) if reading.message.id.to_string() == letter.message_id);
        works.iter().find(has).context("a letter of another message")
    };
    settle(&mut session, &[again(of(&kept.1)?, kept.0)?]).await?;
    let suspects = session.suspects(process::now(), 10).await?;
    ensure!(suspects.replayed == [gone.0], "{suspects:?}");
    ensure!(session.convict(&suspects, process::now()).await? == 1);
    ensure!(session.convict(&suspects, process::now()).await? == 0, "once");
    ensure!(session.suspects(process::now(), 10).await?.is_empty());
    let counts = session.job(job).await?.context("it runs")?.counts;
    ensure!((counts.lost, counts.settled, counts.in_flight) == (1, 1, 0), "{counts:?}");
    let file = session.letter(gone.1.letter).await?.context("it is kept")?;
    ensure!(file.letter.state == LetterState::Open, "{file:?}");
    let ending = file.endings.last().context("the reason is noted")?;
    ensure!((ending.resolution.as_str(), ending.actor.as_str()) == ("lost", "worker"));
    ensure!(ending.reason.contains(&job.to_string()), "{ending:?}");
    let balance = session.balance().await?;
    ensure!((balance.dead, balance.settled, balance.unaccounted) == (1, 1, 0), "{balance:?}");

    // It is sent again, and then the copy that seemed lost comes after all.
    let second = plan(&mut session).await?;
    let resent = self::sent(&mut session, second).await?;
    ensure!(resent.len() == 1, "{resent:?}");
    let message = of(&gone.1)?;
    ensure!(settle(&mut session, &[again(message, gone.0)?]).await? == [Bucket::Settled]);
    ensure!(session.open_letters().await? == 0);
    ensure!(settle(&mut session, &[again(message, resent[0].0)?]).await? != [Bucket::Settled]);
    let counts = session.job(job).await?.context("it runs")?.counts;
    ensure!((counts.lost, counts.settled) == (0, 2), "{counts:?}");
    let counts = session.job(second).await?.context("it runs")?.counts;
    ensure!((counts.decided(), counts.settled) == (1, 0), "{counts:?}");
    let balance = session.balance().await?;
    ensure!((balance.accepted, balance.settled, balance.dead) == (2, 2, 0), "{balance:?}");
    ensure!(session.suspects(process::now(), 10).await?.is_empty());
    Ok(())
}

pub(crate) async fn a_second_copy_of_what_a_replay_settled_changes_nothing<B: Broker, L: Ledger>(
    world: &World<B, L>,
) -> anyhow::Result<()> {
    let mut session = world.ledger.open().await?;
    let Planned { works, job } = planned(&mut session).await?;
    // As after a crash between a publish and its mark: each was published twice.
    for (item, stored) in sent(&mut session, job).await? {
        let has = |work: &&Work| matches!(work, Work::Reading(reading) if reading.message.id.to_string() == stored.message_id);
        let copy = again(works.iter().find(has).context("a letter of another message")?, item)?;
        ensure!(settle(&mut session, std::slice::from_ref(&copy)).await? == [Bucket::Settled]);
        let before = (session.order("A").await?, session.order("B").await?);
        let buckets = settle(&mut session, &[copy.clone(), copy]).await?;
        let changed = |bucket: &Bucket| !matches!(bucket, Bucket::NoOp | Bucket::Duplicate);
        ensure!(!buckets.iter().any(changed), "{buckets:?}");
        ensure!((session.order("A").await?, session.order("B").await?) == before);
    }
    let counts = session.job(job).await?.context("it runs")?.counts;
    ensure!((counts.settled, counts.decided()) == (2, 2), "{counts:?}");
    ensure!(session.open_letters().await? == 0);
    Ok(())
}

/// Starts a plan and records that all of it was published.
pub(in crate::ledger) async fn sent(
    session: &mut impl Session,
    job: Uuid,
) -> anyhow::Result<Vec<(Uuid, StoredLetter)>> {
    ensure!(start(session, job).await? == Started::Done);
    let holder = Uuid::from_u128(1);
    ensure!(session.beat(Duty::Replay, holder, None).await? == Beat::Held);
    let claimed = session.claim(job, holder, 9).await?;
    let items: Vec<Uuid> = claimed.iter().map(|(item, _)| *item).collect();
    session.published(holder, &items, &[]).await?;
    Ok(claimed)
}
