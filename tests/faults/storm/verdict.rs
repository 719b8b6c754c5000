//! What must be true after every fault, by the provider's own record against the ledger, and by the balance.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use harness::wait;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use serde_json::Value;

use super::stage::Stage;
use super::traffic::{Ending, Traffic};
use crate::watch::channel_on;

/// How long everything may take to come to rest. Nothing here judges speed.
const REST: Duration = Duration::from_secs(120);
const WAITING: &str = "select count(*) from quittance.receipts where bucket = 'waiting'";

const NOT_IN_THE_MORGUE: &str = "select count(*) from quittance.receipts r where bucket = 'dead' \
     and not exists (select from quittance.dead_letters d where d.epoch = r.epoch and d.seq = r.seq)";

/// The ledger as far as the provider's record can be held against it.
#[derive(Default)]
struct Seen {
    /// Messages by the notification that they carry.
    messages: BTreeMap<String, u64>,
    /// Status, paid amount, refunded amount, fulfilments, and how often it was announced as paid.
    orders: BTreeMap<String, (String, i64, i64, u64, u64)>,
    dead: u64,
    unsent: u64,
    events: BTreeMap<String, u64>,
}

/// Waits until what was answered with success is settled, or where it belongs, and is announced.
pub(crate) async fn settled(stage: &Stage, traffic: &Traffic) -> anyhow::Result<()> {
    let last = std::cell::RefCell::new(anyhow::anyhow!("the ledger did not answer"));
    let settled = wait::until("everything accepted to be settled", REST, || async {
        let judged = match Seen::look(stage).await {
            Ok(seen) => seen.misses(traffic),
            Err(error) => Err(error),
        };
        judged.map_err(|error| *last.borrow_mut() = error).ok()
    });
    let settled = settled.await;
    settled.map_err(|late| last.into_inner().context(late))
}

/// What became of all that was accepted so far, counted from the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) lost: u64,
    /// Fulfilments, and announcements of a payment, beyond the first of an order.
    pub(crate) doubled: u64,
}

/// Nothing was lost or doubled, every event was heard in its order, and the balance has nothing unaccounted for.
pub(crate) async fn sound(stage: &mut Stage, traffic: &Traffic) -> anyhow::Result<Tally> {
    let seen = Seen::look(stage).await?;
    let tally = Tally { lost: seen.lost(traffic)?, doubled: seen.doubled() };
    ensure!(tally == Tally { lost: 0, doubled: 0 }, "{tally:?}");
    let url = stage.broker_url()?;
    stage.subscriber.take(&url).await?;
    for (subject, count) in &seen.events {
        let heard = stage.subscriber.heard.get(subject).map_or(0, Vec::len) as u64;
        ensure!(heard == *count, "{subject}: {count} events, {heard} heard");
    }
    conserved(&balance(stage)?, traffic)?;
    Ok(tally)
}

/// At the end, with every number stated: nothing is on its way but what waits for its order.
pub(crate) async fn at_rest(stage: &mut Stage, traffic: &Traffic) -> anyhow::Result<()> {
    settled(stage, traffic).await?;
    let url = stage.broker_url()?;
    let prefix = stage.prefix()?;
    wait::until("each dead letter in its home", REST, || async {
        let without: u32 = stage.sql(NOT_IN_THE_MORGUE).await.ok()?.parse().ok()?;
        (without <= waiting_dead(&url, prefix).await.ok()?).then_some(())
    })
    .await?;
    for door in &mut stage.crew.doors {
        door.terminate().await?;
    }
    let answered = wait::until("the balance at rest", REST, || async {
        let waiting: u64 = stage.sql(WAITING).await.ok()?.parse().ok()?;
        let balance = balance(stage).ok()?;
        (balance["in_flight"] == waiting).then_some(balance)
    });
    let answered = answered.await.with_context(|| format!("{:?}", balance(stage)))?;
    conserved(&answered, traffic)?;
    sound(stage, traffic).await?;
    Ok(())
}

/// How many of the answers of success the ledger knows nothing of.
pub(crate) async fn lost(stage: &Stage, traffic: &Traffic) -> anyhow::Result<u64> {
    Seen::look(stage).await?.lost(traffic)
}

/// Dead letters that the morgue has not fetched from the broker.
async fn waiting_dead(url: &str, prefix: &str) -> anyhow::Result<u32> {
    let (connection, channel) = channel_on(url).await?;
    let queue = format!("{prefix}.dead");
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let seen = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
    connection.close(200, "seen".into()).await?;
    Ok(seen.message_count())
}

