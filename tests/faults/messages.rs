//! One message is wrong: it alone leaves, and everything else goes on.

use std::fs;

use harness::alipay::Trade;
use harness::driver::{payments, post, send};
use harness::installation::{ACCOUNT, Installation};
use harness::program::Program;
use harness::{ports, wait};
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::watch::{PATIENCE, answers, bytes, channel, dead_letter};

const PAID: &str = "select count(*) from quittance.orders where status = 'paid'";
const BUCKETS: &str = "select string_agg(bucket, ',' order by bucket) from quittance.receipts";

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a stranger publishes without our publisher")]
async fn a_message_that_no_ingress_sealed_is_buried_and_settles_nothing() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 3, 0, 21).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let admin = format!("127.0.0.1:{}", harness::ports::free().unwrap());
    let mut worker = installation.worker_at(&admin, &[]).await.unwrap();

    // A genuine body, put straight onto the queue by somebody who may write to the broker.
    let (_connection, channel) = channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let exchange = format!("{}.notifications", installation.prefix.as_ref().unwrap());
    let properties = BasicProperties::default()
        .with_message_id("0193a0f0-0000-7000-8000-000000000000".into())
        .with_type("alipay".into());
    let body = burst.bodies[0].as_bytes();
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let publish = channel.basic_publish(exchange.into(), "0".into(), options, body, properties);
    assert!(publish.await.unwrap().await.unwrap().is_ack());

    let letter = dead_letter(&installation).await.unwrap();
    assert_eq!((&*letter.letter.stage, &*letter.letter.code), ("seal", "no_message_of_ours"));
    assert_eq!(bytes(&letter), Some(body), "the bytes are kept");
    // What operators alarm on.
    let metrics =
        reqwest::get(format!("http://{admin}/metrics")).await.unwrap().text().await.unwrap();
    for counted in [
        "quittance_messages_total{bucket=\"dead\",stage=\"seal\"} 1",
        "quittance_dead_letters_total{stage=\"seal\",code=\"no_message_of_ours\"} 1",
    ] {
        assert!(metrics.lines().any(|line| line == counted), "{counted}: {metrics}");
    }
    let log = worker.stdout() + &worker.stderr();
    assert!(log.contains("ERROR") && log.contains("stage=\"seal\""), "{log}");
    answers(&installation, PAID, "0").await.unwrap();

    // The others go on.
    let mut door = installation.ingress().await.unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    answers(&installation, PAID, "3").await.unwrap();
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a stranger publishes without our publisher")]
async fn a_strangers_count_of_returns_makes_no_dead_letter_of_a_crash() {
    let installation = Installation::on_servers().await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    let (_connection, channel) = channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut headers = FieldTable::default();
    headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(5));
    // A message of ours may have this number: nothing about it may be claimed.
    let epoch = "0193a0f0-0000-7000-8000-000000000001";
    headers.insert("quittance-epoch".into(), AMQPValue::LongString(epoch.into()));
    headers.insert("quittance-seq".into(), AMQPValue::LongLongInt(1));
    let properties = BasicProperties::default()
        .with_message_id("0193a0f0-0000-7000-8000-000000000000".into())
        .with_type("alipay".into())
        .with_headers(headers);
    let exchange = format!("{}.notifications", installation.prefix.as_ref().unwrap());
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let publish = channel.basic_publish(exchange.into(), "0".into(), options, b"a=b", properties);
    assert!(publish.await.unwrap().await.unwrap().is_ack());

    let letter = dead_letter(&installation).await.unwrap();
    assert_eq!((&*letter.letter.stage, &*letter.letter.code), ("seal", "no_message_of_ours"));
    answers(&installation, "select count(*) from quittance.receipts", "0").await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_an_account_that_a_worker_lacks_waits_as_a_retry() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 1, 0, 24).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let mut door = installation.ingress().await.unwrap();
    // The worker's configuration is older than the ingress's.
    let whole = fs::read_to_string(installation.config()).unwrap();
    let older = installation.path("older.toml");
    fs::write(&older, whole.replace(ACCOUNT, "another-alipay")).unwrap();
    let admin = format!("127.0.0.1:{}", ports::free().unwrap());
    let variables = [("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str())];
    let arguments = ["--config", older.to_str().unwrap()];
    let mut worker = Program::start("quittance-worker", &arguments, &variables).unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    let retried = "select count(*) from quittance.receipts where bucket = 'retrying' and due_at > recorded_at";
    answers(&installation, retried, "1").await.unwrap();
    let answer = installation.answer(&["balance", "-o", "json"]).unwrap();
    let balance: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&balance["in_flight"], &balance["dead"]), (&1.into(), &0.into()), "{balance}");
    // Its account is told to it, without a restart.
    fs::write(&older, whole).unwrap();
    answers(&installation, PAID, "1").await.unwrap();
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_notification_that_cannot_be_read_is_a_dead_letter() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 2, 0, 22).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let door = installation.ingress().await.unwrap();
    let unreadable = installation
        .signer
        .sign(vec![
            ("notify_type", b"trade_status_sync"),
            ("notify_id", b"n-1"),
            ("app_id", harness::alipay::APP_ID.as_bytes()),
            ("seller_id", harness::alipay::SELLER_ID.as_bytes()),
            ("trade_no", b"t-1"),
            ("out_trade_no", b"o-1"),
            ("trade_status", b"TRADE_SUCCESS"),
            ("total_amount", b"1e3"),
            ("gmt_payment", b"2026-11-23 12:00:03"),
        ])
        .unwrap();
    let client = reqwest::Client::new();
    let answer = post(&client, &door.url, &unreadable).await.unwrap();
    assert_eq!(answer, (200, "success".to_owned()), "it is genuine, and it is kept");
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();

    let letter = dead_letter(&installation).await.unwrap();
    assert_eq!((&*letter.letter.stage, &*letter.letter.code), ("read", "unreadable"));
    assert!(letter.failures[0].first_failed_at.is_some() && letter.failures[0].worker.is_some());
    assert!(letter.envelope.headers.iter().all(|(name, _)| !name.starts_with("x-")));
    assert_eq!(bytes(&letter), Some(unreadable.as_bytes()));
    answers(&installation, BUCKETS, "dead,settled,settled").await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_moves_to_another_order_is_buried_alone() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 20, 0, 23).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let door = installation.ingress().await.unwrap();
    let trade = |order_number, notify_id| Trade {
        order_number,
        transaction: "moving",
        notify_id,
        status: "TRADE_SUCCESS",
        amount: 1,
        refunded: None,
    };
    let client = reqwest::Client::new();
    for (number, notify_id) in [("M-1", "m-1"), ("M-2", "m-2")] {
        let body = installation.signer.body(&trade(number, notify_id)).unwrap();
        assert_eq!(post(&client, &door.url, &body).await.unwrap().0, 200);
    }
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();

    let letter = dead_letter(&installation).await.unwrap();
    assert_eq!((&*letter.letter.stage, &*letter.letter.code), ("settle", "refused"));
    answers(&installation, PAID, "20").await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_came_back_often_and_killed_nobody_is_settled() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 1, 0, 24).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let door = installation.ingress().await.unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    let queue = format!("{}.notifications.0", installation.prefix.as_ref().unwrap());
    // Readers that lose their connections, which the broker counts as it counts those that die.
    for returns in 0..8 {
        let taken = wait::until("the message to come back", PATIENCE, || async {
            let (connection, channel) = channel().await.ok()?;
            let options = BasicGetOptions::default();
            let taken = channel.basic_get(queue.as_str().into(), options).await.ok()??;
            Some((connection, taken))
        });
        let (connection, taken) = taken.await.unwrap();
        assert_eq!(taken.redelivered, returns > 0);
        drop(connection.close(200, "a test".into()).await);
    }
    let mut worker = installation.worker(&[]).await.unwrap();
    answers(&installation, PAID, "1").await.unwrap();
    answers(&installation, "select count(*) from quittance.lone_tries", "0").await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}
