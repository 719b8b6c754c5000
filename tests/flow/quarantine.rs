//! Notifications that came before their key: kept, proven once the key is there, and settled.

use std::fs;
use std::time::Duration;

use harness::alipay::Signer;
use harness::driver::{Burst, payments, post};
use harness::installation::{Addresses, Door, Installation};
use harness::wait;
use serde_json::Value;

use crate::outcome::{Ingresses, each_order_was_paid_once};

const PATIENCE: Duration = Duration::from_secs(60);
const COUNT: usize = 12;

/// An installation whose account keeps what fails, and genuine notifications by a key that it lacks.
fn keeping(installation: &Installation) -> (Signer, Burst) {
    let made = installation.answer(&["keys", "init", "--for", "quarantine"]);
    made.unwrap();
    let text = fs::read_to_string(installation.config()).unwrap();
    let text =
        format!("{text}quarantine = true\n[quarantine]\nkey_file = \"keys/quarantine.key\"\n");
    fs::write(installation.config(), text).unwrap();
    let next = Signer::generate().unwrap();
    let burst = payments(&next, COUNT, 0, 61).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    (next, burst)
}

async fn refuses(door: &Door, burst: &Burst) {
    let client = reqwest::Client::new();
    for body in &burst.bodies {
        let answer = post(&client, &door.url, body).await.unwrap();
        assert_eq!(answer, (401, "fail".to_owned()));
    }
}

fn kept(installation: &Installation) -> Vec<Value> {
    let lines = installation.answer(&["quarantine", "list", "-o", "jsonl"]).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn keeps(installation: &Installation, count: usize) {
    let all = || async { (kept(installation).len() == count).then_some(()) };
    wait::until(&format!("{count} kept"), PATIENCE, all).await.unwrap();
}

fn trust(installation: &Installation, signer: &Signer) {
    fs::write(installation.path("alipay.pub"), signer.public_key().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_its_key_is_settled_once_the_key_is_there() {
    let installation = Installation::on_servers().await.unwrap();
    let (next, burst) = keeping(&installation);
    let mut door = installation.ingress().await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    refuses(&door, &burst).await;
    keeps(&installation, COUNT).await;

    trust(&installation, &next);
    keeps(&installation, 0).await;
    assert!(door.program.terminate().await.unwrap().success());
    each_order_was_paid_once(&installation, &burst, Ingresses::Stopped).await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_its_key_is_settled_once_the_key_is_there_embedded() {
    let installation = Installation::embedded().unwrap();
    let (next, burst) = keeping(&installation);
    let mut door = installation.serve(Addresses::free().unwrap()).await.unwrap();
    refuses(&door, &burst).await;
    keeps(&installation, COUNT).await;

    trust(&installation, &next);
    keeps(&installation, 0).await;
    each_order_was_paid_once(&installation, &burst, Ingresses::Stopped).await.unwrap();
    assert!(door.program.terminate().await.unwrap().success());
}

/// The ingress is down while a person judges again, and what is enqueued twice settles once.
#[tokio::test(flavor = "multi_thread")]
async fn a_recheck_by_command_enqueues_and_a_second_one_of_the_same_is_harmless() {
    let installation = Installation::on_servers().await.unwrap();
    let (next, burst) = keeping(&installation);
    let mut door = installation.ingress().await.unwrap();
    refuses(&door, &burst).await;
    keeps(&installation, COUNT).await;
    assert!(door.program.terminate().await.unwrap().success());

    trust(&installation, &next);
    let copy = installation.path("copy");
    let folder = installation.path("quittance-quarantine/shop-alipay");
    copy_files(&folder, &copy);
    let recheck = || installation.answer(&["quarantine", "recheck", "-o", "jsonl"]).unwrap();
    let outcomes = recheck();
    assert_eq!(outcomes.matches("\"outcome\":\"enqueued\"").count(), COUNT, "{outcomes}");
    assert_eq!(kept(&installation).len(), 0);
    // As after a crash between the broker's confirm and the file's removal.
    copy_files(&copy, &folder);
    assert_eq!(recheck().matches("\"outcome\":\"enqueued\"").count(), COUNT);

    let mut worker = installation.worker(&[]).await.unwrap();
    let bodies = [&burst.bodies[..], &burst.bodies[..]].concat();
    let burst = Burst { bodies, orders: burst.orders };
    each_order_was_paid_once(&installation, &burst, Ingresses::Stopped).await.unwrap();
    assert!(worker.terminate().await.unwrap().success());
}

fn copy_files(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
