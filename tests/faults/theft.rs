//! Somebody takes a message out of a queue: the balance says how many, of which epoch and window.

use harness::driver::{payments, send};
use harness::installation::Installation;
use harness::wait;
use lapin::options::{BasicAckOptions, BasicGetOptions};

use crate::watch::{PATIENCE, answers, channel, header};

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
    let balance = wait::until("the theft to be named", PATIENCE, || async {
        let answer = installation.quittance(&["balance", "-o", "json"]).ok()?;
        let balance: serde_json::Value = serde_json::from_slice(&answer.stdout).ok()?;
        (balance["unaccounted"] == 1).then_some(balance)
    })
    .await
    .unwrap();
    assert_eq!((&balance["accepted"], &balance["settled"]), (&10.into(), &9.into()), "{balance}");
    let missing = &balance["missing"][0];
    assert_eq!(missing["epoch"].as_str(), epoch.as_deref());
    assert_eq!(missing["numbers"][0].to_string(), number.unwrap());
    assert_eq!(balance["missing"].as_array().unwrap().len(), 1, "{balance}");
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}
