//! Is the process fit for work? Asked all the time, so that readiness is never stale.

use std::time::Duration;

use shared::broker::Publisher;
use shared::process::pause;
use shared::telemetry::health::Health;
use tokio_util::sync::CancellationToken;

const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Tells health whether the broker takes messages, and at once when the process is told to stop.
pub(super) async fn watch(
    publisher: impl Publisher,
    health: Health,
    stop: CancellationToken,
    end: CancellationToken,
) -> anyhow::Result<()> {
    health.set("process", Ok(()));
    let stopping = async {
        stop.cancelled().await;
        health.set("process", Err("stopping".to_owned()));
        end.cancelled().await;
    };
    let probing = async {
        loop {
            let probed = publisher.probe().await.map_err(|error| error.to_string());
            health.set("broker", probed);
            if !pause(PROBE_EVERY, &end).await {
                return;
            }
        }
    };
    tokio::join!(stopping, probing);
    Ok(())
}
