//! Listening: HTTP connections with limits, drained at the end.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Serves until told to stop, then gives requests in hand `drain` to end.
pub async fn listen(
    router: Router,
    listener: TcpListener,
    stop: CancellationToken,
    drain: Duration,
) -> anyhow::Result<()> {
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut serving = std::pin::pin!(serving.into_future());
    tokio::select! {
        ended = &mut serving => return ended.context("serving http"),
        () = stop.cancelled() => (),
    }
    match timeout(drain, serving).await {
        Ok(ended) => ended.context("serving http"),
        Err(_) => {
            warn!("connections were cut: they did not end in time");
            Ok(())
        }
    }
}