fn conserved(balance: &Value, traffic: &Traffic) -> anyhow::Result<()> {
    let bucket =
        |name: &str| balance[name].as_u64().with_context(|| format!("no {name}: {balance}"));
    let mut sum = 0;
    for name in ["settled", "duplicate", "no_op", "case", "dead", "in_flight", "unaccounted"] {
        sum += bucket(name)?;
    }
    let (successes, _) = traffic.answers();
    ensure!(bucket("unaccounted")? == 0, "falsely unaccounted: {balance}");
    ensure!(bucket("accepted")? == sum, "not conserved: {balance}");
    ensure!(bucket("accepted")? >= successes, "{successes} were told success: {balance}");
    Ok(())
}

/// The balance, as the command line prints it.
pub(crate) fn balance(stage: &Stage) -> anyhow::Result<Value> {
    let output = stage.installation.quittance(&["balance", "-o", "json"])?;
    let text = String::from_utf8(output.stdout)?;
    serde_json::from_str(&text)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

impl Seen {
    async fn look(stage: &Stage) -> anyhow::Result<Self> {
        const QUESTION: &str = "
            select 'message', split_part(identity, '/', 1), count(distinct message_id)::text
            from quittance.notifications group by 2
            union all select 'order', order_no, concat_ws(',', status, paid_amount, refunded_amount,
                (select count(*) from quittance.fulfilments f where f.order_no = o.order_no),
                (select count(*) from quittance.events where subject = 'order/' || o.order_no
                    and type = 'order.paid.v1')) from quittance.orders o
            union all select 'dead', '', count(*)::text from quittance.receipts where bucket = 'dead'
            union all select 'unsent', '', count(*)::text from quittance.outbox
            union all select 'events', subject, count(*)::text from quittance.events group by subject";
        let mut seen = Self::default();
        for line in stage.sql(QUESTION).await?.lines() {
            let mut fields = line.split('|');
            let mut next = || fields.next().with_context(|| line.to_owned());
            let (kind, name, value) = (next()?, next()?.to_owned(), next()?);
            match kind {
                "message" => drop(seen.messages.insert(name, value.parse()?)),
                "order" => drop(seen.orders.insert(name, order(value)?)),
                "dead" => seen.dead = value.parse()?,
                "unsent" => seen.unsent = value.parse()?,
                _ => drop(seen.events.insert(name, value.parse()?)),
            }
        }
        Ok(seen)
    }

    fn lost(&self, traffic: &Traffic) -> anyhow::Result<u64> {
        let (mut lost, mut letters) = (0, 0);
        for (place, count) in traffic.successes() {
            if traffic.ending(place)? == Ending::Dead {
                letters += count;
            } else {
                let identity = &traffic.notes[place].identity;
                lost += count.saturating_sub(self.messages.get(identity).copied().unwrap_or(0));
            }
        }
        Ok(lost + letters.saturating_sub(self.dead))
    }

    fn doubled(&self) -> u64 {
        let beyond = |(.., fulfilments, paid): &(String, i64, i64, u64, u64)| {
            fulfilments.saturating_sub(1) + paid.saturating_sub(1)
        };
        self.orders.values().map(beyond).sum()
    }

    /// The first thing that is not yet, or not, as the provider's record asks.
    fn misses(&self, traffic: &Traffic) -> anyhow::Result<()> {
        let successes = traffic.successes();
        let mut letters = 0;
        for (place, count) in &successes {
            if traffic.ending(*place)? == Ending::Dead {
                letters += count;
                continue;
            }
            let identity = &traffic.notes[*place].identity;
            let recorded = self.messages.get(identity).copied().unwrap_or(0);
            ensure!(recorded >= *count, "{identity}: {count} accepted, {recorded} recorded");
        }
        ensure!(self.dead >= letters, "{letters} unreadable, {} dead", self.dead);
        let heard = |order| {
            let notes =
                traffic.notes.iter().enumerate().filter(move |(_, note)| note.order == order);
            notes.map(|(place, _)| place).all(|place| successes.contains_key(&place))
        };
        for (index, order) in traffic.orders.iter().enumerate() {
            let Some(status) = order.ending.status() else { continue };
            if !heard(index) {
                continue;
            }
            let (is, paid, refunded, ..) =
                self.orders.get(&order.number).with_context(|| format!("no {}", order.number))?;
            let number = &order.number;
            ensure!(is == status, "{number} is {is}, not {status}");
            let (amount, back) = order.settles_at();
            ensure!((*paid, *refunded) == (amount, back), "{number}: {paid} paid, {refunded} back");
        }
        ensure!(self.unsent == 0, "{} events are not published", self.unsent);
        Ok(())
    }
}

fn order(text: &str) -> anyhow::Result<(String, i64, i64, u64, u64)> {
    let fields: Vec<&str> = text.split(',').collect();
    let [status, paid, refunded, fulfilments, announced] = fields[..] else {
        anyhow::bail!("not an order: {text}")
    };
    let status = status.to_owned();
    Ok((status, paid.parse()?, refunded.parse()?, fulfilments.parse()?, announced.parse()?))
}
