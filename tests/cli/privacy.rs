//! `privacy erase` as a person drives it, on both engine pairs: asked about, done, noted, and kept up against
//! what comes later.

use std::fs;
use std::time::Duration;

use harness::installation::{Addresses, Door, Installation};
use harness::program::Program;
use harness::{postgres, sqlite, wait};
use serde_json::{Value, json};
use shared::provider::Provider;
use shared::secret::envelope::BodyKeys;

use crate::providers::{account, add_account};
use crate::ran::{Ran, run, run_fed};
use crate::shop::simulation;

const PATIENCE: Duration = Duration::from_secs(60);
/// A value that every simulated payment has, and that tells who paid.
const MASK: &str = "•••";

/// A shop that is open, on either pair.
struct Open {
    at: Installation,
    door: Door,
    worker: Option<Program>,
}

impl Open {
    async fn embedded() -> Self {
        let at = Installation::embedded().unwrap();
        let door = at.serve(Addresses::free().unwrap()).await.unwrap();
        Self { at, door, worker: None }
    }

    async fn on_servers() -> Self {
        let at = Installation::on_servers().await.unwrap();
        let door = at.ingress().await.unwrap();
        let worker = Some(at.worker(&[]).await.unwrap());
        Self { at, door, worker }
    }

    async fn close(mut self) {
        if let Some(worker) = &mut self.worker {
            assert!(worker.terminate().await.unwrap().success());
        }
        assert!(self.door.program.terminate().await.unwrap().success());
    }

    fn run(&self, line: &str) -> Ran {
        run(&self.at, line)
    }

    fn json(&self, line: &str) -> Value {
        self.run(&format!("{line} -o json")).ends_with(0).json()
    }

    fn simulate(&self, scenario: &str, order: &str, more: &str) {
        let line = simulation(&self.at, scenario, order, &self.door.url);
        self.run(&format!("{line} {more}")).ends_with(0);
    }

    /// The ids of all messages once so many are recorded, the oldest first.
    async fn heard(&self, count: usize) -> Vec<String> {
        let ids = wait::until("the notifications", PATIENCE, || async {
            let listed = self.json("notifications list");
            let listed = listed.as_array().unwrap().iter().rev();
            let ids: Vec<_> =
                listed.map(|one| one["message_id"].as_str().unwrap().to_owned()).collect();
            (ids.len() == count).then_some(ids)
        });
        ids.await.unwrap()
    }

    /// What another program reads in the ledger.
    async fn sql(&self, statement: &str) -> String {
        let answer = match &self.at.database {
            Some(database) => {
                let statement = format!("set search_path to quittance; {statement}");
                postgres::sql(&database.url, &statement).await
            }
            None => sqlite::sql(&self.at.path("data/quittance.db"), statement).await,
        };
        answer.unwrap()
    }

    /// What there is of each body.
    fn bodies(&self, messages: &[String]) -> Vec<Value> {
        let body = |id: &String| self.json(&format!("notifications show {id}"))["body"].clone();
        messages.iter().map(body).collect()
    }
}

#[test]
fn what_to_erase_is_named_once_and_with_a_reason() {
    let at = Installation::embedded().unwrap();
    for line in [
        "privacy erase",
        "privacy erase --reason asked",
        "privacy erase --order A-1",
        "privacy erase --subscription S-1",
        "privacy erase --order A-1 --subscription S-1 --reason asked",
    ] {
        run(&at, line).ends_with(2).complains_of(&["--help"]);
    }
    assert!(!at.path("data").exists(), "wrong usage made a ledger");
    for (line, what) in [("--order A-1", "an order"), ("--subscription S-1", "a subscription")] {
        let line = format!("privacy erase {line} --reason asked");
        run(&at, &line).ends_with(5).complains_of(&[what]);
    }
}

async fn an_order_is_erased(open: &Open) {
    let line = r#"{"order_no":"A-1","amount":10,"currency":"CNY","numbers":["A-2"],"metadata":{"name":"Li Lei"}}"#;
    run_fed(&open.at, "orders import -", line.as_bytes()).ends_with(0);
    open.simulate("paid", "A-2", "");
    open.simulate("paid", "B-1", "");
    let heard = open.heard(2).await;
    let show = format!("notifications show {}", heard[0]);
    open.run(&show).ends_with(0).prints(&["body: kept", MASK, "A-2"]);
    let metadata = "select order_no from orders where metadata is not null";
    assert_eq!(open.sql(metadata).await, "A-1");
    open.run("privacy erase --order A-2 --dry-run").ends_with(0).prints(&[
        "would erase order/A-1",
        "bodies destroyed  1",
        "metadata removed  1",
    ]);
    assert_eq!(open.bodies(&heard), ["kept", "kept"], "it was only asked");

    let erased = open.json("privacy erase --order A-2 --reason request-4711");
    assert_eq!(
        erased,
        json!({
            "dry_run": false, "order": "A-1", "numbers": ["A-1", "A-2"], "agreements": 0,
            "transactions": 1, "destroyed": 1, "redacted": 0,
            "shared": { "notifications": [], "letters": [] }, "open_letters": [],
            "metadata": 1, "beside": [], "cases": 0, "notes": 0,
        })
    );
    open.run(&show).ends_with(0).prints(&["body: erased at "]);
    assert_eq!(open.json("orders show A-1")["status"], "paid");
    assert_eq!(open.sql(metadata).await, "");
    // The shop's own file is as good as before, and brings nothing back.
    let again = run_fed(&open.at, "orders import -", line.as_bytes());
    again.ends_with(0).prints(&["updated 0, unchanged 1, failed 0"]);
    assert_eq!(open.sql(metadata).await, "");
    let told = open.json("orders timeline A-2").to_string();
    assert!(told.contains("privacy.erase") && told.contains("request-4711"), "{told}");

    open.simulate("refund-full", "A-2", "");
    let heard = open.heard(3).await;
    assert_eq!(open.bodies(&heard), ["erased", "kept", "erased"]);
    assert_eq!(open.json("orders show A-1")["status"], "refunded");
    open.run(&format!("notifications show {} --reveal --reason curious", heard[2])).ends_with(1);
}

