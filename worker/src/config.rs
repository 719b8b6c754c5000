//! From the configuration to a running worker.

use anyhow::Context as _;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, Uri, header};
use shared::broker::amqp::Amqp;
use shared::config::reload::{Live, Part};
use shared::config::{Config, Problems};
use shared::listen::{Capacity, listen};
use shared::process::pause;
use shared::retry::Reconnect;
use shared::telemetry::health::Health;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::ledger::postgres::Postgres;
use crate::ledger::{Ledger as _, LedgerError};
use crate::roles::{Role, Settings, run as run_roles};

/// Migrates, then runs the roles until told to stop.
pub async fn run(config: Config, roles: Vec<Role>, stop: CancellationToken) -> anyhow::Result<()> {
    let limits = config.limits();
    if !limits.is_empty() {
        return Err(Problems(limits).into());
    }
    let broker = Amqp {
        url: config.broker_url()?.reveal().to_owned(),
        topology: config.topology()?,
        publish_timeout: config.ingress.publish_timeout.0,
    };
    let Live { readers, choices, follow, .. } =
        Live::open(&config, Part::Reading).map_err(Problems)?;
    let bodies = config.bodies(None)?;
    let ledger = Postgres::new(config.database_url()?).governed_by(choices).keeping(bodies);
    let settings = Settings::from_config(&config, config.seal_keys()?, readers)?;
    let settings = Settings { roles, ..settings };
    let health = Health::default();
    health.set("schema", Err("not migrated yet".to_owned()));
    let address = config.worker.admin_listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("worker.admin_listen: cannot listen on {address}"))?;
    let following = tokio::spawn(follow.run(stop.clone()));
    let drain = settings.shutdown_timeout;
    let listener = (listener, Capacity::default());
    let admin = tokio::spawn(listen(admin(health.clone()), listener, stop.clone(), drain));
    if !migrated(&ledger, &health, &stop).await? {
        return Ok(());
    }
    run_roles(broker, ledger, settings, health, stop.clone()).await?;
    stop.cancel();
    following.await.context("following the accounts")?;
    admin.await.context("the admin port")
}

/// Migrates as soon as the ledger is in reach; false when told to stop before.
async fn migrated(
    ledger: &Postgres,
    health: &Health,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    let mut reconnect = Reconnect::default();
    loop {
        match ledger.migrate().await {
            Ok(()) => {
                health.set("schema", Ok(()));
                return Ok(true);
            }
            Err(LedgerError::Unreachable(error)) => {
                warn!(%error, "the ledger is out of reach");
                health.set("schema", Err(error));
            }
            Err(error @ LedgerError::Conflict(_)) => {
                warn!(%error, "the ledger is not migrated");
                health.set("schema", Err(error.to_string()));
            }
            Err(error) => return Err(error).context("migrating the ledger"),
        }
        if !pause(reconnect.next_delay(), stop).await {
            return Ok(false);
        }
    }
}

/// `/livez`, `/readyz` and `/metrics`.
fn admin(health: Health) -> Router {
    let answer = async |State(health): State<Health>, uri: Uri, RawQuery(query): RawQuery| {
        let answer = health.answer(uri.path(), query.as_deref());
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body)
    };
    Router::new().fallback(answer).with_state(health)
}
