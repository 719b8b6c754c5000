//! Keys that change while notifications come: no request is dropped, and what is wrong changes nothing.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use harness::alipay::{APP_ID, Signer, Trade};
use harness::driver::{Burst, payments, post, send};
use harness::installation::{ACCOUNT, Addresses, Door, Installation};
use harness::program::Program;
use harness::wait;

use crate::outcome::balance;

/// Some looks at the files, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An account whose configuration the test writes anew.
struct Rotation {
    installation: Installation,
    door: Door,
    worker: Option<Program>,
    /// The configuration without its keys.
    text: String,
    client: reqwest::Client,
    number: u32,
}

impl Rotation {
    fn new(installation: Installation, door: Door, worker: Option<Program>) -> Self {
        let text = fs::read_to_string(installation.config()).unwrap();
        let client = reqwest::Client::new();
        Self { installation, door, worker, text, client, number: 0 }
    }

    fn write(&self, name: &str, text: &str) {
        // As an editor does it: a new file under the old name.
        let unfinished = self.installation.path("unfinished");
        fs::write(&unfinished, text).unwrap();
        fs::rename(&unfinished, self.installation.path(name)).unwrap();
    }

    /// The account trusts these files.
    fn trusts(&self, files: &str) {
        self.write("quittance.toml", &self.text.replace("\"alipay.pub\"", files));
    }

    /// How the door answers a fresh notification by this signer.
    async fn asks(&mut self, signer: &Signer) -> u16 {
        self.number += 1;
        let number = format!("R-{}", self.number);
        let trade = Trade {
            order_number: &number,
            transaction: &number,
            notify_id: &number,
            status: "WAIT_BUYER_PAY",
            amount: 10,
            refunded: None,
        };
        post(&self.client, &self.door.url, &signer.body(&trade).unwrap()).await.unwrap().0
    }

    /// Waits until the door answers this signer so.
    async fn comes_to_answer(&mut self, signer: &Signer, status: u16) {
        let what = format!("the answer {status}");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.asks(signer).await != status {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{what}: {}",
                self.door.program.stderr()
            );
            wait::a_moment().await;
        }
    }

    /// Waits until the door's process has counted so many reloads that ended so.
    async fn counts(&self, outcome: &str, count: u64) {
        let url = format!("{}/metrics", self.door.admin_url);
        let wanted = format!("quittance_reloads_total{{outcome=\"{outcome}\"}} {count}");
        wait::until(&wanted, PATIENCE, || async {
            let text = self.client.get(&url).send().await.ok()?.text().await.ok()?;
            text.lines().any(|line| line == wanted).then_some(())
        })
        .await
        .unwrap();
    }

    fn says(&self, words: &str) -> bool {
        self.door.program.stderr().contains(words)
    }
}

/// From one key to the next under load, by whatever makes the programs read again.
async fn rotates(mut rotation: Rotation, burst: Burst, nudge: impl Fn(&Rotation)) {
    let (urls, bodies) = ([rotation.door.url.clone()], burst.bodies.clone());
    let sending = tokio::spawn(async move { send(&urls, &bodies).await });
    let next = Signer::generate().unwrap();
    assert_eq!(rotation.asks(&next).await, 401, "nobody trusts the next key yet");

    rotation.write("next.pub", &next.public_key().unwrap());
    rotation.trusts("\"alipay.pub\", \"next.pub\"");
    nudge(&rotation);
    rotation.comes_to_answer(&next, 200).await;
    let sent = sending.await.unwrap().unwrap();
    assert_eq!((sent.accepted, sent.repeated), (burst.bodies.len(), 0), "not one was dropped");

    // A file that is wrong leaves both keys as they are.
    rotation.trusts("\"alipay.pub\", \"nowhere.pub\"");
    nudge(&rotation);
    rotation.counts("refused", 1).await;
    assert!(rotation.says("nowhere.pub") && rotation.says("the keys stay as they were"));
    rotation.write("quittance.toml", "not a configuration");
    nudge(&rotation);
    rotation.counts("refused", 2).await;
    let first = rotation.installation.signer.body(&Trade {
        order_number: "R-last",
        transaction: "R-last",
        notify_id: "R-last",
        status: "WAIT_BUYER_PAY",
        amount: 10,
        refunded: None,
    });
    let first = first.unwrap();
    assert_eq!(post(&rotation.client, &rotation.door.url, &first).await.unwrap().0, 200);
    assert_eq!(rotation.asks(&next).await, 200);

    rotation.trusts("\"next.pub\"");
    nudge(&rotation);
    let by_the_first = || async {
        let answer = post(&rotation.client, &rotation.door.url, &first).await.ok()?;
        (answer.0 == 401).then_some(())
    };
    wait::until("the first key to be refused", PATIENCE, by_the_first).await.unwrap();
    assert_eq!(rotation.asks(&next).await, 200);
    let readyz = format!("{}/readyz", rotation.door.admin_url);
    assert_eq!(rotation.client.get(readyz).send().await.unwrap().status(), 200);

    assert!(rotation.door.program.terminate().await.unwrap().success());
    if let Some(mut worker) = rotation.worker.take() {
        assert!(worker.terminate().await.unwrap().success());
    }
}

