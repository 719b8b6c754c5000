//! On RabbitMQ and PostgreSQL, two of each process.

use harness::driver::{payments, send};
use harness::installation::Installation;

use crate::outcome::{Ingresses, each_order_settled_once, each_order_was_paid_once};
use crate::subscriber::Subscriber;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_notifications_pay_each_order_once() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 20_000, 30, 1).unwrap();
    let mut doors = [installation.ingress().await.unwrap(), installation.ingress().await.unwrap()];
    let mut workers =
        [installation.worker(&[]).await.unwrap(), installation.worker(&[]).await.unwrap()];
    installation.import(burst.orders.iter().cloned()).unwrap();
    let mut subscriber = Subscriber::start(&installation).await.unwrap();

    let urls = doors.each_ref().map(|door| door.url.clone());
    let sent = send(&urls, &burst.bodies).await.unwrap();
    assert_eq!((sent.accepted, sent.repeated), (20_000, 0));
    for door in &mut doors {
        assert!(door.program.terminate().await.unwrap().success());
    }
    each_order_was_paid_once(&installation, &burst, Ingresses::Stopped).await.unwrap();

    subscriber.ends_with(&burst).await.unwrap();
    for worker in &mut workers {
        assert!(worker.terminate().await.unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_lose_nothing_and_pay_nothing_twice() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 4_000, 30, 2).unwrap();
    let mut doors = [installation.ingress().await.unwrap(), installation.ingress().await.unwrap()];
    let mut doomed = installation.worker(&[]).await.unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let urls = doors.each_ref().map(|door| door.url.clone());
    let (first, second) = burst.bodies.split_at(2_000);
    send(&urls, first).await.unwrap();

    // The second half is sent while a worker and an ingress are killed; who got no answer sends again.
    let second = second.to_vec();
    let sending = tokio::spawn(async move { send(&urls, &second).await });
    doomed.kill().await.unwrap();
    doors[1].program.kill().await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    sending.await.unwrap().unwrap();
    assert!(doors[0].program.terminate().await.unwrap().success());

    // The killed ingress stated nothing after its last statement: what it sent stays unproven.
    let database = &installation.database.as_ref().unwrap().url;
    each_order_settled_once(database, &burst).await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}
