//! A wire between our programs and a server: a small TCP proxy that can be cut, slowed and made half-open.
//!
//! **Invariant**: what a connection carried while it was half-open is lost, and so is all that it carries
//! afterwards, without either end being told; only a new connection works again.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::ports;

const CHUNK_BYTES: usize = 16 * 1024;
const HOST: &str = "127.0.0.1:";

/// How a wire carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Open,
    /// Each chunk waits this long in each direction.
    Slow(Duration),
    /// Connections break, and new ones are closed at once.
    Cut,
    /// Bytes vanish, connections stay.
    HalfOpen,
}

/// The proxy; it ends with the runtime that made it.
#[derive(Debug)]
pub struct Wire {
    mode: watch::Sender<Mode>,
    target: watch::Sender<u16>,
}

impl Wire {
    /// A wire before the server that the url names, and the url that leads through it.
    pub async fn before(url: &str) -> anyhow::Result<(Self, String)> {
        let at = port_of(url)?;
        let (target, told) = watch::channel(url[at.clone()].parse()?);
        let port = ports::free()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let (mode, seen) = watch::channel(Mode::Open);
        tokio::spawn(accept(listener, told, seen));
        Ok((Self { mode, target }, format!("{}{port}{}", &url[..at.start], &url[at.end..])))
    }

    /// From now on new connections lead to another server, as behind a balancer of load.
    pub fn lead_to(&self, url: &str) -> anyhow::Result<()> {
        self.target.send_replace(url[port_of(url)?].parse()?);
        Ok(())
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

/// Where the port stands in a url.
fn port_of(url: &str) -> anyhow::Result<std::ops::Range<usize>> {
    let start = url.find(HOST).context("a server on loopback is wanted")? + HOST.len();
    let length = url[start..].find('/').context("a url with a path is wanted")?;
    Ok(start..start + length)
}

async fn accept(listener: TcpListener, target: watch::Receiver<u16>, mode: watch::Receiver<Mode>) {
    while let Ok((client, _)) = listener.accept().await {
        if *mode.borrow() == Mode::Cut {
            continue;
        }
        // A server that is away closes who comes, as its own port would.
        let at = (Ipv4Addr::LOCALHOST, *target.borrow());
        let Ok(server) = TcpStream::connect(at).await else { continue };
        if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
            continue;
        }
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        let (there, back) = (mode.clone(), mode.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = carry(from_client, to_server, there) => (),
                () = carry(from_server, to_client, back) => (),
            }
        });
    }
}

/// Carries one direction until it ends, or is cut.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut bytes = vec![0; CHUNK_BYTES];
    let mut hole = false;
    loop {
        let read = tokio::select! {
            changed = mode.changed() => match changed {
                Ok(()) => {
                    let now = *mode.borrow_and_update();
                    hole |= now == Mode::HalfOpen;
                    if now == Mode::Cut && !hole {
                        return;
                    }
                    continue;
                }
                Err(_) => return,
            },
            read = from.read(&mut bytes) => read,
        };
        let Ok(length) = read else { return };
        let now = *mode.borrow();
        hole |= now == Mode::HalfOpen;
        if hole {
            if length == 0 {
                // The other end must not learn that this one has gone.
                std::future::pending::<()>().await;
            }
            continue;
        }
        if length == 0 {
            return;
        }
        if let Mode::Slow(delay) = now {
            let faster = mode.wait_for(|mode| !matches!(mode, Mode::Slow(_)));
            drop(timeout(delay, faster).await);
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}
