//! `topology` on a real broker: looked at without a trace, made, and mended.

use std::collections::BTreeSet;
use std::fs;

use harness::installation::Installation;
use harness::{ports, rabbitmq};
use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use serde_json::{Value, json};

use crate::ran::run;

/// On the broker with a fresh prefix; no database is needed.
async fn on_broker() -> (Installation, String) {
    let at = Installation::embedded().unwrap();
    let (server, prefix) = (rabbitmq::server().await.unwrap(), rabbitmq::prefix());
    let nobody = ports::free().unwrap();
    let text = format!(
        "[broker]\nurl = \"{}\"\nprefix = \"{prefix}\"\n\
         [database]\nurl = \"postgres://q@127.0.0.1:{nobody}/q\"\n",
        server.url()
    );
    fs::write(at.config(), text).unwrap();
    (at, prefix)
}

async fn channel() -> (Connection, Channel) {
    let server = rabbitmq::server().await.unwrap();
    let connection = Connection::connect(server.url(), ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// What a check finds, by object.
fn findings(at: &Installation, code: i32) -> Vec<Value> {
    let found = run(at, "topology check -o json").ends_with(code).json();
    found.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_found_and_made() {
    let (at, prefix) = on_broker().await;
    let missing = findings(&at, 1);
    let objects: BTreeSet<_> = missing.iter().map(|one| one["object"].as_str().unwrap()).collect();
    for object in [
        format!("exchange {prefix}.notifications"),
        format!("queue {prefix}.notifications.0"),
        format!("exchange {prefix}.retry.1s"),
        format!("queue {prefix}.retry.1h"),
        format!("queue {prefix}.dead"),
        format!("exchange {prefix}.events"),
        format!("exchange {prefix}.fulfilment"),
        format!("queue {prefix}.fulfilment.unrouted"),
    ] {
        assert!(objects.contains(object.as_str()), "{object} of {objects:?}");
    }
    for finding in &missing {
        assert_eq!(finding["wrong"], "it does not exist");
        assert!(finding["mend"].as_str().unwrap().contains("quittance topology apply"));
        assert!(!finding["risk"].as_str().unwrap().is_empty());
    }
    let count = missing.len();
    assert_eq!(findings(&at, 1), missing, "a check changed something");
    let told = run(&at, "topology check").ends_with(1);
    assert!(told.stderr.contains(&format!("{count} to mend")), "{told}");

    run(&at, "topology apply").ends_with(0);
    let right = run(&at, "topology check").ends_with(0);
    assert_eq!(right.stdout, "");
    assert!(right.stderr.contains(&format!("{count} exchanges and queues")), "{right}");
    assert_eq!(findings(&at, 0), Vec::<Value>::new());
    run(&at, "topology apply").ends_with(0);
}

/// What a shard's queue must have.
fn shard(prefix: &str) -> FieldTable {
    let (mut table, dead) = (FieldTable::default(), format!("{prefix}.dead"));
    for (name, value) in [
        ("x-queue-type", "quorum"),
        ("x-dead-letter-exchange", dead.as_str()),
        ("x-dead-letter-strategy", "at-least-once"),
        ("x-overflow", "reject-publish"),
        ("x-delivery-limit", "1000"),
    ] {
        table.insert(name.into(), value_of(value));
    }
    table
}

fn value_of(text: &str) -> AMQPValue {
    match text.parse() {
        Ok(number) => AMQPValue::LongLongInt(number),
        Err(_) => AMQPValue::LongString(text.into()),
    }
}

/// The same with one set otherwise; an empty text: not at all.
fn but(table: &FieldTable, name: &str, text: &str) -> FieldTable {
    let others = table.inner().iter().filter(|(known, _)| known.as_str() != name);
    let mut changed = FieldTable::default();
    for (name, value) in others {
        changed.insert(name.clone(), value.clone());
    }
    if !text.is_empty() {
        changed.insert(name.into(), value_of(text));
    }
    changed
}

/// What a check says of a setting that is, and must be, so; an empty text: not set.
fn wrong(name: &str, is: &str, must: &str) -> String {
    let is = if is.is_empty() { "is not set".to_owned() } else { format!("is {is}") };
    let must = if must.is_empty() { "not be set".to_owned() } else { format!("be {must}") };
    format!("{name} {is}, and must {must}")
}

/// Declares a queue so instead: that is found alone, with its risk and mend; then it is mended.
async fn is_named(
    at: &Installation,
    channel: &Channel,
    queue: &str,
    (options, table): (QueueDeclareOptions, FieldTable),
    (wrong, risk): (&str, &str),
) {
    let gone = QueueDeleteOptions::default();
    channel.queue_delete(queue.into(), gone).await.unwrap();
    let declared = channel.queue_declare(queue.into(), options, table).await;
    declared.unwrap_or_else(|error| panic!("{wrong}: {error}"));
    let found = findings(at, 1);
    let [finding] = &found[..] else { panic!("{wrong}: {found:?}") };
    let of = (&finding["object"], &finding["wrong"]);
    assert_eq!(of, (&json!(format!("queue {queue}")), &json!(wrong)));
    assert!(finding["risk"].as_str().unwrap().contains(risk), "{finding}");
    let mend = finding["mend"].as_str().unwrap();
    assert!(mend.contains(queue) && mend.contains("`quittance topology apply`"), "{finding}");
    // Applying makes no difference to it, and says so.
    let applied = run(at, "topology apply -o json").ends_with(1).json();
    assert_eq!(applied[0]["wrong"], json!(wrong), "{applied}");
    channel.queue_delete(queue.into(), gone).await.unwrap();
    run(at, "topology apply").ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_of_a_queue_is_named_with_what_it_could_lose_and_its_mend() {
    let (at, prefix) = on_broker().await;
    run(&at, "topology apply").ends_with(0);
    let (connection, channel) = channel().await;
    let (work, tier) = (format!("{prefix}.notifications.0"), format!("{prefix}.retry.1s"));
    let (dead, back) = (format!("{prefix}.dead"), format!("{prefix}.notifications"));
    let of_work = shard(&prefix);
    let of_tier = but(&but(&of_work, "x-delivery-limit", ""), "x-dead-letter-exchange", &back);
    let of_tier = but(&of_tier, "x-message-ttl", "1000");
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    for (queue, name, is, must, risk) in [
        (&work, "x-overflow", "drop-head", "reject-publish", "drops the oldest"),
        (&work, "x-overflow", "", "reject-publish", "drops the oldest"),
        (&work, "x-max-length", "10", "", "oldest notifications"),
        (&work, "x-max-length-bytes", "10", "", "oldest notifications"),
        (&work, "x-dead-letter-exchange", "elsewhere", dead.as_str(), "is not kept"),
        (&work, "x-dead-letter-strategy", "", "at-least-once", "cannot take it"),
        (&work, "x-delivery-limit", "5", "1000", "innocent ones"),
        (&work, "x-message-ttl", "60000", "", "before anybody settled it"),
        (&work, "x-expires", "60000", "", "nobody reads it"),
        (&tier, "x-message-ttl", "7000", "1000", "schedule"),
        (&tier, "x-dead-letter-routing-key", "k", "", "another shard"),
    ] {
        let right = if *queue == work { &of_work } else { &of_tier };
        let declared = (durable, but(right, name, is));
        is_named(&at, &channel, queue, declared, (&wrong(name, is, must), risk)).await;
    }
    run(&at, "topology check").ends_with(0);
    connection.close(200, "done".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_another_kind_is_named_with_what_it_could_lose_and_its_mend() {
    let (at, prefix) = on_broker().await;
    run(&at, "topology apply").ends_with(0);
    let (connection, channel) = channel().await;
    let fleeting = QueueDeclareOptions::default();
    let durable = QueueDeclareOptions { durable: true, ..fleeting };
    let mine = QueueDeclareOptions { exclusive: true, ..fleeting };
    let passing = QueueDeclareOptions { auto_delete: true, ..durable };
    let work = format!("{prefix}.notifications.0");
    let classic = {
        let right = but(&shard(&prefix), "x-queue-type", "classic");
        but(&but(&right, "x-dead-letter-strategy", ""), "x-delivery-limit", "")
    };
    for (options, table, wrong, risk) in [
        (durable, classic, "x-queue-type is classic, and must be quorum", "lost with a node"),
        (fleeting, FieldTable::default(), "durable is false, and must be true", "restarts"),
        (passing, FieldTable::default(), "auto_delete is true, and must be false", "last reader"),
        (mine, FieldTable::default(), "exclusive is true, and must be false", "one connection"),
    ] {
        is_named(&at, &channel, &work, (options, table), (wrong, risk)).await;
    }
    connection.close(200, "done".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_of_an_exchange_is_named_with_what_it_could_lose_and_its_mend() {
    let (at, prefix) = on_broker().await;
    run(&at, "topology apply").ends_with(0);
    let (connection, channel) = channel().await;
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let fleeting = ExchangeDeclareOptions::default();
    let alternate = format!("{prefix}.fulfilment.unrouted");
    let no_alternate = format!("alternate-exchange is not set, and must be {alternate}");
    let cases = [
        (
            "events",
            ExchangeKind::Fanout,
            durable,
            "type is fanout, and must be topic",
            "another rule",
        ),
        ("events", ExchangeKind::Topic, fleeting, "durable is false, and must be true", "restarts"),
        ("fulfilment", ExchangeKind::Topic, durable, no_alternate.as_str(), "instead of kept"),
    ];
    for (name, kind, options, wrong, risk) in cases {
        let name = format!("{prefix}.{name}");
        let gone = ExchangeDeleteOptions::default();
        channel.exchange_delete(name.as_str().into(), gone).await.unwrap();
        let none = FieldTable::default();
        channel.exchange_declare(name.as_str().into(), kind, options, none).await.unwrap();
        let found = findings(&at, 1);
        let [finding] = &found[..] else { panic!("{wrong}: {found:?}") };
        let object = json!(format!("exchange {name}"));
        assert_eq!((&finding["object"], &finding["wrong"]), (&object, &json!(wrong)));
        assert!(finding["risk"].as_str().unwrap().contains(risk), "{finding}");
        assert!(finding["mend"].as_str().unwrap().contains("delete it"), "{finding}");
        let shown = run(&at, "topology check").ends_with(1);
        shown.prints(&[&name, "\n  wrong  ", "\n  risk   ", "\n  mend   "]);
        channel.exchange_delete(name.as_str().into(), gone).await.unwrap();
        run(&at, "topology apply").ends_with(0);
    }
    let right = run(&at, "topology check").ends_with(0);
    assert!(right.stderr.contains("set broker.management_url"), "{right}");
    connection.close(200, "done".into()).await.unwrap();
}
