//! The whole system in one process: the door, the worker, the console, and its health.
//!
//! **Invariant**: what was accepted before a stop is answered and stated before the process ends, and
//! the process ends within `process.shutdown_timeout`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ingress::config::{capacity, door, pages};
use ingress::enqueue::Enqueue;
use ingress::expiry;
use ingress::quarantine::{self, Parts};
use ingress::return_page;
use ingress::return_page::standings::Standings;
use ingress::routes::{admin, router};
use shared::broker::Broker;
use shared::config::Config;
use shared::config::account::Choices;
use shared::config::reload::{Follow, Live, Part};
use shared::listen::{Capacity, listen};
use shared::message::seal::SealKeys;
use shared::process::{pause, stop_token};
use shared::provider::Accounts;
use shared::secret::Secret;
use shared::telemetry::{self, health::Health};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::ledger::{Ledger, LedgerError};
use worker::roles::{self, Settings};

use crate::cli::exit::{Exit, Failure};
use crate::console;
use crate::engine::{self, Engine};

mod greeting;
mod probing;

const MIGRATE_AGAIN: Duration = Duration::from_secs(1);

/// Where it listens.
pub struct Doors {
    pub ingress: TcpListener,
    pub admin: TcpListener,
    pub console: TcpListener,
}

/// All that a run needs beside its engines.
struct Plan {
    accounts: watch::Receiver<Arc<Accounts>>,
    choices: watch::Receiver<Arc<Choices>>,
    follow: Follow,
    kept: Option<Parts>,
    keys: SealKeys,
    settings: Settings,
    token: Option<Secret>,
    config: Config,
    doors: Doors,
}

/// Serves until told to stop.
pub async fn run(config: Config) -> Result<Exit, Failure> {
    telemetry::init(config.log.format(), "info");
    let engine = open(&config)?;
    let doors = Doors::open(&config).await?;
    greeting::greet(&config, &doors);
    on(engine, config, doors, stop_token()).await
}

/// Opens the engines; the embedded file has one owner at a time.
pub fn open(config: &Config) -> Result<Engine, Failure> {
    let problems = config.check();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let engine = engine::begin(config)?;
    if let Engine::Embedded(embedded) = &engine {
        embedded.own()?;
    }
    Ok(engine)
}

/// Serves on these engines and listeners until told to stop.
pub async fn on(
    engine: Engine,
    config: Config,
    doors: Doors,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    let keys = engine.seal_keys(&config)?;
    let Live { accounts, readers, choices, follow } = Live::open(&config, Part::Both)?;
    let kept = quarantine::open(&config, choices.clone())?;
    let settings = Settings::from_config(&config, keys.clone(), readers)?;
    let token = token(&config)?;
    let plan = Plan { accounts, choices, follow, kept, keys, settings, token, config, doors };
    let served = match engine {
        Engine::Embedded(embedded) => {
            // One file has one writer: lanes and shards would only wait for one another.
            let settings = Settings { lanes: 1, shards: 1, ..plan.settings };
            let plan = Plan { settings, ..plan };
            let embedded = embedded.governed_by(plan.choices.clone());
            within_limit(embedded.queue(), embedded.ledger(), plan, stop).await
        }
        Engine::Servers(servers) => {
            let ledger = servers.ledger.governed_by(plan.choices.clone());
            within_limit(servers.broker, ledger, plan, stop).await
        }
    };
    served.map_err(|error| Failure::new(Exit::Failed, format!("{error:#}")))?;
    Ok(Exit::Done)
}

impl Doors {
    /// Listens where the configuration says.
    pub async fn open(config: &Config) -> Result<Self, Failure> {
        Ok(Self {
            ingress: bind("ingress.listen", config.ingress.listen).await?,
            admin: bind("ingress.admin_listen", config.ingress.admin_listen).await?,
            console: bind("console.listen", config.console.listen).await?,
        })
    }
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let variable = key.to_uppercase().replace('.', "__");
            let message = format!(
                "{key}: {address} is taken by another program: stop it, or choose another port, \
                 for example QUITTANCE__{variable}={}:0",
                address.ip()
            );
            Failure::new(Exit::Conflict, message)
        }
        _ => Failure::new(Exit::Usage, format!("{key}: cannot listen on {address}: {error}")),
    })
}

fn token(config: &Config) -> Result<Option<Secret>, Failure> {
    let Some(file) = &config.console.token_file else { return Ok(None) };
    let path = config.resolve(file);
    let wrong = |why: &str| {
        Failure::new(Exit::Usage, format!("console.token_file: {}: {why}", path.display()))
    };
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error.to_string()))?;
    match text.trim() {
        "" => Err(wrong("it is empty; `openssl rand -hex 32` makes a token")),
        token => Ok(Some(Secret::new(token.to_owned()))),
    }
}

