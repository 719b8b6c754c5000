//! The process's edges: its clock and its signals.

use std::future::Future;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// The clock, read at edges only; everything else takes `now` as an argument. Whole microseconds,
/// which is what the ledgers keep.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> OffsetDateTime {
    in_micros(OffsetDateTime::now_utc())
}

/// Cut to whole microseconds.
pub fn in_micros(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(at.microsecond() * 1_000).unwrap_or(at)
}

/// SIGHUP, by which somebody asks a process to read its configuration again. By default nobody listens,
/// and the signal ends the process, as it must end one that goes with its terminal.
#[derive(Default)]
pub struct Hangup(Option<Signal>);

/// A token that SIGTERM or SIGINT cancels.
pub fn stop_token() -> CancellationToken {
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        signalled().await;
        info!("stopping");
        cancelled.cancel();
    });
    stop
}

/// Waits, unless told to stop first; answers whether the time passed.
pub async fn pause(delay: Duration, stop: &CancellationToken) -> bool {
    unless_stopped(tokio::time::sleep(delay), stop).await.is_some()
}

/// The future's output, or nothing when told to stop first.
pub async fn unless_stopped<T>(
    future: impl Future<Output = T>,
    stop: &CancellationToken,
) -> Option<T> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        output = future => Some(output),
    }
}

impl Hangup {
    /// From now on the signal no longer ends the process.
    pub fn listen() -> Self {
        Self(signal(SignalKind::hangup()).ok())
    }

    /// Waits for the next one.
    pub async fn asked(&mut self) {
        let asked = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if asked.is_none() {
            std::future::pending().await
        }
    }
}

async fn signalled() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
}
