//! What fails verification is kept within limits, never enqueued before it verifies, and then at once.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::alipay::{APP_ID, SELLER_ID, Signer, Trade};
use harness::{driver, wait};
use ingress::certificates::Certificates;
use ingress::config::door;
use ingress::enqueue::Enqueue;
use ingress::quarantine::folder::{Entry, Folder};
use ingress::quarantine::recheck::recheck;
use ingress::quarantine::{self, Parts};
use ingress::routes::router;
use shared::broker::PublishError;
use shared::config::{Config, load};
use shared::listen::{Capacity, listen};
use shared::message::seal::SealKeys;
use shared::provider::Accounts;
use shared::secret::cipher::Cipher;
use shared::telemetry::metrics_text;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::door::Collector;

const PATIENCE: Duration = Duration::from_secs(20);

/// A door that keeps what other keys might prove, over a folder of its own.
struct Keeping {
    account: &'static str,
    folder: TempDir,
    config: Config,
    url: String,
    collector: Collector,
    accounts: watch::Sender<Arc<Accounts>>,
    enqueue: Arc<Enqueue<Collector>>,
    client: reqwest::Client,
    /// Whose key the account trusts.
    trusted: Signer,
    stop: CancellationToken,
}

fn configuration(folder: &TempDir, account: &str, limits: &str) -> Config {
    let text = format!(
        "[quarantine]\nfolder = \"kept\"\nkey_file = \"key\"\n{limits}\n\
         [accounts.{account}]\nprovider = \"alipay\"\napp_id = \"{APP_ID}\"\nquarantine = true\n\
         seller_id = \"{SELLER_ID}\"\npublic_keys = [\"trusted\"]\n\
         [accounts.plain-{account}]\nprovider = \"alipay\"\napp_id = \"{APP_ID}\"\n\
         public_keys = [\"trusted\"]\n"
    );
    load::parse(&text, std::iter::empty(), folder.path().to_owned()).unwrap()
}

fn trade(notify_id: &str) -> Trade<'_> {
    Trade {
        order_number: "A-1",
        transaction: "2026112322001400001111111111",
        notify_id,
        status: "TRADE_SUCCESS",
        amount: 10,
        refunded: None,
    }
}

impl Keeping {
    async fn open(account: &'static str, limits: &str) -> Self {
        Self::before(account, limits, Collector::default()).await
    }

