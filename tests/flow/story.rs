//! A shop with two providers, told by genuinely signed notifications and asked by command, on either pair.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use harness::installation::{ACCOUNT, Addresses, Door, Installation};
use harness::program::Program;
use harness::wait;
use serde_json::Value;

/// How long anything may take to show.
const PATIENCE: Duration = Duration::from_secs(60);
/// The second provider's account, with a secret for trying out.
const SECOND: &str = "[accounts.shop-wechat]\nprovider = \"wechat_pay_v2\"\nmch_id = \"1900000109\"\n\
    appid = \"wxd678efh567hg6787\"\napi_key_file = \"wechat.secret\"\nsign_types = [\"HMAC-SHA256\"]\n";

pub(crate) struct Story {
    pub(crate) at: Installation,
    door: Door,
    _worker: Option<Program>,
}

impl Story {
    pub(crate) async fn on_servers() -> Self {
        let at = with_two_providers(Installation::on_servers().await.unwrap());
        let door = at.ingress().await.unwrap();
        let worker = Some(at.worker(&[]).await.unwrap());
        Self { at, door, _worker: worker }
    }

    pub(crate) async fn embedded() -> Self {
        let at = with_two_providers(Installation::embedded().unwrap());
        let door = at.serve(Addresses::free().unwrap()).await.unwrap();
        Self { at, door, _worker: None }
    }

    /// An order of 12.50 CNY.
    pub(crate) fn order(&self, number: &str) {
        self.at.import(std::iter::once((number.to_owned(), 1250))).unwrap();
    }

    /// Alipay tells this story of the order, and is answered as it should be.
    pub(crate) fn alipay(&self, scenario: &str, number: &str) {
        let key = self.at.path("alipay.key").display().to_string();
        self.tell(&["alipay", scenario, "--account", ACCOUNT, "--key", &key], number);
    }

    pub(crate) fn wechat_pay(&self, scenario: &str, number: &str) {
        self.tell(&["wechat_pay_v2", scenario, "--account", "shop-wechat"], number);
    }

    fn tell(&self, words: &[&str], number: &str) {
        let (doors, _) = self.door.url.rsplit_once('/').unwrap();
        let url = format!("{doors}/{}", words[3]);
        let terms = ["--order", number, "--amount", "12.50", "--url", &url];
        self.at.answer(&[&["simulate"], words, &terms].concat()).unwrap();
    }

    /// A body that the test itself signed; it is accepted.
    pub(crate) async fn post(&self, account: &str, content_type: &str, body: String) {
        let (doors, _) = self.door.url.rsplit_once('/').unwrap();
        let request = reqwest::Client::new().post(format!("{doors}/{account}"));
        let answer = request.header("content-type", content_type).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    pub(crate) fn show(&self, number: &str) -> Value {
        serde_json::from_str(&self.at.answer(&["orders", "show", number, "-o", "json"]).unwrap())
            .unwrap()
    }

    /// The order, once this is true of it.
    pub(crate) async fn until(
        &self,
        number: &str,
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        let probe = || async { Some(self.show(number)).filter(|order| is_so(order)) };
        let found = wait::until(what, PATIENCE, probe).await;
        found.unwrap_or_else(|error| panic!("{error}: {}", self.show(number)))
    }

    pub(crate) async fn until_status(&self, number: &str, status: &str) -> Value {
        self.until(number, status, |order| order["status"] == status).await
    }

    /// The order once all its events are published: their types, counted from 1 without a gap.
    pub(crate) async fn announced(&self, number: &str, count: usize) -> Vec<String> {
        let published = |order: &Value| {
            let events = order["events"].as_array().unwrap();
            events.len() >= count && events.iter().all(|event| event["published"] == true)
        };
        let order = self.until(number, "its events", published).await;
        let events = order["events"].as_array().unwrap();
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["sequence"], index + 1, "{events:?}");
        }
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    /// What was told last of this order.
    pub(crate) fn last_told(&self, number: &str) -> Value {
        let events = self.at.answer(&["events", "list", "--limit", "1000", "-o", "jsonl"]).unwrap();
        let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let subject = format!("order/{number}");
        let mut of_order: Vec<_> =
            events.filter(|line| line["event"]["subject"] == subject).collect();
        of_order.pop().unwrap()["event"]["data"].take()
    }

    /// Why, in words; and all that happened, by kind.
    pub(crate) fn explained(&self, number: &str) -> (String, Vec<String>) {
        let why = self.at.answer(&["orders", "explain", number]).unwrap();
        let list = self.at.answer(&["orders", "timeline", number, "-o", "jsonl"]).unwrap();
        let lines = list.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        (why, lines.map(|line| line["kind"].as_str().unwrap().to_owned()).collect())
    }

    /// Everything that was accepted is accounted for, and nothing is dead.
    pub(crate) async fn rests(&self, accepted: i64) {
        let balance = || crate::outcome::balance(&self.at).unwrap();
        let at_rest = || async {
            let balance = balance();
            let rests = balance["accepted"] == accepted && balance["in_flight"] == 0;
            (rests && balance["unaccounted"] == 0 && balance["dead"] == 0).then_some(())
        };
        let rest = wait::until("the balance at rest", PATIENCE, at_rest).await;
        rest.unwrap_or_else(|error| panic!("{error}: {}", balance()));
    }
}

fn with_two_providers(at: Installation) -> Installation {
    fs::write(at.path("wechat.secret"), "G5ygxom91n9XCfGjmc7o8ywhU4SlGD1u").unwrap();
    let mut config = OpenOptions::new().append(true).open(at.config()).unwrap();
    writeln!(config, "{SECOND}").unwrap();
    at
}
