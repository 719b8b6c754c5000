//! Listening: HTTP connections with limits, drained at the end.
//!
//! **Invariant**: a stranger who says nothing, or speaks slowly, holds one of a bounded number of
//! connections for a bounded time; and one address never holds them all.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics::counter;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

mod heard;
mod places;

use self::heard::Heard;

pub use self::places::Capacity;
use self::places::{Place, Places};

/// How long a request's head may take, from the connection's begin or the request before: also how
/// long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The same for whoever had not asked anything yet as the door stopped: its request is here, or is not coming.
const LAST_HEAD_TIMEOUT: Duration = Duration::from_secs(1);
/// When the system has no more files, accepting again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Wrong = Box<dyn Error + Send + Sync>;

/// Serves until told to stop, then gives requests in hand `drain` to end.
pub async fn listen<S, B>(
    service: S,
    (listener, capacity): (TcpListener, Capacity),
    stop: CancellationToken,
    drain: Duration,
) where
    S: Clone + Send + 'static,
    TowerToHyperService<S>:
        Service<Request<Incoming>, Response = Response<B>, Error: Into<Wrong>, Future: Send> + Send,
    B: Body<Data: Send, Error: Into<Wrong>> + Send + 'static,
{
    let connections = TaskTracker::new();
    let places = Arc::new(Places::new(capacity));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, Some(place))) => {
                connections.spawn(attend(service.clone(), stream, place, stop.clone()));
            }
            Ok((_, None)) => counter!("quittance_connections_refused_total").increment(1),
            Err(error) => {
                warn!(%error, "accepting a connection failed");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // Whom the system has taken in before for us is answered too.
    while let Some(Ok((stream, place))) = accept(&listener, &places).now_or_never() {
        if let Some(place) = place {
            connections.spawn(attend(service.clone(), stream, place, stop.clone()));
        }
    }
    drop(listener);
    connections.close();
    if timeout(drain, connections.wait()).await.is_err() {
        warn!("connections were cut: they did not end in time");
    }
}

/// The next connection, as soon as there is room for one; without a place where its address holds too many.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Places>,
) -> io::Result<(TcpStream, Option<Place>)> {
    let room = places.room().await?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, places.take(room, peer.ip())))
}

/// Serves one connection until it ends, or until what it asked is answered once the door stops. A graceful
/// shutdown ends a connection on which no request was read yet unheard, so that one has a moment before.
async fn attend<S, B>(service: S, stream: TcpStream, place: Place, stop: CancellationToken)
where
    TowerToHyperService<S>:
        Service<Request<Incoming>, Response = Response<B>, Error: Into<Wrong>, Future: Send> + Send,
    B: Body<Data: Send, Error: Into<Wrong>> + Send + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "no delay could not be set");
    }
    let heard = CancellationToken::new();
    let service = Heard { service: TowerToHyperService::new(service), heard: heard.clone() };
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let asked_or_late = async {
        stop.cancelled().await;
        // Either way it ends after what it asked.
        drop(timeout(LAST_HEAD_TIMEOUT, heard.cancelled()).await);
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = asked_or_late => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
    drop(place);
}
