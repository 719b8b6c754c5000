//! A provider that sends until it is told `success`, many requests at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use reqwest::Client;

use crate::alipay::{Signer, Trade};
use crate::wait;

const CONCURRENCY: usize = 64;
/// How long a provider goes on sending one notification.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bodies to send, in order.
pub struct Burst {
    pub bodies: Vec<Arc<str>>,
    pub orders: Vec<(String, i64)>,
}

/// What sending them came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub accepted: usize,
    /// Answers other than success, each followed by another try.
    pub repeated: usize,
}

/// `total` notifications of payments, `percent` of them repeats, in random order from a seed.
pub fn payments(signer: &Signer, total: usize, percent: usize, seed: u64) -> anyhow::Result<Burst> {
    let unique = total - total * percent / 100;
    let mut rng = StdRng::seed_from_u64(seed);
    let mut bodies: Vec<Arc<str>> = vec![];
    let mut orders = vec![];
    for index in 0..unique {
        let order_number = format!("F{seed}-{index:06}");
        let amount = 1 + i64::try_from(index % 100_000)?;
        let trade = Trade {
            order_number: &order_number,
            transaction: &format!("20261123{seed:04}{index:012}"),
            notify_id: &format!("2026112300222{seed:04}{index:012}"),
            status: "TRADE_SUCCESS",
            amount,
            refunded: None,
        };
        bodies.push(signer.body(&trade)?.into());
        orders.push((order_number, amount));
    }
    for _ in unique..total {
        let body = bodies[..unique].choose(&mut rng).context("nothing to repeat")?.clone();
        bodies.push(body);
    }
    bodies.shuffle(&mut rng);
    Ok(Burst { bodies, orders })
}

/// Sends each body to the doors in turn until one of them answers success.
pub async fn send(urls: &[String], bodies: &[Arc<str>]) -> anyhow::Result<Sent> {
    let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
    let repeated = AtomicUsize::new(0);
    stream::iter(bodies.iter().enumerate())
        .map(Ok)
        .try_for_each_concurrent(CONCURRENCY, |(index, body)| {
            let (client, repeated) = (&client, &repeated);
            async move {
                let tries = AtomicUsize::new(0);
                wait::until("success from a door", PATIENCE, || async {
                    let url = &urls[(index + tries.fetch_add(1, Ordering::Relaxed)) % urls.len()];
                    if post(client, url, body)
                        .await
                        .is_ok_and(|answer| answer == (200, "success".to_owned()))
                    {
                        return Some(());
                    }
                    repeated.fetch_add(1, Ordering::Relaxed);
                    None
                })
                .await
            }
        })
        .await?;
    Ok(Sent { accepted: bodies.len(), repeated: repeated.into_inner() })
}

/// One POST as Alipay makes it.
pub async fn post(client: &Client, url: &str, body: &str) -> anyhow::Result<(u16, String)> {
    let request = client
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .body(body.to_owned());
    let response = request.send().await?;
    let status = response.status().as_u16();
    let answer = response.text().await?;
    ensure!(answer.len() < 1_000, "a long answer");
    Ok((status, answer))
}
