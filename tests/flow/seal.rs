//! Seal keys that change under load: in the right order nobody notices, in the wrong one nothing is lost.

use std::fs;
use std::time::Duration;

use harness::driver::{Burst, payments, send};
use harness::installation::{Door, Installation};
use harness::program::Program;
use harness::{postgres, wait};
use serde_json::Value;
use shared::message::seal::SealKeys;

use crate::outcome::{Ingresses, balance, each_order_was_paid_once};

const PATIENCE: Duration = Duration::from_secs(90);

/// A ring with these lines, for whoever starts from now on.
fn write(installation: &Installation, lines: &[&str]) {
    fs::write(installation.path("seal_keys"), lines.concat()).unwrap();
}

fn line() -> String {
    SealKeys::generate().to_text()
}

/// Another worker and then another door take the places of these, while notifications come.
async fn replaced(
    installation: &Installation,
    (mut door, mut worker): (Door, Program),
    burst: &Burst,
    part: std::ops::Range<usize>,
) -> (Door, Program) {
    let bodies = burst.bodies[part].to_vec();
    let (first, second) = bodies.split_at(bodies.len() / 2);
    send(std::slice::from_ref(&door.url), first).await.unwrap();
    let next_worker = installation.worker(&[]).await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
    let next_door = installation.ingress().await.unwrap();
    let (urls, second) = ([door.url.clone(), next_door.url.clone()], second.to_vec());
    let sending = tokio::spawn(async move { send(&urls, &second).await });
    assert!(door.program.terminate().await.unwrap().success());
    sending.await.unwrap().unwrap();
    (next_door, next_worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_key_rotates_in_its_order_without_a_dead_letter() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 800, 10, 61).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let (old, new) = (line(), line());
    write(&installation, &[&old]);
    let mut places =
        (installation.ingress().await.unwrap(), installation.worker(&[]).await.unwrap());
    let step = burst.bodies.len() / 4;
    send(std::slice::from_ref(&places.0.url), &burst.bodies[..step]).await.unwrap();
    for (index, ring) in [vec![&*old, &*new], vec![&*new, &*old], vec![&*new]].iter().enumerate() {
        if ring.len() == 1 {
            // Nothing older is left in a queue.
            let rests = || async { (balance(&installation).ok()?["in_flight"] == 0).then_some(()) };
            wait::until("the balance at rest", PATIENCE, rests).await.unwrap();
        }
        write(&installation, ring);
        let from = step * (index + 1);
        let to = if index == 2 { burst.bodies.len() } else { from + step };
        places = replaced(&installation, places, &burst, from..to).await;
    }
    let (mut door, mut worker) = places;
    assert!(door.program.terminate().await.unwrap().success());
    // Whoever met a door on its way out has sent again.
    each_order_was_paid_once(&installation, &burst, Ingresses::Killed).await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_key_that_goes_too_early_buries_by_its_name_and_a_replay_settles_all() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 50, 0, 62).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let (old, new) = (line(), line());
    write(&installation, &[&old]);
    let mut door = installation.ingress().await.unwrap();
    send(std::slice::from_ref(&door.url), &burst.bodies).await.unwrap();
    assert!(door.program.terminate().await.unwrap().success());

    write(&installation, &[&new]);
    let mut worker = installation.worker(&[]).await.unwrap();
    let database = &installation.database.as_ref().unwrap().url;
    let buried = "select count(*) from quittance.dead_letters d join quittance.failure_groups g \
         on g.id = d.group_id where g.stage = 'seal' and g.code = 'unknown_key' and d.provider = 'alipay'";
    wait::until("all to be buried", PATIENCE, || async {
        (postgres::sql(database, buried).await.ok()?.trim() == "50").then_some(())
    })
    .await
    .unwrap();
    assert!(worker.terminate().await.unwrap().success());

    // The old line back, behind the new one.
    write(&installation, &[&new, &old]);
    let mut worker = installation.worker(&[]).await.unwrap();
    let plan = installation
        .answer(&["replay", "plan", "-q", "code:unknown_key provider:alipay", "-o", "json"])
        .unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!((&plan["count"], &plan["forecast"]["settled"]), (&50.into(), &50.into()), "{plan}");
    let id = plan["plan"].as_str().unwrap();
    let start = ["replay", "start", "--plan", id, "--reason", "the old line is back", "--watch"];
    installation.answer(&start).unwrap();
    let paid = "select count(*) from quittance.orders where status = 'paid'";
    assert_eq!(postgres::sql(database, paid).await.unwrap().trim(), "50");
    let balance = balance(&installation).unwrap();
    let of = |bucket: &str| balance[bucket].as_u64().unwrap();
    assert_eq!((of("settled"), of("unaccounted")), (50, 0), "{balance}");
    assert!(worker.terminate().await.unwrap().success());
}
