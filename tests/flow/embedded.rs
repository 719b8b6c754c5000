//! On the embedded default: the whole system in one process, and that process killed.

use std::time::Duration;

use harness::driver::{payments, send};
use harness::installation::{Addresses, Installation};
use harness::wait;

use crate::outcome::{Ingresses, balance, each_order_was_paid_once};

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_notifications_pay_each_order_once_embedded() {
    let installation = Installation::embedded().unwrap();
    let burst = payments(&installation.signer, 20_000, 30, 3).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let mut door = installation.serve(Addresses::free().unwrap()).await.unwrap();
    let sent = send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    assert_eq!((sent.accepted, sent.repeated), (20_000, 0));
    each_order_was_paid_once(&installation, &burst, Ingresses::Stopped).await.unwrap();
    assert!(door.program.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_nothing_and_pays_nothing_twice_embedded() {
    let installation = Installation::embedded().unwrap();
    let burst = payments(&installation.signer, 6_000, 30, 4).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let mut door = installation.serve(Addresses::free().unwrap()).await.unwrap();

    // Who got no answer from the killed process sends again until the next one answers.
    let (urls, bodies) = ([door.url.clone()], burst.bodies.clone());
    let sending = tokio::spawn(async move { send(&urls, &bodies).await });
    for kill_at in [1_500, 3_000] {
        wait::until("the run to be under way", Duration::from_secs(60), || async {
            let accepted = balance(&installation).ok()?["accepted"].as_u64()?;
            (accepted >= kill_at).then_some(())
        })
        .await
        .unwrap();
        door.program.kill().await.unwrap();
        door = installation.serve(door.addresses.clone()).await.unwrap();
    }
    let sent = sending.await.unwrap().unwrap();
    assert_eq!(sent.accepted, 6_000);
    each_order_was_paid_once(&installation, &burst, Ingresses::Killed).await.unwrap();
    assert!(door.program.terminate().await.unwrap().success());
}
