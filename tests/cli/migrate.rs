//! `migrate` on PostgreSQL: once, again, and several at once.

use std::fs;

use harness::installation::Installation;
use harness::{ports, postgres};
use serde_json::json;

use crate::ran::{run, run_at_once, run_fed};
use crate::shop::order_line;

/// On an empty database of its own; no broker is needed.
async fn on_empty_database() -> (Installation, postgres::Database) {
    let at = Installation::embedded().unwrap();
    let server = postgres::server().await.unwrap();
    let database = postgres::fresh_database(server, None).await.unwrap();
    let nobody = ports::free().unwrap();
    let text = format!(
        "[broker]\nurl = \"amqp://127.0.0.1:{nobody}\"\n[database]\nurl = \"{}\"\n",
        database.url
    );
    fs::write(at.config(), text).unwrap();
    (at, database)
}

fn takes_orders(at: &Installation) {
    run_fed(at, "orders import -", order_line("A-1").as_bytes()).ends_with(0);
    let order = run(at, "orders show A-1 -o json").ends_with(0).json();
    assert_eq!(order["status"], "pending");
    assert_eq!(run(at, "balance -o json").ends_with(0).json()["accepted"], json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_migrated_and_again_without_harm() {
    let (at, _database) = on_empty_database().await;
    run(&at, "orders list").ends_with(1).complains_of(&["quittance migrate"]);
    run(&at, "migrate").ends_with(0).complains_of(&["up to date"]);
    takes_orders(&at);
    run(&at, "migrate").ends_with(0).complains_of(&["up to date"]);
    assert_eq!(run(&at, "orders list -o json").ends_with(0).json()[0]["order_no"], "A-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_migrate_at_once() {
    let (at, _database) = on_empty_database().await;
    for ran in run_at_once(&at, "migrate", 4) {
        ran.ends_with(0);
    }
    takes_orders(&at);
}
