//! A worker's roles, started together and ended together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use shared::broker::Broker;
use shared::config::{Config, Problem};
use shared::message::seal::SealKeys;
use shared::provider::Readers;
use shared::telemetry::health::Health;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::lane::Lane;
use crate::ledger::Ledger;
use crate::morgue::Morgue;
use crate::reconcile::Reconcile;
use crate::relay::Relay;
use crate::replay::{self, Replayer};
use crate::settle::Policy;

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Lanes from the queue to the ledger.
    Settle,
    /// Events from the ledger to the broker.
    Relay,
    /// Dead letters from the broker to the ledger, and back where people replay them.
    Morgue,
    /// What time and the shop bring about.
    Reconcile,
}

/// What a worker depends on.
#[derive(Debug, Clone)]
pub struct Settings {
    pub policy: Policy,
    pub shards: u16,
    pub lanes: u16,
    pub batch_max: u16,
    pub batch_wait: Duration,
    pub queue_age_alarm: Duration,
    pub roles: Vec<Role>,
    pub shutdown_timeout: Duration,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Settle, Self::Relay, Self::Morgue, Self::Reconcile];

    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settle => "settle",
            Self::Relay => "relay",
            Self::Morgue => "morgue",
            Self::Reconcile => "reconcile",
        }
    }

    /// The role that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl Settings {
    pub fn from_config(
        config: &Config,
        keys: SealKeys,
        readers: watch::Receiver<Arc<Readers>>,
    ) -> Result<Self, Problem> {
        let schedule = config.schedule()?;
        Ok(Self {
            policy: Policy { keys, readers, schedule },
            shards: config.broker.shards,
            lanes: config.worker.lanes,
            batch_max: config.worker.batch_max,
            batch_wait: config.worker.batch_wait.0,
            queue_age_alarm: config.worker.queue_age_alarm.0,
            roles: Role::ALL.to_vec(),
            shutdown_timeout: config.process.shutdown_timeout.0,
        })
    }
}

/// Runs the roles until told to stop; then each finishes what it has in hand.
pub async fn run<B: Broker, L: Ledger>(
    broker: B,
    ledger: L,
    settings: Settings,
    health: Health,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let bell = Arc::new(Notify::new());
    let mut tasks = JoinSet::new();
    for role in &settings.roles {
        match role {
            Role::Settle => {
                for lane in lanes(&broker, &ledger, &settings, (&health, &bell)) {
                    tasks.spawn(lane.run(stop.clone()));
                }
            }
            Role::Relay => {
                health.set(role.as_str(), Err("not reached yet".to_owned()));
                let (health, bell) = (health.clone(), Arc::clone(&bell));
                let publisher = broker.publisher();
                let relay = Relay { publisher, ledger: ledger.clone(), health, bell };
                tasks.spawn(relay.run(stop.clone()));
            }
            Role::Morgue => {
                health.set(role.as_str(), Err("not reached yet".to_owned()));
                let (broker, ledger) = (broker.clone(), ledger.clone());
                let (policy, health) = (settings.policy.clone(), health.clone());
                health.set(replay::NAME, Err("not reached yet".to_owned()));
                let replayer = Replayer {
                    broker: broker.clone(),
                    ledger: ledger.clone(),
                    policy: policy.clone(),
                    shards: settings.shards,
                    health: health.clone(),
                };
                tasks.spawn(replayer.run(stop.clone()));
                let morgue = Morgue { broker, ledger, policy, health };
                tasks.spawn(morgue.run(stop.clone()));
            }
            Role::Reconcile => {
                health.set(role.as_str(), Err("not reached yet".to_owned()));
                let (health, bell) = (health.clone(), Arc::clone(&bell));
                let (broker, ledger) = (broker.clone(), ledger.clone());
                let (keys, shards) = (settings.policy.keys.clone(), settings.shards);
                let reconcile = Reconcile { broker, ledger, keys, shards, health, bell };
                tasks.spawn(reconcile.run(stop.clone()));
            }
        }
    }
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => (),
            ended = tasks.join_next() => match ended {
                None => stop.cancelled().await,
                Some(Ok(())) if stop.is_cancelled() => (),
                Some(Ok(())) => bail!("a role ended before it was told to"),
                Some(Err(error)) => bail!("a role failed: {error}"),
            },
        }
    }
    health.set("process", Err("stopping".to_owned()));
    let drained = async { while tasks.join_next().await.is_some() {} };
    if timeout(settings.shutdown_timeout, drained).await.is_err() {
        // Nothing of it was acknowledged: whoever comes next gets it.
        let within = settings.shutdown_timeout;
        warn!(?within, "work in hand did not end; it will be delivered again");
    }
    Ok(())
}

/// At least one lane a shard.
fn lanes<B: Broker, L: Ledger>(
    broker: &B,
    ledger: &L,
    settings: &Settings,
    (health, bell): (&Health, &Arc<Notify>),
) -> Vec<Lane<B, L>> {
    (0..settings.lanes.max(settings.shards))
        .map(|index| {
            let name = format!("lane-{index}");
            health.set(&name, Err("not reached yet".to_owned()));
            Lane {
                name,
                shard: index % settings.shards,
                broker: broker.clone(),
                ledger: ledger.clone(),
                batch_max: settings.batch_max,
                batch_wait: settings.batch_wait,
                queue_age_alarm: settings.queue_age_alarm,
                policy: settings.policy.clone(),
                health: health.clone(),
                bell: Arc::clone(bell),
            }
        })
        .collect()
}
