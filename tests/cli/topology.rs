//! `topology` on a real broker: looked at without a trace, made, and mended.

use std::collections::BTreeSet;
use std::fs;

use harness::installation::Installation;
use harness::{ports, rabbitmq};
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_settings_is_named_with_the_risk_and_the_mend() {
    let (at, prefix) = on_broker().await;
    let name = format!("{prefix}.notifications.0");
    let (connection, channel) = channel().await;
    let mut other = FieldTable::default();
    // Such a queue drops its oldest notifications.
    other.insert("x-max-length".into(), AMQPValue::LongInt(10));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(name.as_str().into(), durable, other).await.unwrap();

    let object = format!("queue {name}");
    let found = findings(&at, 1);
    let finding = found.iter().find(|one| one["object"] == json!(object)).unwrap();
    let says = |key: &str, word: &str| {
        assert!(finding[key].as_str().unwrap().contains(word), "{key}: {finding}");
    };
    says("wrong", "inequivalent arg");
    says("risk", "drop, reorder or lose");
    says("mend", "delete it, then run `quittance topology apply`");
    let table = run(&at, "topology check").ends_with(1);
    table.prints(&[&object, "\n  wrong  ", "\n  risk   ", "\n  mend   "]);

    // Applying makes no difference to it, and says so.
    let applied = run(&at, "topology apply -o json").ends_with(1).json();
    assert_eq!(applied[0]["object"], json!(object), "{applied}");

    channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    run(&at, "topology apply").ends_with(0);
    run(&at, "topology check").ends_with(0);
    connection.close(200, "done".into()).await.unwrap();
}
