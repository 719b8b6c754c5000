//! Listening: HTTP connections with limits, drained at the end.
//!
//! **Invariant**: a stranger who says nothing, or speaks slowly, holds one of a bounded number of
//! connections for a bounded time; and one address never holds them all.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use metrics::counter;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

mod places;

pub use self::places::Capacity;
use self::places::{Place, Places};

/// How long a request's head may take, from the connection's begin or the request before: also how
/// long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The same for whoever was taken in as the door stopped: its request is here, or is not coming.
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
        HttpService<Incoming, ResBody = B, Error: Into<Wrong>, Future: Send> + Send,
    B: Body<Data: Send, Error: Into<Wrong>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Places::new(capacity));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, Some(place))) => attend(&service, stream, place, &graceful),
            Ok((_, None)) => counter!("quittance_connections_refused_total").increment(1),
            Err(error) => {
                warn!(%error, "accepting a connection failed");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // Whom the system has taken in before for us is answered too, once. A connection on which nothing was
    // read yet would end unheard by a graceful shutdown.
    let mut last = JoinSet::new();
    while let Some(Ok((stream, place))) = accept(&listener, &places).now_or_never() {
        if let Some(place) = place {
            let once = http(LAST_HEAD_TIMEOUT)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
            last.spawn(serve(once, place));
        }
    }
    drop(listener);
    let ended = async { tokio::join!(graceful.shutdown(), last.join_all()) };
    if timeout(drain, ended).await.is_err() {
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

/// Serves one connection in a task of its own.
fn attend<S, B>(service: &S, stream: TcpStream, place: Place, graceful: &GracefulShutdown)
where
    S: Clone + Send + 'static,
    TowerToHyperService<S>:
        HttpService<Incoming, ResBody = B, Error: Into<Wrong>, Future: Send> + Send,
    B: Body<Data: Send, Error: Into<Wrong>> + Send + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "no delay could not be set");
    }
    let service = TowerToHyperService::new(service.clone());
    let connection = http(HEAD_TIMEOUT).serve_connection(TokioIo::new(stream), service);
    tokio::spawn(serve(graceful.watch(connection), place));
}

fn http(head_timeout: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout);
    http
}

async fn serve(connection: impl Future<Output = hyper::Result<()>>, place: Place) {
    if let Err(error) = connection.await {
        debug!(%error, "a connection ended early");
    }
    drop(place);
}
