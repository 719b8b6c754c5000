//! A lean HTTP/1.1 client: it shares the cores with what it measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CONNECTIONS: usize = 64;
const ANSWER_MAX_BYTES: usize = 4_096;

/// Posts every body once over kept connections; any answer but success is an error.
pub(crate) async fn send(url: &str, bodies: &[Arc<str>]) -> anyhow::Result<()> {
    let (host, path) =
        url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).context("an http url")?;
    let bodies: Arc<[Arc<str>]> = bodies.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (bodies, next) = (Arc::clone(&bodies), Arc::clone(&next));
        let (host, path) = (host.to_owned(), path.to_owned());
        senders.spawn(async move {
            let mut stream = TcpStream::connect(&host).await?;
            stream.set_nodelay(true)?;
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request = format!(
                    "POST /{path} HTTP/1.1\r\nhost: {host}\r\n\
                     content-type: application/x-www-form-urlencoded; charset=utf-8\r\n\
                     content-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(request.as_bytes()).await?;
                answered(&mut stream).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(())
}

async fn answered(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut answer = vec![0; ANSWER_MAX_BYTES];
    let mut length = 0;
    loop {
        let read = stream.read(&mut answer[length..]).await?;
        ensure!(read > 0, "the connection was closed");
        length += read;
        let text = &answer[..length];
        if text.ends_with(b"\r\n\r\nsuccess") {
            return Ok(());
        }
        if text.ends_with(b"fail") || length == ANSWER_MAX_BYTES {
            bail!("not accepted: {}", String::from_utf8_lossy(text));
        }
    }
}
