//! On RabbitMQ and PostgreSQL, two of each process.

use std::time::Duration;

use harness::driver::{payments, send};
use harness::installation::Installation;
use harness::{postgres, wait};

#[tokio::test(flavor = "multi_thread")]
async fn each_order_is_paid_once_whatever_repeats() {
    let installation = Installation::on_servers().await.unwrap();
    let database = installation.database.as_ref().unwrap().url.clone();
    let burst = payments(&installation.signer, 2_000, 30, 1).unwrap();
    let values: Vec<String> = burst.orders.iter().map(|(n, a)| format!("('{n}',{a},'CNY')")).collect();
    postgres::sql(&database, &format!("insert into quittance.orders (order_no, amount, currency) values {}", values.join(","))).await.unwrap();
    let doors = [installation.ingress().await.unwrap(), installation.ingress().await.unwrap()];
    let workers = [installation.worker(&[]).await.unwrap(), installation.worker(&[]).await.unwrap()];
    let urls: Vec<String> = doors.iter().map(|door| door.url.clone()).collect();
    let begun = std::time::Instant::now();
    let sent = send(&urls, &burst.bodies).await.unwrap();
    eprintln!("sent {sent:?} in {:?}", begun.elapsed());
    let q = "select status, count(*), sum(paid_amount - amount) from quittance.orders group by 1";
    let r = wait::until("paid", Duration::from_secs(60), || async {
        let t = postgres::sql(&database, q).await.unwrap();
        (!t.contains("pending")).then_some(t)
    }).await;
    eprintln!("{:?} {:?}", begun.elapsed(), r);
    for door in doors { let mut d = door; eprintln!("{}", d.program.terminate().await.unwrap()); eprintln!("{}", d.program.stderr().lines().rev().take(5).collect::<Vec<_>>().join("\n")); }
    let r = wait::until("events", Duration::from_secs(20), || async {
        let t = postgres::sql(&database, "select count(*) from quittance.events where position is null").await.unwrap();
        (t.trim() == "0").then_some(t)
    }).await;
    eprintln!("{:?} {r:?}", begun.elapsed());
    for q in ["select bucket, count(*) from quittance.receipts group by 1", "select * from quittance.statements", "select type, count(*), max(sequence), max(position) from quittance.events group by 1", "select * from quittance.lanes", "select count(*) from quittance.fulfilments"] {
        eprintln!("{}", postgres::sql(&database, q).await.unwrap());
    }
    for mut w in workers { eprintln!("{}", w.stderr().lines().rev().take(10).collect::<Vec<_>>().join("\n")); w.terminate().await.unwrap(); }
    r.unwrap();
}
