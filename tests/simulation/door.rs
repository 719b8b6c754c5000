//! The ingress, as far as it has to do with the broker, and the provider that knocks until it is told success.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use harness::wait;
use ingress::enqueue::Enqueue;
use shared::message::seal::SealKeys;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::pool::Order;
use crate::road::Line;
use crate::sky::{Fate, lock};

/// How long a provider waits before it sends once more.
const AGAIN_MS: std::ops::Range<u64> = 100..1_500;
/// How long a door waits for requests in hand when it is told to stop.
const REQUESTS_END: Duration = Duration::from_secs(60);

/// Where requests find an ingress, while there is one.
#[derive(Default)]
pub(crate) struct Door(Mutex<Option<(Weak<Enqueue<Line>>, Fate)>>);

/// A provider's own record: how often it was told success, by order and notification.
#[derive(Default)]
pub(crate) struct Provider {
    told: Mutex<BTreeMap<(String, usize), usize>>,
}

impl Door {
    /// One ingress process, until told to stop.
    pub(crate) async fn serve(
        self: Arc<Self>,
        line: Line,
        fate: Fate,
        (keys, shards): (SealKeys, u16),
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let enqueue = Enqueue::new(line, keys, shards);
        let closed = CancellationToken::new();
        let stating = Arc::clone(&enqueue).state_until(closed.clone());
        let serving = async {
            *lock(&self.0) = Some((Arc::downgrade(&enqueue), fate));
            stop.cancelled().await;
            *lock(&self.0) = None;
            // This one, and the one that states.
            let in_hand = || Arc::strong_count(&enqueue) - 2;
            let idle = || async { (in_hand() == 0).then_some(()) };
            let ended = wait::until("the requests in hand", REQUESTS_END, idle).await;
            closed.cancel();
            ended
        };
        let ((), ended) = tokio::join!(stating, serving);
        ended
    }

    /// One request; false when it was not answered with success.
    async fn request(&self, order: &Order, note: usize, clock: &Clock) -> bool {
        let Some((enqueue, fate)) = lock(&self.0).clone() else { return false };
        let Some(enqueue) = enqueue.upgrade().filter(|_| !fate.is_dead()) else { return false };
        let verified = order.notes[note].verified.clone();
        tokio::select! {
            biased;
            () = fate.death() => false,
            accepted = enqueue.accept(verified, clock.now()) => accepted.is_ok(),
        }
    }
}

impl Provider {
    /// Sends one notification until some door answers success.
    pub(crate) async fn send(
        &self,
        (order, note): (&Order, usize),
        doors: &[Arc<Door>],
        clock: &Clock,
        fate: &Fate,
    ) {
        while !fate.one_of(doors).request(order, note, clock).await {
            wait::virtually(fate.span(AGAIN_MS)).await;
        }
        *lock(&self.told).entry((order.number.clone(), note)).or_default() += 1;
    }

    /// How often it was told success.
    pub(crate) fn told(&self) -> BTreeMap<(String, usize), usize> {
        lock(&self.told).clone()
    }
}
