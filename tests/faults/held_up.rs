//! What somebody refuses holds up nobody else, and is told as it is.

use harness::driver::{payments, post, send};
use harness::installation::Installation;
use harness::program::Program;
use harness::{ports, postgres, wait};
use lapin::ExchangeKind;
use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};

use crate::watch::{PATIENCE, answers, channel, dead_letter, metric, readiness};

#[tokio::test(flavor = "multi_thread")]
async fn more_refused_events_than_a_round_takes_hold_up_no_other() {
    let installation = Installation::on_servers().await.unwrap();
    let database = installation.database.as_ref().unwrap().url.clone();
    // Events of cases go to a queue that takes none; behind 1,500 of them waits an order's.
    let (_connection, channel) = channel().await.unwrap();
    let prefix = installation.prefix.as_ref().unwrap();
    let full = format!("{prefix}.full");
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(0));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
    channel.queue_declare(full.clone().into(), options, arguments).await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    let (exchange, key) = (format!("{prefix}.fulfilment"), "case.#");
    let bind = channel.queue_bind(
        full.into(),
        exchange.into(),
        key.into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bind.await.unwrap();
    let waiting = "with event (number, type) as (
            select n, case when n <= 1500 then 'case.opened.v1' else 'order.paid.v1' end
            from generate_series(1, 1501) as n),
        counted as (
            insert into quittance.subjects (subject, last_seq)
            select 'order/' || number, 1 from event),
        written as (
            insert into quittance.events (subject, sequence, id, type, body, occurred_at)
            select 'order/' || number, 1, gen_random_uuid(), type, '{}', now() from event)
        insert into quittance.outbox (subject, sequence)
        select 'order/' || number, 1 from event order by number";
    postgres::sql(&database, waiting).await.unwrap();
    let good = "select count(*) from quittance.outbox where subject = 'order/1501'";
    answers(&installation, good, "0").await.unwrap();
    answers(&installation, "select count(*) from quittance.outbox", "1500").await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

/// What is held because its next home cannot be reached is settled again, and counted once.
#[tokio::test(flavor = "multi_thread")]
async fn a_burial_that_is_held_up_is_counted_once() {
    let installation = Installation::on_servers().await.unwrap();
    let prefix = installation.prefix.clone().unwrap();
    let admin = format!("127.0.0.1:{}", ports::free().unwrap());
    let variables = [("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str())];
    let arguments = ["--config", &installation.config()];
    let mut worker = Program::start("quittance-worker", &arguments, &variables).unwrap();
    readiness(&format!("http://{admin}"), 200, "").await.unwrap();
    let door = installation.ingress().await.unwrap();
    metric(&door.admin_url, "quittance_return_feed_up 1").await.unwrap();
    // Nothing leads to the dead letters, and nobody can declare it anew: another exchange has the name.
    let (_connection, channel) = channel().await.unwrap();
    let dead = format!("{prefix}.dead");
    let gone = ExchangeDeleteOptions::default();
    channel.exchange_delete(dead.as_str().into(), gone).await.unwrap();
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let (kind, none) = (ExchangeKind::Headers, FieldTable::default());
    channel.exchange_declare(dead.as_str().into(), kind, durable, none).await.unwrap();

    let unreadable = installation.signer.sign(vec![
        ("notify_type", b"trade_status_sync"),
        ("notify_id", b"n-1"),
        ("app_id", harness::alipay::APP_ID.as_bytes()),
        ("seller_id", harness::alipay::SELLER_ID.as_bytes()),
        ("trade_no", b"t-1"),
        ("out_trade_no", b"o-1"),
        ("trade_status", b"TRADE_SUCCESS"),
        ("total_amount", b"1e3"),
    ]);
    let client = reqwest::Client::new();
    assert_eq!(post(&client, &door.url, &unreadable.unwrap()).await.unwrap().0, 200);
    wait::until("the burial to be tried often", PATIENCE, || async {
        (worker.stderr().matches("waiting with what is in hand").count() > 2).then_some(())
    })
    .await
    .unwrap();
    channel.exchange_delete(dead.into(), gone).await.unwrap();
    dead_letter(&installation).await.unwrap();
    let counted = r#"quittance_messages_total{bucket="dead",stage="read"} 1"#;
    metric(&format!("http://{admin}"), counted).await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

/// Nothing can be fenced then, and what is known is told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_balance_is_told_while_the_broker_is_away() {
    let installation = Installation::on_servers().await.unwrap();
    let database = installation.database.as_ref().unwrap().url.clone();
    let door = installation.ingress().await.unwrap();
    let burst = payments(&installation.signer, 1, 0, 24).unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    answers(&installation, "select count(*) > 0 from quittance.statements", "t").await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
    postgres::sql(&database, "delete from quittance.receipts").await.unwrap();

    let admin = format!("127.0.0.1:{}", ports::free().unwrap());
    let nobody = format!("amqp://127.0.0.1:{}", ports::free().unwrap());
    let variables = [
        ("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str()),
        ("QUITTANCE__BROKER__URL", nobody.as_str()),
    ];
    let arguments = ["--config", &installation.config()];
    let mut worker = Program::start("quittance-worker", &arguments, &variables).unwrap();
    metric(&format!("http://{admin}"), "quittance_unaccounted 0").await.unwrap();
    assert!(worker.stderr().contains("nothing is fenced this time"), "{}", worker.stderr());
    assert!(worker.terminate().await.unwrap().success());
}