async fn a_subscription_is_erased(open: &Open) {
    let line = r#"{"subscription_no":"S-1","account":"shop-alipay","amount":10,"currency":"CNY","period":"P1M","metadata":{"name":"Li Lei"}}"#;
    run_fed(&open.at, "subscriptions import -", line.as_bytes()).ends_with(0);
    open.simulate("agreement-signed", "S-1", "");
    open.heard(1).await;
    open.simulate("agreement-charged", "C-1", "--agreement S-1");
    open.simulate("agreement-signed", "S-2", "");
    let heard = open.heard(3).await;
    let would = open.json("privacy erase --subscription S-1 --dry-run");
    assert_eq!(
        (&would["subscription"], &would["destroyed"]),
        (&json!("S-1"), &json!(2)),
        "{would}"
    );
    open.run("privacy erase --subscription S-1 --reason request-4711").ends_with(0).prints(&[
        "erased subscription/S-1",
        "agreements        1",
        "transactions      1",
        "metadata removed  1",
    ]);
    let left = open.bodies(&heard);
    assert_eq!(left.iter().filter(|body| *body == "kept").count(), 1, "the other's: {left:?}");
    assert_eq!(left[0], "erased");
    let one = open.json("subscriptions show S-1");
    assert_eq!(one["status"], "active", "{one}");
    let again = open.json("privacy erase --subscription S-1 --dry-run");
    assert_eq!((&again["destroyed"], &again["metadata"]), (&json!(0), &json!(0)), "{again}");

    open.simulate("agreement-charged", "C-2", "--agreement S-1 --charge 2");
    open.simulate("agreement-ended", "S-1", "");
    let later = open.heard(5).await;
    assert_eq!(open.bodies(&later[3..]), ["erased", "erased"]);
    let one = open.json("subscriptions show S-1");
    assert_eq!(one["charges"].as_array().map(Vec::len), Some(2), "the money stays: {one}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_body_that_the_ring_does_not_open_goes_whole_only_when_asked() {
    let at = Installation::embedded().unwrap();
    add_account(&at, Provider::WechatPay);
    let door = at.serve(Addresses::free().unwrap()).await.unwrap();
    let open = Open { at, door, worker: None };
    let (doors, _) = open.door.url.rsplit_once('/').unwrap();
    let account = account(Provider::WechatPay);
    // An order in two parts, told of in one request.
    let batch = format!("simulate wechat_pay batch --account {account} --order W-1");
    open.run(&format!("{batch} --url {doors}/{account}")).ends_with(0);
    let shared = open.heard(2).await;
    assert_eq!(shared[0], shared[1], "one request");
    fs::write(open.at.path("data/quittance.db.body_keys"), BodyKeys::generate()).unwrap();

    let erase = "privacy erase --order W-1";
    let ways_out = [shared[0].as_str(), "privacy.keys_file", "--destroy-shared"];
    open.run(&format!("{erase} --reason asked")).ends_with(6).complains_of(&ways_out);
    let shown = format!("cannot be cut: quittance notifications show {}", shared[0]);
    open.run(&format!("{erase} --dry-run")).ends_with(0).prints(&[&shown, ways_out[2]]);
    assert_eq!(open.bodies(&shared[..1]), ["sealed"], "nothing was erased");
    let erased = open.json(&format!("{erase} --reason asked --destroy-shared"));
    let expected = json!({ "notifications": [shared[0]], "letters": [] });
    assert_eq!((&erased["destroyed"], &erased["shared"]), (&json!(1), &expected), "{erased}");
    assert_eq!(open.bodies(&shared[..1]), ["erased"]);
    open.close().await;
}

macro_rules! on_both {
    ($($claim:ident: $story:ident,)*) => { $(
        mod $claim {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn embedded() {
                let open = Open::embedded().await;
                $story(&open).await;
                open.close().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_servers() {
                let open = Open::on_servers().await;
                $story(&open).await;
                open.close().await;
            }
        }
    )* };
}

on_both! {
    an_erased_order_keeps_its_money_and_loses_who_paid: an_order_is_erased,
    an_erased_subscription_is_charged_on_without_a_body: a_subscription_is_erased,
}
