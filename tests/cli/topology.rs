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

/// The arguments that a shard's queue must have.
fn shard(prefix: &str) -> Arguments {
    vec![
        ("x-queue-type", text("quorum")),
        ("x-dead-letter-exchange", text(&format!("{prefix}.dead"))),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
        ("x-delivery-limit", AMQPValue::LongLongInt(1_000)),
    ]
}

type Arguments = Vec<(&'static str, AMQPValue)>;

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// The same with one set otherwise, or not at all.
fn but(arguments: &Arguments, name: &'static str, value: Option<AMQPValue>) -> Arguments {
    let mut changed = arguments.clone();
    changed.retain(|(known, _)| *known != name);
    changed.extend(value.map(|value| (name, value)));
    changed
}

fn table(arguments: &Arguments) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_of_a_queue_is_named_with_what_it_could_lose_and_its_mend() {
    let (at, prefix) = on_broker().await;
    run(&at, "topology apply").ends_with(0);
    let (connection, channel) = channel().await;
    let work = format!("{prefix}.notifications.0");
    let tier = format!("{prefix}.retry.1s");
    let right = shard(&prefix);
    let ttl = ("x-message-ttl", AMQPValue::LongLongInt(1_000));
    let back =
        but(&right, "x-dead-letter-exchange", Some(text(&format!("{prefix}.notifications"))));
    let back: Arguments = but(&back, "x-delivery-limit", None).into_iter().chain([ttl]).collect();
    let number = |number| Some(AMQPValue::LongInt(number));
    let dead = format!("x-dead-letter-exchange is elsewhere, and must be {prefix}.dead");
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    let mine = QueueDeclareOptions { exclusive: true, ..Default::default() };
    let cases = [
        (
            &work,
            durable,
            but(&right, "x-overflow", Some(text("drop-head"))),
            "x-overflow is drop-head, and must be reject-publish",
            "drops the oldest",
        ),
        (
            &work,
            durable,
            but(&right, "x-overflow", None),
            "x-overflow is not set, and must be reject-publish",
            "drops the oldest",
        ),
        (
            &work,
            durable,
            but(&right, "x-max-length", number(10)),
            "x-max-length is 10, and must not be set",
            "oldest notifications",
        ),
        (
            &work,
            durable,
            but(&right, "x-max-length-bytes", number(10)),
            "x-max-length-bytes is 10, and must not be set",
            "oldest notifications",
        ),
        (
            &work,
            durable,
            but(&right, "x-dead-letter-exchange", Some(text("elsewhere"))),
            &dead,
            "is not kept",
        ),
        (
            &work,
            durable,
            but(&right, "x-dead-letter-strategy", None),
            "x-dead-letter-strategy is not set, and must be at-least-once",
            "cannot take it",
        ),
        (
            &work,
            durable,
            but(&right, "x-delivery-limit", number(5)),
            "x-delivery-limit is 5, and must be 1000",
            "innocent ones",
        ),
        (
            &work,
            durable,
            but(&right, "x-message-ttl", number(60_000)),
            "x-message-ttl is 60000, and must not be set",
            "before anybody settled it",
        ),
        (
            &work,
            durable,
            but(&right, "x-expires", number(60_000)),
            "x-expires is 60000, and must not be set",
            "nobody reads it",
        ),
        (&work, durable, vec![], "x-queue-type is not set, and must be quorum", "lost with a node"),
        (
            &work,
            QueueDeclareOptions::default(),
            vec![],
            "durable is false, and must be true",
            "restarts",
        ),
        (&work, mine, vec![], "exclusive is true, and must be false", "one connection"),
        (
            &tier,
            durable,
            but(&back, "x-message-ttl", number(7_000)),
            "x-message-ttl is 7000, and must be 1000",
            "schedule",
        ),
        (
            &tier,
            durable,
            but(&back, "x-dead-letter-routing-key", Some(text("k"))),
            "x-dead-letter-routing-key is k, and must not be set",
            "another shard",
        ),
    ];
    for (name, options, arguments, wrong, risk) in cases {
        let gone = QueueDeleteOptions::default();
        channel.queue_delete(name.as_str().into(), gone).await.unwrap();
        let declared =
            channel.queue_declare(name.as_str().into(), options, table(&arguments)).await;
        declared.unwrap_or_else(|error| panic!("{wrong}: {error}"));
        let found = findings(&at, 1);
        let [finding] = &found[..] else { panic!("{wrong}: {found:?}") };
        assert_eq!(
            (&finding["object"], &finding["wrong"]),
            (&json!(format!("queue {name}")), &json!(wrong))
        );
        assert!(finding["risk"].as_str().unwrap().contains(risk), "{finding}");
        assert!(
            finding["mend"].as_str().unwrap().contains("`quittance topology apply`"),
            "{finding}"
        );
        // Applying makes no difference to it, and says so.
        let applied = run(&at, "topology apply -o json").ends_with(1).json();
        assert_eq!(applied[0]["wrong"], json!(wrong), "{applied}");
        channel.queue_delete(name.as_str().into(), gone).await.unwrap();
        run(&at, "topology apply").ends_with(0);
    }
    run(&at, "topology check").ends_with(0);
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
        ("fulfilment", ExchangeKind::Topic, durable, &no_alternate, "instead of kept"),
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