    async fn before(account: &'static str, limits: &str, collector: Collector) -> Self {
        metrics_text();
        let folder = tempfile::tempdir().unwrap();
        let trusted = Signer::generate().unwrap();
        fs::write(folder.path().join("trusted"), trusted.public_key().unwrap()).unwrap();
        fs::write(folder.path().join("key"), Cipher::generate()).unwrap();
        let config = configuration(&folder, account, limits);
        let (accounts, accounts_now) = watch::channel(Arc::new(config.accounts().unwrap()));
        let choices = watch::channel(Arc::new(config.choices())).1;
        let Parts { quarantine, writer, tender } =
            quarantine::open(&config, choices).unwrap().unwrap();
        let enqueue = Enqueue::new(collector.clone(), SealKeys::generate(), 1);
        let stop = CancellationToken::new();
        tokio::spawn(writer.run(stop.clone()));
        tokio::spawn(tender.run(accounts_now.clone(), Arc::clone(&enqueue), stop.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap());
        let door = door(&config, accounts_now, Arc::clone(&enqueue), Some(quarantine));
        let listener = (listener, Capacity::default());
        tokio::spawn(listen(router(door), listener, stop.clone(), Duration::ZERO));
        let client = reqwest::Client::new();
        Self { account, folder, config, url, collector, accounts, enqueue, client, trusted, stop }
    }

    async fn post_to(&self, account: &str, body: &str) -> u16 {
        let url = format!("{}/{account}", self.url);
        driver::post(&self.client, &url, body).await.unwrap().0
    }

    async fn refuses(&self, body: &str) {
        assert_eq!(self.post_to(self.account, body).await, 401);
    }

    fn kept(&self) -> Folder {
        let cipher = self.config.quarantine_cipher().unwrap().unwrap();
        Folder::existing(self.config.resolve(&self.config.quarantine.folder), cipher)
    }

    fn entries(&self) -> Vec<Entry> {
        self.kept().entries().unwrap()
    }

    /// Waits until so many are kept.
    async fn keeps(&self, count: usize) -> Vec<Entry> {
        let all = || async { Some(self.entries()).filter(|entries| entries.len() == count) };
        wait::until(&format!("{count} kept requests"), PATIENCE, all).await.unwrap()
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        self.folder.path().join(format!("kept/{}/{}.request", entry.account, entry.id))
    }

    /// The account trusts this key beside the one that it had.
    fn trust(&self, signer: &Signer) {
        fs::write(self.folder.path().join("trusted"), signer.public_key().unwrap()).unwrap();
        self.accounts.send_replace(Arc::new(self.config.accounts().unwrap()));
    }

    fn enqueued(&self) -> usize {
        self.collector.parcels.lock().unwrap().len()
    }

    /// Waits until this became of so many: a file is there before it is counted.
    async fn counts(&self, outcome: &str, count: u64) {
        let counted = || async { (self.counted(outcome) == count).then_some(()) };
        wait::until(&format!("{count} {outcome}"), PATIENCE, counted).await.unwrap();
    }

    /// How often this became of a request to the account.
    fn counted(&self, outcome: &str) -> u64 {
        let labels = [format!("account=\"{}\"", self.account), format!("outcome=\"{outcome}\"")];
        let (text, name) = (metrics_text(), "quittance_quarantine_total{");
        let has = |line: &&str| labels.iter().all(|label| line.contains(label));
        let line = text.lines().filter(|line| line.starts_with(name)).find(has);
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_other_keys_could_prove_is_kept_and_only_where_it_is_asked_for() {
    let keeping = Keeping::open("choosy", "").await;
    let stranger = Signer::generate().unwrap();
    let forged = stranger.body(&trade("n-1")).unwrap();
    keeping.refuses(&forged).await;
    // Genuine, for another app.
    let foreign: Vec<(&str, &[u8])> =
        vec![("notify_id", b"n"), ("notify_type", b"trade_status_sync"), ("app_id", b"7")];
    keeping.refuses(&keeping.trusted.sign(foreign).unwrap()).await;
    let entries = keeping.keeps(2).await;
    let told: Vec<_> = entries.iter().map(|entry| keeping.kept().about(entry).unwrap()).collect();
    let reasons: Vec<_> = told.iter().map(|about| about.reason.as_str()).collect();
    assert_eq!(reasons, ["forged", "not_ours"]);
    assert_eq!((told[0].account.as_str(), told[0].bytes), ("choosy", forged.len() as u64));

    // Never these: no key mends them.
    keeping.refuses("app_id=1").await;
    let returned = keeping.trusted.sign(vec![("app_id", APP_ID.as_bytes())]).unwrap();
    keeping.refuses(&returned).await;
    assert_eq!(keeping.post_to("choosy", "%").await, 400);
    assert_eq!(keeping.post_to("plain-choosy", &forged).await, 401);
    assert_eq!(keeping.post_to("nobody", &forged).await, 404);
    keeping.refuses(&forged).await;
    let kept = keeping.keeps(3).await;
    assert!(kept.iter().all(|entry| entry.account == "choosy"));
    assert_eq!(keeping.enqueued(), 0, "nothing is enqueued before it verifies");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_forgeries_keeps_its_share_and_is_answered_all_the_same() {
    let keeping = Keeping::open("flooded", "per_minute_max = 5").await;
    let forged = Signer::generate().unwrap().body(&trade("n-1")).unwrap();
    for _ in 0..40 {
        keeping.refuses(&forged).await;
    }
    // The minute may have changed once on the way.
    let both = || keeping.counted("kept") + keeping.counted("limited");
    let all = || async { (both() == 40).then_some(()) };
    wait::until("all forty to be counted", PATIENCE, all).await.unwrap();
    assert!(keeping.counted("kept") <= 10, "{}", keeping.counted("kept"));
    assert!(keeping.entries().len() <= 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_folder_takes_no_more_and_drops_nothing() {
    let keeping = Keeping::open("full", "requests_max = 2").await;
    let stranger = Signer::generate().unwrap();
    for id in ["n-1", "n-2", "n-3", "n-4"] {
        keeping.refuses(&stranger.body(&trade(id)).unwrap()).await;
    }
    let kept = keeping.keeps(2).await;
    keeping.counts("kept", 2).await;
    keeping.counts("full", 2).await;
    let bodies = kept.iter().map(|entry| keeping.kept().request(entry).unwrap().1.body);
    let ids = ["n-1", "n-2"];
    assert!(
        bodies.zip(ids).all(|(body, id)| {
            String::from_utf8_lossy(&body).contains(&format!("notify_id={id}"))
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_limited_too() {
    let keeping = Keeping::open("heavy", "bytes_max = \"512B\"").await;
    let stranger = Signer::generate().unwrap();
    for id in ["n-1", "n-2", "n-3"] {
        keeping.refuses(&stranger.body(&trade(id)).unwrap()).await;
    }
    keeping.counts("full", 3).await;
    keeping.keeps(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_arrives_proves_what_was_kept_as_of_its_time() {
    let keeping = Keeping::open("mended", "").await;
    let (next, stranger) = (Signer::generate().unwrap(), Signer::generate().unwrap());
    keeping.refuses(&next.body(&trade("n-1")).unwrap()).await;
    keeping.refuses(&stranger.body(&trade("n-2")).unwrap()).await;
    let kept = keeping.keeps(2).await;
    let received_at = keeping.kept().about(&kept[0]).unwrap().received_at;

    keeping.trust(&next);
    let left = keeping.keeps(1).await;
    assert_eq!(left[0], kept[1], "the forgery stays");
    let parcels = keeping.collector.parcels.lock().unwrap().clone();
    assert_eq!(parcels.len(), 1);
    assert!(String::from_utf8_lossy(&parcels[0].body).contains("notify_id=n-1"));
    assert_eq!(shared::message::claimed_received_at(&parcels[0]), Some(received_at));
    // It is counted after its file is gone.
    keeping.counts("enqueued", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_does_not_hold_stays() {
    let refusal = Collector { refusal: Some(PublishError::Blocked), ..Collector::default() };
    let keeping = Keeping::before("blocked", "", refusal).await;
    let next = Signer::generate().unwrap();
    keeping.refuses(&next.body(&trade("n-1")).unwrap()).await;
    let entries = keeping.keeps(1).await;
    fs::write(keeping.folder.path().join("trusted"), next.public_key().unwrap()).unwrap();
    let accounts = keeping.config.accounts().unwrap();
    let (folder, certificates) = (Arc::new(keeping.kept()), Certificates::default());
    let judges = (&accounts, &certificates);
    let finding = recheck(&folder, &entries[0], judges, &keeping.enqueue).await;
    assert_eq!(finding.as_str(), "unpublished");
    assert_eq!(keeping.entries(), entries);

    // The same behind a broker that takes it: once it is held, it goes.
    let parcels = Arc::new(Mutex::new(vec![]));
    let collector = Collector { parcels: Arc::clone(&parcels), ..Collector::default() };
    let enqueue = Enqueue::new(collector, SealKeys::generate(), 1);
    let finding = recheck(&folder, &entries[0], judges, &enqueue).await;
    assert_eq!((finding.as_str(), parcels.lock().unwrap().len()), ("enqueued", 1));
    assert_eq!(keeping.entries(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_file_and_one_of_another_key_are_never_enqueued_and_stay() {
    let keeping = Keeping::open("tampered", "").await;
    let next = Signer::generate().unwrap();
    for id in ["n-1", "n-2", "n-3"] {
        keeping.refuses(&next.body(&trade(id)).unwrap()).await;
    }
    let entries = keeping.keeps(3).await;
    let path = keeping.path(&entries[0]);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    // A file under the name of another: the older request's bytes where the newer one's stood.
    fs::copy(keeping.path(&entries[1]), keeping.path(&entries[2])).unwrap();

    keeping.trust(&next);
    let left = keeping.keeps(2).await;
    assert_eq!((left[0].id, left[1].id), (entries[0].id, entries[2].id));
    assert_eq!(keeping.enqueued(), 1);

    fs::write(keeping.folder.path().join("key"), Cipher::generate()).unwrap();
    assert!(keeping.entries().iter().all(|entry| keeping.kept().about(entry).is_err()));
}
