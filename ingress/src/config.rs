//! From the configuration to a running ingress.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use shared::broker::Broker as _;
use shared::broker::Publisher;
use shared::broker::amqp::Amqp;
use shared::config::account::Choices;
use shared::config::reload::{Live, Part};
use shared::config::{Config, Problem, Problems};
use shared::listen::{Capacity, listen};
use shared::process::{pause, unless_stopped};
use shared::provider::Accounts;
use shared::telemetry::health::Health;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::certificates::Certificates;
use crate::enqueue::Enqueue;
use crate::expiry;
use crate::quarantine::{self, Parts, Quarantine};
use crate::rejections::Rejections;
use crate::return_page::standings::Standings;
use crate::return_page::{self, Pages};
use crate::routes::{Door, admin, router};

const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// The door in front of any broker.
pub fn door<P: Publisher>(
    config: &Config,
    accounts: watch::Receiver<Arc<Accounts>>,
    enqueue: Arc<Enqueue<P>>,
    quarantine: Option<Arc<Quarantine>>,
) -> Door<P> {
    Door {
        accounts,
        enqueue,
        certificates: Certificates::default(),
        quarantine,
        rejections: Rejections::default(),
        body_limit_bytes: config.ingress.body_limit.0,
        body_timeout: config.ingress.body_timeout.0,
    }
}

/// The pages for payers who come back.
pub fn pages(
    config: &Config,
    (accounts, choices): (watch::Receiver<Arc<Accounts>>, watch::Receiver<Arc<Choices>>),
    standings: Standings,
    stop: CancellationToken,
) -> Pages {
    Pages {
        accounts,
        choices,
        standings,
        patience: return_page::PATIENCE,
        body_timeout: config.ingress.body_timeout.0,
        stop,
    }
}

/// The connections that the door may hold.
pub fn capacity(config: &Config) -> Capacity {
    let connections_max = config.ingress.connections_max;
    Capacity { connections_max, per_address_max: config.ingress.connections_per_address_max }
}

/// The broker that an ingress publishes to.
pub fn broker(config: &Config) -> Result<Amqp, Problem> {
    Ok(Amqp {
        url: config.broker_url()?.reveal().to_owned(),
        topology: config.topology()?,
        publish_timeout: config.ingress.publish_timeout.0,
    })
}

/// Probes the broker each second: ready when a probe comes back.
pub async fn watch<P: Publisher>(
    enqueue: Arc<Enqueue<P>>,
    health: Health,
    stop: CancellationToken,
) {
    loop {
        let Some(probed) = unless_stopped(enqueue.probe(), &stop).await else { return };
        health.set("broker", probed.map_err(|error| error.to_string()));
        if !pause(PROBE_INTERVAL, &stop).await {
            return;
        }
    }
}

/// Runs the ingress until told to stop: first not ready, then drained, then a last statement.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let limits = config.limits();
    if !limits.is_empty() {
        return Err(Problems(limits).into());
    }
    let Live { accounts, choices, follow, .. } =
        Live::open(&config, Part::Proving).map_err(Problems)?;
    let count = accounts.borrow().0.len();
    let kept = quarantine::open(&config, choices.clone())?;
    let broker = broker(&config)?;
    let keys = config.seal_keys()?;
    let health = Health::default();
    health.set("broker", Err("not reached yet".to_owned()));

    let public = bind("ingress.listen", config.ingress.listen).await?;
    let private = bind("ingress.admin_listen", config.ingress.admin_listen).await?;
    let enqueue = Enqueue::new(broker.publisher(), keys, config.broker.shards);
    let drain = config.process.shutdown_timeout.0;
    info!(listen = %config.ingress.listen, accounts = count, "receiving notifications");

    let ended = CancellationToken::new();
    let stating = tokio::spawn(Arc::clone(&enqueue).state_until(ended.clone()));
    let watching = tokio::spawn(watch(Arc::clone(&enqueue), health.clone(), ended.clone()));
    let private = (private, Capacity::default());
    let telling = tokio::spawn(listen(admin(health.clone()), private, ended.clone(), drain));
    let mut parts = JoinSet::new();
    parts.spawn(follow.run(stop.clone()));
    parts.spawn(expiry::watch(accounts.clone(), stop.clone()));
    let quarantine = kept.map(|Parts { quarantine, writer, tender }| {
        parts.spawn(writer.run(ended.clone()));
        parts.spawn(tender.run(accounts.clone(), Arc::clone(&enqueue), stop.clone()));
        quarantine
    });
    let stopping = stop.clone();
    let not_ready = health.clone();
    tokio::spawn(async move {
        stopping.cancelled().await;
        not_ready.set("process", Err("stopping".to_owned()));
    });
    let standings = Standings::default();
    let following = tokio::spawn(return_page::follow(broker, standings.clone(), ended.clone()));
    let pages = pages(&config, (accounts.clone(), choices), standings, stop.clone());
    let public = (public, capacity(&config));
    let door = router(door(&config, accounts, enqueue, quarantine));
    let routes = door.merge(return_page::router(pages));
    listen(routes, public, stop.clone(), drain).await;
    stop.cancel();
    ended.cancel();
    following.await.context("following events")?;
    while let Some(part) = parts.join_next().await {
        part.context("following the accounts")?;
    }
    stating.await.context("stating")?;
    watching.await.context("watching")?;
    telling.await.context("telling")
}

/// Binds, and names the key when the port is taken.
pub async fn bind(key: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {address}"))
}
