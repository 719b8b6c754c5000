//! What the machine and its servers can do at all: measured without our code, or with one part of it.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::stream::{self, StreamExt as _};
use harness::installation::{ACCOUNT, Installation};
use harness::{postgres, rabbitmq};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use shared::config::load::load;
use shared::process;
use shared::provider::{self, Headers, Request};

const MEASURED: Duration = Duration::from_secs(1);
const WINDOW: usize = 256;

/// `openssl speed`, as it prints verifications of one core.
pub(crate) fn openssl_verifications_per_second() -> anyhow::Result<f64> {
    let output = Command::new("openssl").args(["speed", "-seconds", "1", "rsa2048"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find(|line| line.starts_with("rsa 2048")).context(text.clone())?;
    line.split_whitespace().next_back().context("no figure")?.parse().context("no figure")
}

/// The whole of `verify` on genuine bodies: decoding, sorting, the signature, whose it is.
pub(crate) fn verifications_per_second(
    installation: &Installation,
    bodies: &[Arc<str>],
) -> anyhow::Result<f64> {
    let config = load(Some(&installation.path("quittance.toml")))?;
    let accounts = config.accounts().map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let account = accounts.of(ACCOUNT).context("no account")?;
    let (begun, mut count) = (Instant::now(), 0);
    for body in bodies.iter().cycle() {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        let request = Request { headers: Headers::default(), body };
        provider::verify(account, request, process::now())?;
        count += 1;
        if begun.elapsed() > MEASURED {
            break;
        }
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

/// lapin alone: publishes of a notification's size, confirmed, with a window in flight.
#[expect(clippy::disallowed_methods, reason = "this measures the client without ours around it")]
pub(crate) async fn publishes_per_second(count: usize) -> anyhow::Result<f64> {
    let server = rabbitmq::server().await?;
    let connection = Connection::connect(server.url(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let queue = format!("{}.bench", rabbitmq::prefix());
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.as_str().into(), durable, arguments).await?;
    let body = vec![b'x'; 1_500];
    let begun = Instant::now();
    let confirmed = stream::iter(0..count)
        .map(|_| async {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let key = queue.as_str().into();
            let confirm = channel.basic_publish("".into(), key, options, &body, properties).await?;
            anyhow::Ok(confirm.await?.is_ack())
        })
        .buffer_unordered(WINDOW)
        .filter(|confirmed| std::future::ready(matches!(confirmed, Ok(true))))
        .count()
        .await;
    ensure!(confirmed == count, "{confirmed} of {count} confirmed");
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    connection.close(200, "done".into()).await?;
    Ok(rate)
}

/// PostgreSQL alone: an identity, a payment, an order's update, a fulfilment, a notification with
/// its bytes, a receipt, a subject and an event for each of 100, in one transaction.
const SCRIPT: &str = "
begin;
with n as (select nextval('seq') as id from generate_series(1, 100)) insert into ids select 'shop', id::text, gen_random_uuid() from n order by id;
with n as (select currval('seq') - g as id from generate_series(0, 99) g) select o.no from orders o join n on o.no = n.id::text order by o.no for update of o;
with n as (select currval('seq') - g as id from generate_series(0, 99) g) insert into payments select 'shop', id::text, id::text, 100, now(), now() from n order by id;
with n as (select currval('seq') - g as id from generate_series(0, 99) g) update orders o set status = 'paid', paid = 100 from n where o.no = n.id::text;
with n as (select currval('seq') - g as id from generate_series(0, 99) g) insert into fulfilments select id::text, true, now() from n;
with n as (select currval('seq') - g as id from generate_series(0, 99) g) insert into notes select gen_random_uuid(), 'shop', id::text, repeat('x', 1400)::bytea, now() from n;
with n as (select currval('seq') - g as id from generate_series(0, 99) g) insert into receipts select id, 'settled', now() from n;
with n as (select currval('seq') - g as id from generate_series(0, 99) g) insert into subjects select id::text, 1 from n on conflict (s) do update set n = subjects.n + 1;
with n as (select currval('seq') - g as id from generate_series(0, 99) g) insert into events select gen_random_uuid(), id::text, 1, repeat('y', 450), now() from n;
commit;
";

const TABLES: &str = "
create sequence seq;
create table ids (a text, i text, m uuid, primary key (a, i));
create table orders (no text primary key, status text, paid bigint) with (fillfactor = 80);
insert into orders select g::text, 'pending', 0 from generate_series(1, 400000) g;
create table payments (a text, t text, o text, m bigint, at timestamptz, made timestamptz, primary key (a, t));
create index on payments (o);
create table fulfilments (no text primary key, active boolean, at timestamptz);
create table notes (m uuid primary key, a text, o text, body bytea, at timestamptz);
create table receipts (s bigint primary key, b text, at timestamptz);
create table subjects (s text primary key, n bigint);
create table events (id uuid primary key, s text, n bigint, body text, at timestamptz, unique (s, n));
";

pub(crate) async fn set_based_per_second() -> anyhow::Result<f64> {
    let server = postgres::server().await?;
    let database = postgres::fresh_database(server, None).await?;
    postgres::sql(&database.url, TABLES).await?;
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("batch.sql");
    fs::write(&script, SCRIPT)?;
    let pgbench = fs::read_dir("/usr/lib/postgresql")?
        .filter_map(|version| Some(version.ok()?.path().join("bin/pgbench")))
        .find(|path| path.exists())
        .context("no pgbench: it comes with Debian's postgresql package")?;
    let output = Command::new(pgbench)
        .args(["-n", "-M", "prepared", "-c", "2", "-j", "2", "-T", "5", "-f"])
        .arg(&script)
        .arg(&database.url)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))
        .with_context(|| format!("{text}{}", String::from_utf8_lossy(&output.stderr)))?;
    let transactions: f64 = line.split_whitespace().next().context("no figure")?.parse()?;
    Ok(transactions * 100.0)
}
