//! From the configuration to a running worker.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, Uri, header};
use shared::broker::amqp::Amqp;
use shared::config::Config;
use shared::telemetry::health::Health;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger as _;
use crate::ledger::postgres::Postgres;
use crate::roles::{Role, Settings, run as run_roles};

/// Migrates, then runs the roles until told to stop.
pub async fn run(config: Config, roles: Vec<Role>, stop: CancellationToken) -> anyhow::Result<()> {
    let broker = Amqp {
        url: config.broker_url()?.reveal().to_owned(),
        topology: config.topology()?,
        publish_timeout: config.ingress.publish_timeout.0,
    };
    let ledger = Postgres::new(config.database_url()?);
    let settings = Settings { roles, ..Settings::from_config(&config, config.seal_keys()?)? };
    let health = Health::default();
    let admin = tokio::spawn(answer(config.worker.admin_listen, health.clone(), stop.clone()));
    ledger.migrate().await.context("migrating the ledger")?;
    run_roles(broker, ledger, settings, health, stop.clone()).await?;
    stop.cancel();
    admin.await.context("the admin port")?
}

/// `/livez`, `/readyz` and `/metrics`.
async fn answer(
    address: SocketAddr,
    health: Health,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("worker.admin_listen: cannot listen on {address}"))?;
    let answer = async |State(health): State<Health>, uri: Uri, RawQuery(query): RawQuery| {
        let answer = health.answer(uri.path(), query.as_deref() == Some("verbose"));
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body)
    };
    let router = Router::new().fallback(answer).with_state(health);
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    serving.await.context("serving the admin port")
}
