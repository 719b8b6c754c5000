//! A lean HTTP/1.1 client: it shares the cores with what it measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CONNECTIONS: usize = 64;
const ANSWER_MAX_BYTES: usize = 4_096;

/// What the door said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    Refused,
}

/// One that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    head: String,
}

/// Posts every body once over kept connections; any answer but success is an error.
pub(crate) async fn send(url: &str, bodies: &[Arc<str>]) -> anyhow::Result<()> {
    let bodies: Arc<[Arc<str>]> = bodies.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (bodies, next, url) = (Arc::clone(&bodies), Arc::clone(&next), url.to_owned());
        senders.spawn(async move {
            let mut connection = Connection::open(&url).await?;
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                ensure!(connection.post(body).await? == Answer::Accepted, "not accepted");
            }
            anyhow::Ok(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(())
}

impl Connection {
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
        let (host, path) = rest.context("an http url")?;
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST /{path} HTTP/1.1\r\nhost: {host}\r\n\
             content-type: application/x-www-form-urlencoded; charset=utf-8\r\n"
        );
        Ok(Self { stream, head })
    }

    pub(crate) async fn post(&mut self, body: &str) -> anyhow::Result<Answer> {
        let request = format!("{}content-length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream.write_all(request.as_bytes()).await?;
        let mut answer = vec![0; ANSWER_MAX_BYTES];
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut answer[length..]).await?;
            ensure!(read > 0, "the connection was closed");
            length += read;
            let text = &answer[..length];
            if text.ends_with(b"\r\n\r\nsuccess") {
                return Ok(Answer::Accepted);
            }
            if text.ends_with(b"\r\n\r\nfail") {
                return Ok(Answer::Refused);
            }
            if length == ANSWER_MAX_BYTES {
                bail!("not an answer: {}", String::from_utf8_lossy(text));
            }
        }
    }
}
