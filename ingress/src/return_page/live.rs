//! Told live: one stream a page, fed by the events of orders.
//!
//! **Invariant**: a stream lasts a bounded time, and one that cannot be fed says nothing false: the page
//! then says that it takes longer.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use metrics::{counter, gauge};
use shared::broker::{Broker, BrokerError, Listener as _};
use shared::event::OrderNews;
use shared::process::{self, pause, unless_stopped};
use shared::provider::Returned;
use shared::retry::Reconnect;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::language::View;
use super::standings::{Seat, Standings};
use super::{Pages, page};

/// A comment now and then, so that no proxy takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The name of the one event of a stream.
const EVENT: &str = "standing";
/// Our own events have below 1 KiB.
const EVENT_MAX_BYTES: usize = 64 * 1024;

/// A stream of one event: what the order came to, or that it takes longer.
pub(super) fn stream(pages: &Pages, seat: Seat, returned: Returned) -> Response {
    let until = Instant::now() + pages.patience;
    let (standings, stop) = (pages.standings.clone(), pages.stop.clone());
    let told = async move { outcome(&standings, &seat, &returned, until, &stop).await };
    let events = stream::once(told).filter_map(async |view: Option<View>| {
        view.map(|view| Ok::<_, Infallible>(Event::default().event(EVENT).data(view.word())))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT);
    let mut response = Sse::new(Box::pin(events)).keep_alive(heartbeat).into_response();
    page::harden(response.headers_mut());
    response
}

/// Listens until told to stop, and again after each loss. Whether it hears is no matter of readiness:
/// notifications are taken all the same.
pub async fn follow<B: Broker>(broker: B, standings: Standings, stop: CancellationToken) {
    let mut reconnect = Reconnect::default();
    while !stop.is_cancelled() {
        let Some(lost) = unless_stopped(hear(&broker, &standings, &mut reconnect), &stop).await
        else {
            return;
        };
        gauge!("quittance_return_feed_up").set(0.0);
        counter!("quittance_return_feed_losses_total").increment(1);
        warn!(error = %lost, "return pages are not told live for now");
        pause(reconnect.next_delay(), &stop).await;
    }
}

async fn hear<B: Broker>(
    broker: &B,
    standings: &Standings,
    reconnect: &mut Reconnect,
) -> BrokerError {
    let mut listener = match broker.listener().await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    reconnect.reached();
    gauge!("quittance_return_feed_up").set(1.0);
    info!("return pages are told live");
    loop {
        match listener.next().await {
            Ok(parcel) if parcel.body.len() <= EVENT_MAX_BYTES => {
                if let Some(news) = OrderNews::parse(&parcel.body) {
                    standings.note(news, process::now());
                }
            }
            Ok(_) => (),
            Err(error) => return error,
        }
    }
}

/// Nothing when the process stops: the page asks again, and another process answers.
async fn outcome(
    standings: &Standings,
    seat: &Seat,
    returned: &Returned,
    until: Instant,
    stop: &CancellationToken,
) -> Option<View> {
    loop {
        // Before the look: what is told from now on wakes us.
        let changed = seat.changed();
        let now = process::now();
        if let Some(standing) = standings.of(&returned.order_number, returned.amount, now) {
            return Some(View::Known(standing));
        }
        tokio::select! {
            () = changed => (),
            () = sleep_until(until) => return Some(View::Late),
            () = stop.cancelled() => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared::broker::{Consumer, Delivery, Depths, Listener, PublishError, Publisher, Route};
    use shared::event::{Event, EventType, OrderSnapshot, Snapshot};
    use shared::message::parcel::Parcel;
    use shared::money::Currency;
    use shared::order::{Mode, OrderStatus};
    use tokio::sync::Mutex;
    use tokio::sync::mpsc::{Receiver, channel};
    use uuid::Uuid;

    use super::super::standings::Standing;
    use super::*;

    /// What each listener hears until the broker is lost.
    type Heard = Vec<Parcel>;

    /// The edge of these tests: a broker whose listeners are given to it, one after the other.
    #[derive(Clone)]
    struct Brittle(Arc<Mutex<Receiver<Heard>>>);
    struct Ear(std::vec::IntoIter<Parcel>);
    #[derive(Clone)]
    struct Nobody;

    impl Broker for Brittle {
        type Publisher = Nobody;
        type Consumer = Nobody;
        type Listener = Ear;

        fn publisher(&self) -> Nobody {
            Nobody
        }

        async fn consumer(&self, _: u16, _: u16) -> Result<Nobody, BrokerError> {
            Ok(Nobody)
        }

        async fn dead_letters(&self, _: u16) -> Result<Nobody, BrokerError> {
            Ok(Nobody)
        }

        async fn depths(&self) -> Result<Depths, BrokerError> {
            Ok(Depths::default())
        }

        async fn listener(&self) -> Result<Ear, BrokerError> {
            let heard = self.0.lock().await.recv().await;
            heard.map(|heard| Ear(heard.into_iter())).ok_or(BrokerError("gone".to_owned()))
        }
    }

    impl Listener for Ear {
        async fn next(&mut self) -> Result<Parcel, BrokerError> {
            self.0.next().ok_or(BrokerError("lost".to_owned()))
        }
    }

    impl Publisher for Nobody {
        async fn publish(&self, _: Route, _: Parcel) -> Result<(), PublishError> {
            Err(PublishError::Unreachable)
        }

        async fn probe(&self) -> Result<(), PublishError> {
            Err(PublishError::Unreachable)
        }
    }

    impl Consumer for Nobody {
        async fn next(&mut self) -> Result<Delivery, BrokerError> {
            Err(BrokerError("nobody".to_owned()))
        }

        async fn catch_up(&mut self) -> Result<(), BrokerError> {
            Ok(())
        }

        async fn ack_through(&mut self, _: u64) -> Result<(), BrokerError> {
            Ok(())
        }

        async fn widen(&mut self, _: u16) -> Result<(), BrokerError> {
            Ok(())
        }
    }

    fn paid(order_no: &str) -> Parcel {
        let order = OrderSnapshot {
            order_no: order_no.to_owned(),
            mode: Mode::Live,
            status: OrderStatus::Paid,
            amount: 10,
            currency: Currency::CNY,
            paid_amount: 10,
            refunded_amount: 0,
            entitled: true,
            numbers: vec![],
            subscription_no: None,
        };
        let event = Event {
            id: Uuid::nil(),
            kind: EventType::OrderPaid,
            subject: format!("order/{order_no}"),
            sequence: 1,
            occurred_at: process::now(),
            snapshot: Snapshot { order: Some(order), ..Snapshot::default() },
        };
        Parcel { body: event.to_json().into(), ..Parcel::default() }
    }

    #[tokio::test]
    async fn listening_goes_on_after_a_loss_and_what_is_no_event_is_passed_over() {
        let (tell, heard) = channel(4);
        let noise = |body: Vec<u8>| Parcel { body: body.into(), ..Parcel::default() };
        let first =
            vec![paid("A"), noise(b"\xff".to_vec()), noise(vec![b' '; EVENT_MAX_BYTES + 1])];
        tell.send(first).await.unwrap();
        tell.send(vec![paid("B")]).await.unwrap();
        let (standings, stop) = (Standings::default(), CancellationToken::new());
        let seat = standings.seat("B").unwrap();
        let told = seat.changed();
        let broker = Brittle(Arc::new(Mutex::new(heard)));
        let following = tokio::spawn(follow(broker, standings.clone(), stop.clone()));
        told.await;
        for number in ["A", "B"] {
            assert_eq!(standings.of(number, None, process::now()), Some(Standing::Confirmed));
        }
        stop.cancel();
        following.await.unwrap();
    }
}
