//! The demonstration: the whole system in a folder of its own, played against, and what became of it.
//!
//! **Invariant**: it proves by looking into the ledger, bounded in time, never by having waited.

use std::time::Duration;

use anyhow::{Context as _, bail};
use shared::process::{stop_token, unless_stopped};
use shared::telemetry::{self, LogFormat};
use tokio_util::sync::CancellationToken;
use worker::ledger::Session;
use worker::ledger::records::Balance;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Paint, progress, say};
use crate::engine::Engine;
use crate::serve;

mod stage;
mod standing;
mod scene;
mod script;
mod report;
mod player;

use self::player::{Player, until};
use self::report::Report;
use self::script::scenes;
use self::stage::Stage;

/// How long the parts may take to come up, or the last message to come to rest.
const REST_TIMEOUT: Duration = Duration::from_secs(20);

/// Plays every scene; done only if each came out as the policy says and the balance adds up.
pub async fn run(keep: bool, output: Output) -> Result<Exit, Failure> {
    telemetry::init(LogFormat::Pretty, "error");
    say("making key pairs to sign with");
    let failed = |error: anyhow::Error| Failure::new(Exit::Failed, format!("{error:#}"));
    let (stage, doors) = Stage::build(keep).await.map_err(failed)?;
    let engine = serve::open(&stage.config)?;
    let Engine::Embedded(embedded) = &engine else {
        return Err(Failure::new(Exit::Failed, "the demonstration runs on the embedded engines"));
    };
    let session = worker::ledger::Ledger::open(&embedded.ledger()).await?;
    let stop = stop_token();
    let serving = tokio::spawn(serve::on(engine, stage.config.clone(), doors, stop.clone()));

    let mut player = Player::new(&stage, session);
    let played = unless_stopped(play(&mut player, &stop), &stop).await;
    let shown = match played {
        Some(played) => played.map_err(failed).and_then(|report| show(&report, output)),
        None => Err(Failure::new(Exit::Failed, "stopped before the end")),
    };
    drop(player);
    if keep && shown.is_ok() {
        stage.invite();
        stop.cancelled().await;
    }
    stop.cancel();
    let served = serving.await;
    stage.leave();
    served.map_err(|error| failed(error.into()))??;
    shown
}

async fn play<S: Session>(
    player: &mut Player<'_, S>,
    stop: &CancellationToken,
) -> anyhow::Result<Report> {
    if until(REST_TIMEOUT, async || Ok(player.is_served().await.then_some(()))).await?.is_none() {
        bail!("the parts did not come up within {REST_TIMEOUT:?}");
    }
    let mut report = Report::default();
    let scenes = scenes(|provider| player.scenarios(provider));
    for (index, scene) in scenes.iter().enumerate() {
        if stop.is_cancelled() {
            bail!("a part of the process ended on the way");
        }
        say(&format!(
            "{:>2}/{} {}, {}: awaiting {}",
            index + 1,
            scenes.len(),
            scene.provider.as_str(),
            scene.story.name,
            scene.story.expected
        ));
        report.scenes.push(player.play(scene).await?);
    }
    progress("");
    say("awaiting rest: nothing in flight, everything accounted for");
    report.balance = rest(player).await?;
    report.sent_and_accepted = player.accepted;
    // What stood after each scene must still stand at the end.
    for (outcome, scene) in report.scenes.iter_mut().zip(&scenes) {
        player.look_again(scene, outcome).await?;
    }
    Ok(report)
}

/// The balance once everything that was accepted has come to rest, or as it is when time is up.
async fn rest<S: Session>(player: &mut Player<'_, S>) -> anyhow::Result<Balance> {
    let accepted = player.accepted;
    let rested = until(REST_TIMEOUT, async || {
        let balance = player.session.balance().await?;
        let rests = balance.adds_up() && balance.in_flight == 0 && balance.accepted == accepted;
        Ok(rests.then_some(balance))
    });
    match rested.await.context("reading the balance")? {
        Some(balance) => Ok(balance),
        None => Ok(player.session.balance().await?),
    }
}

fn show(report: &Report, output: Output) -> Result<Exit, Failure> {
    output.one(report, |report| report.text(Paint::stdout()))?;
    Ok(if report.is_ok() { Exit::Done } else { Exit::Failed })
}