async fn within_limit<B: Broker, L: Ledger>(
    broker: B,
    ledger: L,
    plan: Plan,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let limit = plan.config.process.shutdown_timeout.0;
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        served = serve(broker, ledger, plan, stop.clone()) => served,
        () = overdue => bail!("stopping took longer than process.shutdown_timeout ({limit:?})"),
    }
}

/// Doors and worker end at `stop`; what must outlive the requests in hand ends after them.
async fn serve<B: Broker, L: Ledger>(
    broker: B,
    ledger: L,
    plan: Plan,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Plan { accounts, choices, follow, kept, keys, settings, token, config, doors } = plan;
    let drain = config.process.shutdown_timeout.0;
    let (health, end) = (Health::default(), CancellationToken::new());
    health.set("schema", Err("not looked at yet".to_owned()));
    let publisher = broker.publisher();
    let enqueue = Enqueue::new(publisher.clone(), keys, settings.shards);

    let mut lasting = JoinSet::new();
    lasting.spawn(whole(Arc::clone(&enqueue).state_until(end.clone())));
    lasting.spawn(probing::watch(publisher, health.clone(), stop.clone(), end.clone()));
    let few = Capacity::default();
    lasting.spawn(whole(listen(admin(health.clone()), (doors.admin, few), end.clone(), drain)));

    let standings = Standings::default();
    lasting.spawn(whole(return_page::follow(broker.clone(), standings.clone(), end.clone())));
    let console = console::router(ledger.clone(), token, stop.clone());
    let mut parts = JoinSet::new();
    parts.spawn(whole(follow.run(stop.clone())));
    parts.spawn(whole(expiry::watch(accounts.clone(), stop.clone())));
    let quarantine = kept.map(|Parts { quarantine, writer, tender }| {
        lasting.spawn(whole(writer.run(end.clone())));
        parts.spawn(whole(tender.run(accounts.clone(), Arc::clone(&enqueue), stop.clone())));
        quarantine
    });
    let pages = pages(&config, (accounts.clone(), choices), standings, stop.clone());
    let door = router(door(&config, accounts, enqueue, quarantine));
    let public = door.merge(return_page::router(pages));
    let ingress = (doors.ingress, capacity(&config));
    parts.spawn(whole(listen(public, ingress, stop.clone(), drain)));
    parts.spawn(whole(listen(console, (doors.console, few), stop.clone(), drain)));
    parts.spawn(settle(broker, ledger, settings, health, stop.clone()));

    let served = all_ended(&mut parts, &stop).await;
    end.cancel();
    served.and(all_ended(&mut lasting, &end).await)
}

/// A part that cannot fail.
async fn whole(part: impl Future<Output = ()>) -> anyhow::Result<()> {
    part.await;
    Ok(())
}

/// Waits for every part. One that ends before it is told to takes the others with it.
async fn all_ended(
    parts: &mut JoinSet<anyhow::Result<()>>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut first = Ok(());
    while let Some(ended) = parts.join_next().await {
        let result = match ended.context("a part of the process panicked") {
            Ok(Ok(())) if !stop.is_cancelled() => bail_early(),
            Ok(result) => result,
            Err(error) => Err(error),
        };
        stop.cancel();
        first = first.and(result);
    }
    first
}

fn bail_early() -> anyhow::Result<()> {
    bail!("a part of the process ended though nobody told it to")
}

/// Brings the ledger's schema up to date, however long it is out of reach, then settles.
async fn settle<B: Broker, L: Ledger>(
    broker: B,
    ledger: L,
    settings: Settings,
    health: Health,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        match ledger.migrate().await {
            Ok(()) => break,
            Err(error @ (LedgerError::Unreachable(_) | LedgerError::Conflict(_))) => {
                tracing::warn!(%error, "cannot bring the ledger up to date yet");
                health.set("schema", Err(error.to_string()));
                if !pause(MIGRATE_AGAIN, &stop).await {
                    return Ok(());
                }
            }
            Err(error @ (LedgerError::Refused(_) | LedgerError::Fault(_))) => {
                return Err(error).context("the ledger's schema cannot be brought up to date");
            }
        }
    }
    // The roles name their own checks when they are first polled, so this one is cleared after them.
    let migrated = health.clone();
    let cleared = async move { migrated.set("schema", Ok(())) };
    tokio::join!(roles::run(broker, ledger, settings, health, stop), cleared).0
}
