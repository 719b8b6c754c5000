//! A process of ours: it dies at any await, is killed or replaced, and begins again.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail};
use harness::wait;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::sky::{Fate, Sky, lock};

/// How long it takes until a process that ended is there again.
const AWAY_MS: std::ops::Range<u64> = 50..3_000;

/// One process, through all of its lives.
pub(crate) struct Process {
    name: String,
    life: Mutex<Option<Fate>>,
    told: Notify,
    retired: AtomicBool,
}

/// How a life ended.
enum End {
    Died,
    Stopped,
}

impl Process {
    pub(crate) fn new(name: String) -> Arc<Self> {
        let (life, told) = (Mutex::default(), Notify::new());
        Arc::new(Self { name, life, told, retired: AtomicBool::new(false) })
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) {
        if let Some(fate) = &*lock(&self.life) {
            fate.kill();
        }
    }

    /// SIGTERM, and another one takes its place.
    pub(crate) fn replace(&self) {
        self.told.notify_one();
    }

    /// SIGTERM, for good.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.told.notify_one();
    }

    /// Lives until it is retired. An error: it ended when nobody had told it to, or not in peace.
    pub(crate) async fn live<Body>(
        self: Arc<Self>,
        sky: Arc<Sky>,
        body: impl Fn(Fate, CancellationToken) -> Body,
    ) -> anyhow::Result<()>
    where
        Body: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        for life in 0.. {
            let fate = sky.fate(&self.name, life);
            fate.note("begins");
            *lock(&self.life) = Some(fate.clone());
            let stop = CancellationToken::new();
            let body = tokio::spawn(body(fate.clone(), stop.clone()));
            if let End::Stopped = self.end(&fate, stop, body).await.context(self.name.clone())? {
                fate.note("has stopped");
            }
            *lock(&self.life) = None;
            if self.retired.load(Ordering::Relaxed) {
                break;
            }
            wait::virtually(fate.span(AWAY_MS)).await;
        }
        Ok(())
    }

    async fn end(
        &self,
        fate: &Fate,
        stop: CancellationToken,
        mut body: tokio::task::JoinHandle<anyhow::Result<()>>,
    ) -> anyhow::Result<End> {
        loop {
            tokio::select! {
                biased;
                () = fate.death() => {
                    body.abort();
                    drop(body.await);
                    return Ok(End::Died);
                }
                () = self.told.notified() => {
                    fate.note("is told to stop");
                    stop.cancel();
                }
                ended = &mut body => {
                    ended.context("it panicked")??;
                    if !stop.is_cancelled() {
                        bail!("it ended by itself");
                    }
                    return Ok(End::Stopped);
                }
            }
        }
    }
}
