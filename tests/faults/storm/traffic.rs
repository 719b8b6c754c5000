//! What a provider sends while faults happen, and its own record of what it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use harness::alipay::{Signer, Trade};
use harness::driver::post;
use harness::wait;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

const CONCURRENCY: usize = 24;
/// How long a provider goes on sending one notification.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long it waits for one answer; longer than the doors' own limit.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// What becomes of an order once all of its notifications were heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Paid,
    /// The shop writes the order while its notifications come.
    PaidLate,
    PartiallyRefunded,
    Refunded,
    /// Another amount than ordered: a case, and the order is still pending.
    Mismatched,
    /// Closed without a payment.
    Closed,
    /// Nobody ordered it: it waits for its order.
    Waiting,
    /// Genuine and not readable: a dead letter.
    Dead,
}

#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) number: String,
    pub(crate) amount: i64,
    pub(crate) ending: Ending,
}

/// One notification; it may be sent several times.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) identity: String,
    pub(crate) order: usize,
    pub(crate) body: Arc<str>,
}

/// Orders and their notifications, and how often each notification was answered with success.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) orders: Vec<Order>,
    pub(crate) notes: Vec<Note>,
    successes: Mutex<BTreeMap<usize, u64>>,
    refusals: Mutex<u64>,
}

impl Ending {
    fn any(rng: &mut StdRng) -> Self {
        match rng.gen_range(0..100) {
            0..55 => Self::Paid,
            55..65 => Self::PaidLate,
            65..75 => Self::PartiallyRefunded,
            75..85 => Self::Refunded,
            85..90 => Self::Mismatched,
            90..93 => Self::Closed,
            93..95 => Self::Waiting,
            _ => Self::Dead,
        }
    }

    /// The order's status in the ledger; nothing where there is no such order.
    pub(crate) fn status(self) -> Option<&'static str> {
        match self {
            Self::Paid | Self::PaidLate => Some("paid"),
            Self::PartiallyRefunded => Some("partially_refunded"),
            Self::Refunded => Some("refunded"),
            Self::Mismatched | Self::Closed | Self::Dead => Some("pending"),
            Self::Waiting => None,
        }
    }
}

impl Order {
    /// What is paid and what went back, once all was heard.
    pub(crate) fn settles_at(&self) -> (i64, i64) {
        match self.ending {
            Ending::Paid | Ending::PaidLate => (self.amount, 0),
            Ending::PartiallyRefunded => (self.amount, self.amount / 3),
            Ending::Refunded => (self.amount, self.amount),
            Ending::Mismatched | Ending::Closed | Ending::Waiting | Ending::Dead => (0, 0),
        }
    }
}

impl Traffic {
    /// More orders with their notifications; the range of the new notifications' places.
    pub(crate) fn add(
        &mut self,
        signer: &Signer,
        (seed, count): (u64, usize),
    ) -> anyhow::Result<std::ops::Range<usize>> {
        let mut rng = StdRng::seed_from_u64(seed);
        let from = self.notes.len();
        for _ in 0..count {
            let place = self.orders.len();
            let order = Order {
                number: format!("S{place:05}"),
                amount: rng.gen_range(100..100_000),
                ending: Ending::any(&mut rng),
            };
            for (part, body) in bodies(signer, place, &order)?.into_iter().enumerate() {
                let identity = identity(place, part);
                self.notes.push(Note { identity, order: place, body: body.into() });
            }
            self.orders.push(order);
        }
        Ok(from..self.notes.len())
    }

    /// One more order whose notification kills whoever reads it; its number, and its place.
    pub(crate) fn add_poison(&mut self, signer: &Signer) -> anyhow::Result<(String, usize)> {
        let place = self.orders.len();
        let number = format!("POISON{place:05}");
        let order = Order { number: number.clone(), amount: 1, ending: Ending::Paid };
        for body in bodies(signer, place, &order)? {
            self.notes.push(Note { identity: identity(place, 0), order: place, body: body.into() });
        }
        self.orders.push(Order { ending: Ending::Dead, ..order });
        Ok((number, self.notes.len() - 1))
    }

    /// What a shop writes to the ledger: in time, or while the notifications come.
    pub(crate) fn shop_writes(&self, from: usize, late: bool) -> Option<String> {
        let known = self.orders[from..].iter().filter(|order| {
            order.ending.status().is_some() && (order.ending == Ending::PaidLate) == late
        });
        let rows: Vec<_> =
            known.map(|order| format!("('{}', {}, 'CNY')", order.number, order.amount)).collect();
        let rows = (!rows.is_empty()).then(|| rows.join(", "))?;
        Some(format!(
            "insert into quittance.orders (order_no, amount, currency) values {rows} \
             on conflict do nothing"
        ))
    }

