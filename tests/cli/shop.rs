//! A shop on the embedded pair: served, with orders of 0.10 CNY, and paid by simulation.

use std::time::Duration;

use harness::installation::{ACCOUNT, Addresses, Door, Installation};
use harness::wait;
use serde_json::Value;

use crate::ran::{Ran, run, run_fed};

/// How long everything may take to come to rest.
const REST: Duration = Duration::from_secs(60);

/// One that is open for business.
pub(crate) struct Shop {
    pub(crate) at: Installation,
    pub(crate) door: Door,
}

/// An order of 0.10 CNY as a line to import.
pub(crate) fn order_line(number: &str) -> String {
    format!("{{\"order_no\":\"{number}\",\"amount\":10,\"currency\":\"CNY\"}}\n")
}

/// The words to simulate a notification of this order, to be posted to `url`.
pub(crate) fn simulation(at: &Installation, scenario: &str, order: &str, url: &str) -> String {
    let key = at.path("alipay.key").display().to_string();
    format!(
        "simulate alipay {scenario} --account {ACCOUNT} --order {order} --key {key} --url {url}"
    )
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let at = Installation::embedded().unwrap();
        let door = at.serve(Addresses::free().unwrap()).await.unwrap();
        Self { at, door }
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        run(&self.at, line)
    }

    pub(crate) fn import(&self, numbers: &[&str]) {
        let lines: String = numbers.iter().map(|number| order_line(number)).collect();
        run_fed(&self.at, "orders import -", lines.as_bytes()).ends_with(0);
    }

    pub(crate) fn simulate(&self, scenario: &str, order: &str) -> Ran {
        self.run(&simulation(&self.at, scenario, order, &self.door.url))
    }

    pub(crate) fn order(&self, number: &str) -> Value {
        self.run(&format!("orders show {number} -o json")).ends_with(0).json()
    }

    /// The balance once so many were accepted, stated, and nothing of them is on its way.
    pub(crate) async fn rest(&self, accepted: i64) -> Value {
        let balance = || self.run("balance -o json").json();
        wait::until("the balance at rest", REST, || async {
            let balance = balance();
            let rests = balance["accepted"] == accepted
                && balance["in_flight"] == 0
                && balance["unproven"] == 0;
            rests.then_some(balance)
        })
        .await
        .unwrap_or_else(|error| panic!("{error}: {}", balance()))
    }
}
