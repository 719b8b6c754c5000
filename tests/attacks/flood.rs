//! Strangers who send much, or slowly, and over many connections: genuine notifications are taken all the while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harness::wait;
use shared::listen::{Capacity, listen};
use shared::telemetry::health::Health;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::door::{Door, FORM};
use crate::sender::{body, genuine, payment, signed, with};

const CAPACITY: Capacity = Capacity { connections_max: 32, per_address_max: 16 };
/// Longer than a test: who gets a place and is slow keeps it.
const FOR_EVER: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(60);
const GENUINE: usize = 40;
/// Forged requests, at least, for each genuine one.
const FORGED: u64 = 10;

/// Counted by the flood.
#[derive(Default)]
struct Flood {
    forged: AtomicU64,
    turned_away: AtomicU64,
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_slow_requests_from_elsewhere_hold_up_no_genuine_one() {
    let door = Door::holding("flooded", CAPACITY, FOR_EVER).await;
    let flood = Arc::new(Flood::default());
    let mut strangers = JoinSet::new();
    let path = door.path();
    for _ in 0..2 * CAPACITY.connections_max {
        strangers.spawn(slowly(door.address, path.clone(), Arc::clone(&flood)));
    }
    wait::until("the slow ones to hold all that they may", PATIENCE, || async {
        (flood.turned_away.load(Ordering::Relaxed) > 0).then_some(())
    })
    .await
    .unwrap();
    for _ in 0..4 {
        strangers.spawn(forging(door.address, path.clone(), Arc::clone(&flood)));
    }
    for sent in 1..=GENUINE {
        let answer = door.post(&genuine()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "success"), "{answer:?}");
        let owed = sent as u64 * FORGED;
        wait::until("ten times as many forged ones", PATIENCE, || async {
            (flood.forged.load(Ordering::Relaxed) >= owed).then_some(())
        })
        .await
        .unwrap();
    }
    assert_eq!(door.enqueued().len(), GENUINE);
    assert!(door.counted("forged") >= GENUINE as u64 * FORGED);
    strangers.shutdown().await;
}

/// Says half of a request and waits; whoever is turned away comes again.
async fn slowly(door: SocketAddr, path: String, flood: Arc<Flood>) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{FORM}content-length: 900\r\n\r\nsign="
    );
    loop {
        if let Ok(mut stream) = from([127, 0, 0, 2], door).await
            && stream.write_all(head.as_bytes()).await.is_ok()
        {
            drop(stream.read(&mut [0]).await);
        }
        flood.turned_away.fetch_add(1, Ordering::Relaxed);
        wait::a_moment().await;
    }
}

/// Sends forged ones as fast as they are answered.
#[expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
async fn forging(door: SocketAddr, path: String, flood: Arc<Flood>) {
    let forged = body(&with(signed(payment()), "total_amount", b"2.00"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{FORM}content-length: {}\r\n\r\n",
        forged.len()
    );
    let request = [head.as_bytes(), &forged].concat();
    let mut stream = from([127, 0, 0, 3], door).await.unwrap();
    let mut answer = vec![];
    loop {
        stream.write_all(&request).await.unwrap();
        answer.clear();
        while !answer.ends_with(b"\r\n\r\nfail") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the door ended a connection");
        }
        flood.forged.fetch_add(1, Ordering::Relaxed);
    }
}

async fn from(address: [u8; 4], door: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((address, 0)))?;
    socket.connect(door).await
}

#[tokio::test]
async fn whoever_was_connected_when_the_door_stopped_is_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // The system takes them in; the door has not looked yet, and is told to stop.
    let mut waiting = vec![];
    for _ in 0..5 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        waiting.push(stream);
    }
    let stop = CancellationToken::new();
    stop.cancel();
    let routes = ingress::routes::admin(Health::default());
    listen(routes, (listener, Capacity::default()), stop, PATIENCE).await;
    for mut stream in waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    }
}
