//! What every replay here goes through: payments that die of a rule, the mend, a plan, and its end.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use harness::driver::{Burst, payments, send};
use harness::installation::Installation;
use harness::postgres;
use serde_json::Value;

use crate::watch::answers;

const OPEN: &str = "select count(*) from quittance.dead_letters where state = 'open'";
const PAID: &str = "select count(*) from quittance.orders where status = 'paid'";
const DONE: &str = "select state from quittance.replay_jobs";
const ONCE: &str = "select count(*) from quittance.fulfilments";

/// Sends so many payments to this door, each of which dies.
pub(super) async fn break_off(at: &Installation, door: &str, (letters, seed): (usize, u64)) {
    let burst = payments(&at.signer, letters, 0, seed).unwrap();
    at.import(burst.orders.iter().cloned()).unwrap();
    die(at, door, &burst).await;
}

/// The ledger refuses what these payments come to, until it is mended.
pub(crate) async fn die(at: &Installation, door: &str, burst: &Burst) {
    let rule = "alter table quittance.payments add constraint a_cause check (amount < 0) not valid";
    ledger(at, rule).await;
    send(&[door.to_owned()], &burst.bodies).await.unwrap();
    open(at, burst.bodies.len()).await;
}

pub(crate) async fn mend(at: &Installation) {
    ledger(at, "alter table quittance.payments drop constraint a_cause").await;
}

pub(super) async fn ledger(at: &Installation, statement: &str) -> String {
    let answer = postgres::sql(&at.database.as_ref().unwrap().url, statement).await;
    answer.unwrap().trim().to_owned()
}

/// A plan for all letters, each of which it expects to end so.
pub(crate) fn plan(at: &Installation, letters: usize, expected: &str) -> String {
    let plan = at.answer(&["replay", "plan", "-q", "code:refused", "-o", "json"]).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let counts = (&plan["count"], &plan["forecast"][expected]);
    assert_eq!(counts, (&letters.into(), &letters.into()), "{plan}");
    plan["plan"].as_str().unwrap().to_owned()
}

pub(crate) fn start(at: &Installation, id: &str, rate: &str) {
    let words = ["replay", "start", "--plan", id, "--reason", "mended", "--rate", rate];
    at.answer(&words).unwrap();
}

/// Waits until so many items were published.
pub(super) async fn sent(at: &Installation, items: usize) {
    let sent =
        format!("select count(*) >= {items} from quittance.replay_items where publishes > 0");
    answers(at, &sent, "t").await.unwrap();
}

/// Waits until so many letters are open.
pub(crate) async fn open(at: &Installation, letters: usize) {
    answers(at, OPEN, &letters.to_string()).await.unwrap();
}

pub(crate) async fn completes(at: &Installation, id: &str) {
    answers(at, &format!("{DONE} where id = '{id}'"), "completed").await.unwrap();
}

/// Everything ends well, and so many letters were settled, once each.
pub(super) async fn all_settled(at: &Installation, letters: usize, id: &str) {
    let all = letters.to_string();
    answers(at, PAID, &all).await.unwrap();
    completes(at, id).await;
    open(at, 0).await;
    answers(at, ONCE, &all).await.unwrap();
    let balance = at.answer(&["balance", "-o", "json"]).unwrap();
    let balance: Value = serde_json::from_str(&balance).unwrap();
    assert_eq!((&balance["dead"], &balance["settled"]), (&0.into(), &letters.into()), "{balance}");
}