fn hang_up(rotation: &Rotation) {
    rotation.door.program.signal("HUP").unwrap();
    if let Some(worker) = &rotation.worker {
        worker.signal("HUP").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_under_load_by_files_alone() {
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 3_000, 10, 51).unwrap();
    let door = installation.ingress().await.unwrap();
    let worker = installation.worker(&[]).await.unwrap();
    let rotation = Rotation::new(installation, door, Some(worker));
    rotates(rotation, burst, |_| ()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_under_load_by_a_signal_embedded() {
    let installation = Installation::embedded().unwrap();
    let burst = payments(&installation.signer, 3_000, 10, 52).unwrap();
    let door = installation.serve(Addresses::free().unwrap()).await.unwrap();
    let rotation = Rotation::new(installation, door, None);
    rotates(rotation, burst, hang_up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_heeded_and_other_sections_are_told_to_need_a_restart() {
    let installation = Installation::on_servers().await.unwrap();
    let door = installation.ingress().await.unwrap();
    let worker = installation.worker(&[]).await.unwrap();
    let rotation = Rotation::new(installation, door, Some(worker));
    hang_up(&rotation);
    rotation.counts("unchanged", 1).await;
    assert!(rotation.says("SIGHUP"));

    rotation.write("quittance.toml", &format!("{}[worker]\nlanes = 7\n", rotation.text));
    hang_up(&rotation);
    for program in [&rotation.door.program, rotation.worker.as_ref().unwrap()] {
        let told = || async { program.stderr().contains("needs a restart").then_some(()) };
        wait::until("the restart to be asked for", PATIENCE, told).await.unwrap();
        assert!(program.stderr().contains("worker.lanes"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_added_is_proven_read_and_settled_without_a_restart() {
    let installation = Installation::on_servers().await.unwrap();
    let door = installation.ingress().await.unwrap();
    let worker = installation.worker(&[]).await.unwrap();
    let rotation = Rotation::new(installation, door, Some(worker));
    let outlet = format!(
        "{}[accounts.outlet]\nprovider = \"alipay\"\napp_id = \"{APP_ID}\"\npublic_keys = [\"alipay.pub\"]\n",
        rotation.text
    );
    rotation.write("quittance.toml", &outlet);
    let body: Arc<str> =
        payments(&rotation.installation.signer, 1, 0, 53).unwrap().bodies[0].clone();
    let url = rotation.door.url.replace(ACCOUNT, "outlet");
    let sent = send(&[url], &[body]).await.unwrap();
    assert_eq!(sent.accepted, 1);
    // Were the worker the slower one, the message would wait for its next try and settle then.
    let recorded = || async {
        let balance = balance(&rotation.installation).ok()?;
        let row = "select outcome from quittance.notifications where account = 'outlet'";
        let database = &rotation.installation.database.as_ref()?.url;
        let outcome = harness::postgres::sql(database, row).await.ok()?;
        (balance["dead"] == 0 && outcome.trim() == "waiting").then_some(())
    };
    wait::until("the outlet's payment to wait for its order", PATIENCE, recorded).await.unwrap();
}
