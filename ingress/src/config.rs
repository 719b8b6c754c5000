//! From the configuration to a running ingress.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use shared::broker::Broker as _;
use shared::broker::Publisher;
use shared::broker::amqp::Amqp;
use shared::config::{Config, Problem, Problems};
use shared::process::{pause, unless_stopped};
use shared::provider::Accounts;
use shared::telemetry::health::Health;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::enqueue::Enqueue;
use crate::return_page::standings::Standings;
use crate::return_page::{self, Pages};
use crate::routes::{Door, admin, router};
use crate::serve::listen;

const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// The door in front of any broker.
pub fn door<P: Publisher>(
    config: &Config,
    accounts: watch::Receiver<Arc<Accounts>>,
    enqueue: Arc<Enqueue<P>>,
) -> Door<P> {
    Door {
        accounts,
        enqueue,
        body_limit_bytes: config.ingress.body_limit.0,
        body_timeout: config.ingress.body_timeout.0,
    }
}

/// The pages for payers who come back.
pub fn pages(
    config: &Config,
    accounts: watch::Receiver<Arc<Accounts>>,
    standings: Standings,
    stop: CancellationToken,
) -> Pages {
    Pages {
        accounts,
        return_to: config.return_to(),
        standings,
        patience: return_page::PATIENCE,
        body_timeout: config.ingress.body_timeout.0,
        stop,
    }
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
    let accounts = config.accounts().map_err(Problems)?;
    let count = accounts.0.len();
    let (_accounts, accounts) = watch::channel(Arc::new(accounts));
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
    let telling = tokio::spawn(listen(admin(health.clone()), private, ended.clone(), drain));
    let stopping = stop.clone();
    let not_ready = health.clone();
    tokio::spawn(async move {
        stopping.cancelled().await;
        not_ready.set("process", Err("stopping".to_owned()));
    });
    let standings = Standings::default();
    let following = tokio::spawn(return_page::follow(broker, standings.clone(), ended.clone()));
    let pages = pages(&config, accounts.clone(), standings, stop.clone());
    let routes = router(door(&config, accounts, enqueue)).merge(return_page::router(pages));
    let served = listen(routes, public, stop, drain).await;
    ended.cancel();
    following.await.context("following events")?;
    stating.await.context("stating")?;
    watching.await.context("watching")?;
    telling.await.context("telling")??;
    served
}

/// Binds, and names the key when the port is taken.
pub async fn bind(key: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {address}"))
}
