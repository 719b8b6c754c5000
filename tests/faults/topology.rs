//! A queue that is not as it should be: its settings, or what a stranger put into it.

use std::path::Path;
use std::process::Command;

use harness::driver::{payments, post, send};
use harness::installation::{Addresses, Installation};
use harness::program::Program;
use harness::{ports, rabbitmq, sqlite};
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;

use crate::watch::{answers, channel, readiness};

#[tokio::test(flavor = "multi_thread")]
async fn an_unsafe_queue_keeps_both_programs_not_ready_until_it_is_gone() {
    let installation = Installation::on_servers().await.unwrap();
    let queue = format!("{}.notifications.0", installation.prefix.as_ref().unwrap());
    let (_connection, channel) = channel().await.unwrap();
    // A classic queue: durable, and without a limit or a dead-letter exchange.
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.clone().into(), options, FieldTable::default()).await.unwrap();

    let addresses = Addresses::free().unwrap();
    let arguments = ["--config", &installation.config()];
    let mut door = Program::start("quittance-ingress", &arguments, &addresses.variables()).unwrap();
    let admin = format!("127.0.0.1:{}", ports::free().unwrap());
    let variables = [("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str())];
    let mut worker = Program::start("quittance-worker", &arguments, &variables).unwrap();
    let worker_url = format!("http://{admin}");
    for url in [&addresses.admin_url(), &worker_url] {
        readiness(url, 503, &queue).await.unwrap();
    }
    let burst = payments(&installation.signer, 1, 0, 71).unwrap();
    let client = reqwest::Client::new();
    let answer = post(&client, &addresses.notify_url(), &burst.bodies[0]).await.unwrap();
    assert_eq!(answer, (503, "fail".to_owned()));

    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    for url in [&addresses.admin_url(), &worker_url] {
        readiness(url, 200, "ready").await.unwrap();
    }
    let answer = post(&client, &addresses.notify_url(), &burst.bodies[0]).await.unwrap();
    assert_eq!(answer, (200, "success".to_owned()));
    assert!(door.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_gone_is_made_again_by_the_door_that_misses_it() {
    let installation = Installation::on_servers().await.unwrap();
    let queue = format!("{}.notifications.0", installation.prefix.as_ref().unwrap());
    let burst = payments(&installation.signer, 2, 0, 73).unwrap();
    let door = installation.ingress().await.unwrap();
    let doors = std::slice::from_ref(&door.url);
    send(doors, &burst.bodies[..1]).await.unwrap();
    let (_connection, channel) = channel().await.unwrap();
    let gone = QueueDeleteOptions::default();
    channel.queue_delete(queue.as_str().into(), gone).await.unwrap();
    // Nobody reads, so only the door can notice. It is refused first, as a provider is who tries again.
    let sent = send(doors, &burst.bodies[1..]).await.unwrap();
    assert!(sent.repeated > 0, "it came back before");
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let seen = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap();
    assert_eq!(seen.message_count(), 1);
}

/// As any client can publish it that does not look.
const PUBLISH: &str = "
import pika, sys
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
properties = pika.BasicProperties(message_id=bytes([0xff, 0xfe]), headers={'a': 'b'})
channel.basic_publish('', sys.argv[2], b'a body', properties)
connection.close()
";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_no_reader_can_parse_is_named_and_can_be_set_aside() {
    let installation = Installation::on_servers().await.unwrap();
    let queue = format!("{}.notifications.0", installation.prefix.as_ref().unwrap());
    let burst = payments(&installation.signer, 20, 0, 72).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let door = installation.ingress().await.unwrap();
    let (python, server) = (sqlite::python().unwrap(), rabbitmq::server().await.unwrap());
    let published = Command::new(&python).args(["-c", PUBLISH, server.url(), &queue]).status();
    assert!(published.unwrap().success());
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();

    let admin = format!("127.0.0.1:{}", ports::free().unwrap());
    let variables = [("QUITTANCE__WORKER__ADMIN_LISTEN", admin.as_str())];
    let arguments = ["--config", &installation.config()];
    let mut worker = Program::start("quittance-worker", &arguments, &variables).unwrap();
    readiness(&format!("http://{admin}"), 503, "is not UTF-8").await.unwrap();
    worker.kill().await.unwrap();

    let folder = installation.path("aside");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/set_aside.py");
    let mut aside = Command::new(&python);
    aside.arg(script).args(["--url", server.url(), "--queue", &queue, "--folder"]).arg(&folder);
    assert!(aside.status().unwrap().success());
    let kept = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let bodies: Vec<_> =
        kept.filter(|path| path.extension().is_some_and(|it| it == "body")).collect();
    assert_eq!(bodies.len(), 1);
    assert_eq!(std::fs::read(&bodies[0]).unwrap(), b"a body");

    let mut worker = installation.worker(&[]).await.unwrap();
    answers(&installation, "select count(*) from quittance.orders where status = 'paid'", "20")
        .await
        .unwrap();
    assert!(worker.terminate().await.unwrap().success());
}
