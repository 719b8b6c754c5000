//! The whole system in one process: the door, the worker, the console, and its health.
//!
//! **Invariant**: what was accepted before a stop is answered and stated before the process ends, and
//! the process ends within `process.shutdown_timeout`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ingress::enqueue::Enqueue;
use ingress::return_page::standings::Standings;
use ingress::return_page::{self, follow};
use ingress::routes::{admin, router};
use ingress::serve::listen;
use shared::broker::Broker;
use shared::config::Config;
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
    let engine = engine::open(config)?;
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
    let (_accounts, accounts) = watch::channel(Arc::new(config.accounts()?));
    let (_readers, readers) = watch::channel(Arc::new(config.readers()?));
    let settings = Settings::from_config(&config, keys.clone(), readers)?;
    let token = token(&config)?;
    let plan = Plan { accounts, keys, settings, token, config, doors };
    let served = match engine {
        Engine::Embedded(embedded) => {
            // One file has one writer: lanes and shards would only wait for one another.
            let settings = Settings { lanes: 1, shards: 1, ..plan.settings };
            let plan = Plan { settings, ..plan };
            within_limit(embedded.queue(), embedded.ledger(), plan, stop).await
        }
        Engine::Servers(servers) => within_limit(servers.broker, servers.ledger, plan, stop).await,
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
    let Plan { accounts, keys, settings, token, config, doors } = plan;
    let drain = config.process.shutdown_timeout.0;
    let (health, end) = (Health::default(), CancellationToken::new());
    health.set("schema", Err("not looked at yet".to_owned()));
    let publisher = broker.publisher();
    let enqueue = Enqueue::new(publisher.clone(), keys, settings.shards);

    let mut lasting = JoinSet::new();
    let stating = Arc::clone(&enqueue).state_until(end.clone());
    lasting.spawn(async {
        stating.await;
        Ok(())
    });
    lasting.spawn(probing::watch(publisher, health.clone(), stop.clone(), end.clone()));
    lasting.spawn(listen(admin(health.clone()), doors.admin, end.clone(), drain));

    let standings = Standings::default();
    let following = follow(broker.clone(), standings.clone(), end.clone());
    lasting.spawn(async {
        following.await;
        Ok(())
    });
    let pages = ingress::config::pages(&config, accounts.clone(), standings, stop.clone());
    let door = router(ingress::config::door(&config, accounts, enqueue));
    let public = door.merge(return_page::router(pages));
    let console = console::router(ledger.clone(), token);
    let mut parts = JoinSet::new();
    parts.spawn(listen(public, doors.ingress, stop.clone(), drain));
    parts.spawn(listen(console, doors.console, stop.clone(), drain));
    parts.spawn(settle(broker, ledger, settings, health, stop.clone()));

    let served = all_ended(&mut parts, &stop).await;
    end.cancel();
    served.and(all_ended(&mut lasting, &end).await)
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
