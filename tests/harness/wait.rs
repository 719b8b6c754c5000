//! Waiting for a condition. The only place under `tests/` where time is let pass.
//!
//! **Invariant**: every wait is bounded and says what it waited for.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks `probe` again and again until it answers, at most for `limit`; `what` names the condition in the error.
pub async fn until<T, Probe: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Probe,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe().await {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {limit:?} in vain for {what}");
        }
        sleep(PAUSE).await;
    }
}

/// Until a moment, for a load that keeps a rate.
pub async fn until_then(moment: Instant) {
    tokio::time::sleep_until(moment).await;
}

/// One pause, for a loop that is bounded by what it measures.
pub async fn a_moment() {
    sleep(PAUSE).await;
}

/// Lets the time of a simulation go on by so much: with the runtime's clock paused, nobody waits for it.
pub async fn virtually(span: Duration) {
    sleep(span).await;
}
