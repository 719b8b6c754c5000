//! What `topology check` finds by the broker's management API, on a real one.

use std::fs;
use std::time::Duration;

use harness::installation::Installation;
use harness::{ports, rabbitmq, wait};
use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use serde_json::{Value, json};

use crate::ran::{Ran, run, run_with};

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "QUITTANCE__BROKER__MANAGEMENT_URL";

struct Broker {
    at: Installation,
    server: rabbitmq::Server,
    _connection: Connection,
    channel: Channel,
}

impl Broker {
    async fn start() -> Self {
        let (at, server) =
            (Installation::embedded().unwrap(), rabbitmq::start_with_management().await.unwrap());
        let nobody = ports::free().unwrap();
        let text = format!(
            "[broker]\nurl = \"{}\"\nprefix = \"q\"\nmanagement_url = \"{}/\"\n\
             [database]\nurl = \"postgres://q@127.0.0.1:{nobody}/q\"\n",
            server.url(),
            server.management_url().unwrap()
        );
        fs::write(at.config(), text).unwrap();
        run(&at, "topology apply").ends_with(0);
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(server.url(), properties).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { at, server, _connection: connection, channel }
    }

    fn check(&self) -> Ran {
        run(&self.at, "topology check -o json")
    }

    /// Waits for the only finding to be about this object; the API tells of a policy a little later.
    async fn finds(&self, object: &str, wrong: &str, risk: &str) -> Value {
        let found = wait::until(wrong, PATIENCE, || async {
            let found = self.check().json();
            let is_about_it = found[0]["object"] == json!(object);
            (found.as_array()?.len() == 1 && is_about_it).then_some(found)
        })
        .await
        .unwrap_or_else(|error| panic!("{error}: {}", self.check()));
        let finding = &found[0];
        assert_eq!(finding["object"], json!(object), "{finding}");
        for (key, words) in [("wrong", wrong), ("risk", risk)] {
            assert!(finding[key].as_str().unwrap().contains(words), "{words}: {finding}");
        }
        finding.clone()
    }

    async fn finds_nothing(&self) {
        let nothing = wait::until("nothing to mend", PATIENCE, || async {
            (self.check().code() == Some(0)).then_some(())
        });
        nothing.await.unwrap_or_else(|error| panic!("{error}: {}", self.check()));
    }

    async fn bind(&self, queue: &str, exchange: &str, key: &str) {
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        let bound =
            self.channel.queue_bind(queue.into(), exchange.into(), key.into(), options, none);
        bound.await.unwrap();
    }

    async fn unbind(&self, queue: &str, exchange: &str, key: &str) {
        let none = FieldTable::default();
        self.channel.queue_unbind(queue.into(), exchange.into(), key.into(), none).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_amqp_cannot_ask_is_found_by_the_management_api() {
    let broker = Broker::start().await;
    let right = broker.check().ends_with(0);
    assert!(!right.stderr.contains("management_url"), "{right}");

    // A binding that is missing, and one that is none of ours.
    broker.unbind("q.notifications.0", "q.notifications", "0").await;
    let unbound = "not bound to exchange q.notifications by the key 0";
    broker.finds("queue q.notifications.0", unbound, "goes where nobody looks").await;
    run(&broker.at, "topology apply").ends_with(0);
    broker.bind("q.dead", "amq.topic", "x").await;
    let foreign = "bound to exchange amq.topic by the key x, which is none of our bindings";
    broker.finds("queue q.dead", foreign, "sealed").await;
    broker.unbind("q.dead", "amq.topic", "x").await;
    broker.finds_nothing().await;

    // Policies, of a user and of the operator.
    let set = ["set_policy", "small", "^q\\.dead$", r#"{"max-length":5}"#];
    broker.server.control(&set).await.unwrap();
    let policed = "the policy small sets max-length to 5";
    broker.finds("queue q.dead", policed, "fills it").await;
    broker.server.control(&["clear_policy", "small"]).await.unwrap();
    let set = ["set_operator_policy", "short", "^q\\.notifications", r#"{"message-ttl":60000}"#];
    broker.server.control(&set).await.unwrap();
    let policed = "the policy short sets message-ttl to 60000";
    let found = broker.finds("queue q.notifications.0", policed, "before anybody settled it").await;
    assert!(found["mend"].as_str().unwrap().contains("list_operator_policies"), "{found}");
    broker.server.control(&["clear_operator_policy", "short"]).await.unwrap();
    broker.finds_nothing().await;

    // A shop's queue that refuses when it is full, behind an exchange of the shop's.
    let mut arguments = FieldTable::default();
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(9));
    let (durable, none) =
        (QueueDeclareOptions { durable: true, ..Default::default() }, FieldTable::default());
    broker.channel.queue_declare("shop".into(), durable, arguments).await.unwrap();
    let of_shop = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let declared = broker.channel.exchange_declare(
        "shops".into(),
        ExchangeKind::Fanout,
        of_shop,
        none.clone(),
    );
    declared.await.unwrap();
    broker.bind("shop", "shops", "").await;
    broker.finds_nothing().await;
    let options = ExchangeBindOptions::default();
    let all = broker.channel.exchange_bind(
        "shops".into(),
        "q.fulfilment".into(),
        "#".into(),
        options,
        none,
    );
    all.await.unwrap();
    broker.finds("queue shop", "takes events from shops", "other queues took it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_management_api_refuses_is_told_without_its_password() {
    let broker = Broker::start().await;
    let nobody = ports::free().unwrap();
    let host = broker.server.management_url().unwrap().replace("http://guest:guest@", "");
    for (url, code, words) in [
        (format!("http://guest:hunter2@{host}"), 1, "its user may not look"),
        (format!("http://guest:guest@{host}/elsewhere"), 1, "it answers 40"),
        (
            format!("http://guest:hunter2@127.0.0.1:{nobody}"),
            10,
            "does the plugin rabbitmq_management",
        ),
        ("amqp://guest:hunter2@h".to_owned(), 2, "must begin with http"),
    ] {
        let ran = run_with(&broker.at, "topology check", &[(KEY, &url)]).ends_with(code);
        assert!(ran.stderr.contains(words) && !ran.stderr.contains("hunter2"), "{ran}");
    }
    // What AMQP finds is told all the same.
    let unreachable = format!("http://127.0.0.1:{nobody}");
    let gone = QueueDeleteOptions::default();
    broker.channel.queue_delete("q.dead".into(), gone).await.unwrap();
    let ran = run_with(&broker.at, "topology check", &[(KEY, &unreachable)]).ends_with(10);
    ran.prints(&["queue q.dead", "it does not exist"]);
}