    /// Sends these notifications spread over a span, a quarter of them twice, in an order from the seed;
    /// each until a door answers success.
    pub(crate) async fn send(
        &self,
        urls: &[String],
        places: std::ops::Range<usize>,
        (seed, span): (u64, Duration),
    ) -> anyhow::Result<()> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut wanted: Vec<usize> = places.collect();
        let again = wanted.len() / 4;
        wanted.extend(wanted.choose_multiple(&mut rng, again).copied().collect::<Vec<_>>());
        wanted.shuffle(&mut rng);
        let client = reqwest::Client::builder().timeout(ANSWER_LIMIT).build()?;
        let (begun, total) = (Instant::now(), u32::try_from(wanted.len())?);
        stream::iter(wanted.into_iter().zip(0..))
            .map(anyhow::Ok)
            .try_for_each_concurrent(CONCURRENCY, |(place, turn): (usize, u32)| {
                let client = &client;
                async move {
                    let due = span * turn / total;
                    while begun.elapsed() < due {
                        wait::a_moment().await;
                    }
                    self.deliver(client, urls, (place, turn as usize)).await
                }
            })
            .await
    }

    async fn deliver(
        &self,
        client: &reqwest::Client,
        urls: &[String],
        (place, turn): (usize, usize),
    ) -> anyhow::Result<()> {
        let mut turn = turn;
        let begun = Instant::now();
        loop {
            let answer = post(client, &urls[turn % urls.len()], &self.notes[place].body).await;
            if let Ok((status, text)) = &answer {
                let rejected =
                    *status == 503 && text == "fail" || *status == 200 && text == "success";
                ensure!(rejected, "a door answered {status} {text}");
            }
            if answer.is_ok_and(|(status, _)| status == 200) {
                *lock(&self.successes).entry(place).or_default() += 1;
                return Ok(());
            }
            *lock(&self.refusals) += 1;
            ensure!(begun.elapsed() < PATIENCE, "no door took {}", self.notes[place].identity);
            turn += 1;
            wait::a_moment().await;
        }
    }

    /// How often each of these notifications was answered with success.
    pub(crate) fn successes(&self) -> BTreeMap<usize, u64> {
        lock(&self.successes).clone()
    }

    /// All answers of success, and all other ends of a request.
    pub(crate) fn answers(&self) -> (u64, u64) {
        (lock(&self.successes).values().sum(), *lock(&self.refusals))
    }

    pub(crate) fn ending(&self, place: usize) -> anyhow::Result<Ending> {
        let note = self.notes.get(place).context("no such notification")?;
        Ok(self.orders[note.order].ending)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn identity(place: usize, part: usize) -> String {
    format!("2026112300222{place:012}{part}")
}

/// All notifications about an order.
fn bodies(signer: &Signer, place: usize, order: &Order) -> anyhow::Result<Vec<String>> {
    let transaction = format!("20261123{place:016}");
    let trade = |part, status, amount, refunded| {
        let notify_id = identity(place, part);
        signer.body(&Trade {
            order_number: &order.number,
            transaction: &transaction,
            notify_id: &notify_id,
            status,
            amount,
            refunded,
        })
    };
    let amount = order.amount;
    let paid = |part| trade(part, "TRADE_SUCCESS", amount, None);
    match order.ending {
        Ending::Paid | Ending::PaidLate | Ending::Waiting => Ok(vec![paid(0)?]),
        Ending::PartiallyRefunded => {
            Ok(vec![paid(0)?, trade(1, "TRADE_SUCCESS", amount, Some(amount / 3))?])
        }
        Ending::Refunded => Ok(vec![
            paid(0)?,
            trade(1, "TRADE_SUCCESS", amount, Some(amount / 2))?,
            trade(2, "TRADE_CLOSED", amount, Some(amount))?,
        ]),
        Ending::Mismatched => Ok(vec![trade(0, "TRADE_SUCCESS", amount - 1, None)?]),
        Ending::Closed => Ok(vec![trade(0, "TRADE_CLOSED", amount, None)?]),
        Ending::Dead => Ok(vec![unreadable(signer, place, order)?]),
    }
}

/// Genuine, with an amount that is none.
fn unreadable(signer: &Signer, place: usize, order: &Order) -> anyhow::Result<String> {
    signer.sign(vec![
        ("notify_type", b"trade_status_sync"),
        ("notify_id", identity(place, 0).as_bytes()),
        ("app_id", harness::alipay::APP_ID.as_bytes()),
        ("seller_id", harness::alipay::SELLER_ID.as_bytes()),
        ("trade_no", b"t-1"),
        ("out_trade_no", order.number.as_bytes()),
        ("trade_status", b"TRADE_SUCCESS"),
        ("total_amount", b"1e3"),
        ("gmt_payment", b"2026-11-23 12:00:03"),
    ])
}
