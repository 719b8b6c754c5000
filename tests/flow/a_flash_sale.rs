//! A flash sale: orders are written while their payments burst in, a fifth of which come again.

use std::fs;
use std::sync::Arc;

use harness::driver::{Burst, payments, send};
use harness::installation::{Addresses, Installation};

use crate::outcome::{Ingresses, each_order_was_paid_once};

/// The first half is there when the sale begins, the second comes as a shop's export while it runs.
async fn sells(at: Installation, urls: Vec<String>, burst: &Burst) -> Installation {
    let at = Arc::new(at);
    let (early, late) = burst.orders.split_at(burst.orders.len() / 2);
    at.import(early.iter().cloned()).unwrap();
    let bodies = burst.bodies.clone();
    let sending = tokio::spawn(async move { send(&urls, &bodies).await });
    let mut export = "order_no,amount,currency\r\n".to_owned();
    for (number, amount) in late {
        export += &format!("{number},{amount},CNY\r\n");
    }
    let file = at.path("sale.csv");
    fs::write(&file, export).unwrap();
    let importing = Arc::clone(&at);
    let imported = tokio::task::spawn_blocking(move || {
        importing.answer(&["orders", "import", &file.display().to_string()])
    });
    let imported = imported.await.unwrap().unwrap();
    assert!(imported.contains(&format!("inserted {}, updated 0", late.len())), "{imported}");
    let sent = sending.await.unwrap().unwrap();
    assert_eq!((sent.accepted, sent.repeated), (burst.bodies.len(), 0));
    Arc::into_inner(at).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_orders_are_each_paid_once() {
    let at = Installation::on_servers().await.unwrap();
    let burst = payments(&at.signer, 12_500, 20, 71).unwrap();
    let mut doors = [at.ingress().await.unwrap(), at.ingress().await.unwrap()];
    let _workers = [at.worker(&[]).await.unwrap(), at.worker(&[]).await.unwrap()];
    let at = sells(at, doors.each_ref().map(|door| door.url.clone()).to_vec(), &burst).await;
    for door in &mut doors {
        assert!(door.program.terminate().await.unwrap().success());
    }
    each_order_was_paid_once(&at, &burst, Ingresses::Stopped).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_orders_are_each_paid_once_embedded() {
    let at = Installation::embedded().unwrap();
    let burst = payments(&at.signer, 12_500, 20, 72).unwrap();
    let door = at.serve(Addresses::free().unwrap()).await.unwrap();
    let at = sells(at, vec![door.url.clone()], &burst).await;
    each_order_was_paid_once(&at, &burst, Ingresses::Stopped).await.unwrap();
}
