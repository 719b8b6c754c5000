//! Somebody takes a message out of a queue: the balance says how many, of which epoch and window.

use std::sync::Arc;

use anyhow::Context as _;
use harness::driver::{payments, send};
use harness::installation::{Door, Installation};
use harness::program::Program;
use harness::{ports, wait};
use lapin::options::{BasicAckOptions, BasicGetOptions};
use shared::message::statement::Statement;

use crate::watch::{PATIENCE, answers, channel, header, missing};

const PAID: &str = "select count(*) from quittance.orders where status = 'paid'";

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_message_is_named_by_its_epoch_and_number() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 10, 0, 41).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let mut door = installation.ingress().await.unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();

    let queue = format!("{}.notifications.0", installation.prefix.as_ref().unwrap());
    let (_connection, channel) = channel().await.unwrap();
    let stolen =
        channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.unwrap();
    let stolen = stolen.unwrap();
    let [epoch, number] = ["quittance-epoch", "quittance-seq"].map(|name| header(&stolen, name));
    stolen.acker.ack(BasicAckOptions::default()).await.unwrap();

    let mut worker = installation.worker(&[]).await.unwrap();
    answers(&installation, PAID, "9").await.unwrap();
    let balance = missing(&installation, 1).await.unwrap();
    assert_eq!((&balance["accepted"], &balance["settled"]), (&10.into(), &9.into()), "{balance}");
    let missing = &balance["missing"][0];
    assert_eq!(missing["epoch"].as_str(), epoch.as_deref());
    assert_eq!(missing["numbers"][0].to_string(), number.unwrap());
    assert_eq!(balance["missing"].as_array().unwrap().len(), 1, "{balance}");
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_dead_letter_is_named() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 3, 0, 42).unwrap();
    // Unreadable, so each is buried; one is kept before the theft.
    let unreadable = ["1e3", "1e4"].map(|amount| Arc::from(wrong(&installation, amount)));
    let mut door = installation.ingress().await.unwrap();
    let urls = std::slice::from_ref(&door.url);
    let mut worker = installation.worker(&[]).await.unwrap();
    send(urls, &unreadable[..1]).await.unwrap();
    answers(&installation, "select count(*) from quittance.dead_letters", "1").await.unwrap();
    assert!(worker.terminate().await.unwrap().success());

    let admin = format!("127.0.0.1:{}", ports::free().unwrap());
    let variables = [("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str())];
    let config = installation.config();
    let arguments = ["--config", &config, "--roles", "settle,relay,reconcile"];
    let mut worker = Program::start("quittance-worker", &arguments, &variables).unwrap();
    send(urls, &unreadable[1..]).await.unwrap();
    let queue = format!("{}.dead", installation.prefix.as_ref().unwrap());
    let (_connection, channel) = channel().await.unwrap();
    let stolen = wait::until("a dead letter to steal", PATIENCE, || async {
        channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.ok()?
    });
    let stolen = stolen.await.unwrap();
    let number = header(&stolen, "quittance-seq").unwrap();
    stolen.acker.ack(BasicAckOptions::default()).await.unwrap();
    send(urls, &burst.bodies).await.unwrap();
    assert!(worker.terminate().await.unwrap().success());

    // Only behind those who keep the letters is it known that this one is nowhere.
    let mut worker = installation.worker(&[]).await.unwrap();
    let balance = missing(&installation, 1).await.unwrap();
    assert_eq!((&balance["accepted"], &balance["dead"]), (&5.into(), &1.into()), "{balance}");
    assert_eq!(balance["missing"][0]["numbers"][0].to_string(), number, "{balance}");
    assert_eq!(balance["missing"].as_array().unwrap().len(), 1, "{balance}");
    answers(&installation, "select count(*) from quittance.dead_letters", "1").await.unwrap();
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_emptied_at_rest_is_missed_although_nothing_follows() {
    let installation = Installation::on_servers().await.unwrap();
    let mut door = robbed(&installation).await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    let balance = missing(&installation, 5).await.unwrap();
    assert_eq!((&balance["accepted"], &balance["settled"]), (&8.into(), &3.into()), "{balance}");
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_that_stops_states_its_last_numbers_once_more() {
    let installation = Installation::on_servers().await.unwrap();
    let mut door = robbed(&installation).await.unwrap();
    assert!(door.program.terminate().await.unwrap().success());
    let mut worker = installation.worker(&[]).await.unwrap();
    missing(&installation, 5).await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

/// Of eight payments three are settled; five are taken out of the queue, and what was stated about them.
async fn robbed(installation: &Installation) -> anyhow::Result<Door> {
    let burst = payments(&installation.signer, 8, 0, 43)?;
    installation.import(burst.orders.iter().cloned())?;
    let door = installation.ingress().await?;
    let urls = std::slice::from_ref(&door.url);
    let mut worker = installation.worker(&[]).await?;
    send(urls, &burst.bodies[..3]).await?;
    answers(installation, PAID, "3").await?;
    worker.terminate().await?;
    send(urls, &burst.bodies[3..]).await?;
    let prefix = installation.prefix.as_ref().context("no broker")?;
    let queue = format!("{prefix}.notifications.0");
    let (_connection, channel) = channel().await?;
    wait::until("the last statement to be taken", PATIENCE, || async {
        let got = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await;
        let taken = got.ok()??;
        taken.acker.ack(BasicAckOptions::default()).await.ok()?;
        let statement: Statement = serde_json::from_slice(&taken.data).ok()?;
        (statement.to == 8).then_some(())
    })
    .await?;
    Ok(door)
}

/// Genuine, and with an amount that cannot be read.
#[expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
fn wrong(installation: &Installation, amount: &str) -> String {
    let notify_id = format!("n-{amount}");
    let fields: Vec<(&str, &[u8])> = vec![
        ("notify_type", b"trade_status_sync"),
        ("notify_id", notify_id.as_bytes()),
        ("app_id", harness::alipay::APP_ID.as_bytes()),
        ("seller_id", harness::alipay::SELLER_ID.as_bytes()),
        ("trade_no", b"t-1"),
        ("out_trade_no", b"o-1"),
        ("trade_status", b"TRADE_SUCCESS"),
        ("total_amount", amount.as_bytes()),
        ("gmt_payment", b"2026-11-23 12:00:03"),
    ];
    installation.signer.sign(fields).unwrap()
}
