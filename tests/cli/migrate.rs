//! `migrate` on PostgreSQL: once, again, and several at once.

use std::fs;
use std::process::Command;
use std::time::Duration;

use harness::installation::Installation;
use harness::program::Program;
use harness::{ports, postgres, wait};
use serde_json::json;

use crate::ran::{run, run_at_once, run_fed};
use crate::shop::order_line;

const PATIENCE: Duration = Duration::from_secs(60);

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

/// A session that keeps something until it is ended.
async fn holding(database: &postgres::Database, statement: &str) -> Program {
    let mut psql = Command::new("psql");
    let script = format!("begin; {statement}; select 'held', pg_sleep(600)");
    psql.args(["-X", "-q", "-c", &script, &database.url]);
    let holder = Program::launch("psql", psql).unwrap();
    asked(database, "select count(*) > 0 from pg_stat_activity where wait_event = 'PgSleep'").await;
    holder
}

/// The server would not notice soon that a client of a session that sleeps is gone.
async fn released(database: &postgres::Database, mut holder: Program) {
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
               where wait_event = 'PgSleep' and datname = current_database()";
    postgres::sql(&database.url, end).await.unwrap();
    holder.kill().await.unwrap();
}

/// Waits until this database says yes.
async fn asked(database: &postgres::Database, question: &str) {
    let question = format!("{question} and datname = current_database()");
    wait::until(&question, PATIENCE, || async {
        (postgres::sql(&database.url, &question).await.ok()?.trim() == "t").then_some(())
    })
    .await
    .unwrap();
}

/// Whoever migrates may be stopped, or its wire may say nothing: nobody waits for it who has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_turn_when_nothing_is_missing() {
    let (at, database) = on_empty_database().await;
    run(&at, "migrate").ends_with(0);
    let holder = holding(&database, &format!("select pg_advisory_lock({})", 0x7175_6974)).await;
    run(&at, "migrate").ends_with(0).complains_of(&["up to date"]);
    released(&database, holder).await;
}

/// A lane that asks for a table after a migration waits behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_waits_for_a_lock_lets_others_pass_and_tries_again() {
    let (at, database) = on_empty_database().await;
    run(&at, "migrate").ends_with(0);
    let table = "quittance.__diesel_schema_migrations";
    let holder = holding(&database, &format!("lock table {table} in access exclusive mode")).await;
    let mut migrating =
        Program::start("quittance", &["migrate", "--config", &at.config()], &[]).unwrap();
    // Another session waits: the first one gave up, and let pass what stood behind it.
    let waits = "from pg_stat_activity \
                 where wait_event_type = 'Lock' and datname = current_database()";
    let first = wait::until("a first try", PATIENCE, || async {
        let pid = postgres::sql(&database.url, &format!("select min(pid) {waits}")).await.ok()?;
        pid.trim().parse::<u32>().ok()
    });
    let first = first.await.unwrap();
    asked(&database, &format!("select count(*) > 0 {waits} and pid <> {first}")).await;
    released(&database, holder).await;
    assert!(migrating.wait_end(PATIENCE).await.unwrap().success(), "{}", migrating.stderr());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_another_that_migrates_does_not_take_the_ledger_for_away() {
    let (at, database) = on_empty_database().await;
    let holder = holding(&database, "select pg_advisory_lock(1903520116)").await;
    let mut migrating =
        Program::start("quittance", &["migrate", "--config", &at.config()], &[]).unwrap();
    let waits = "select count(*) > 0 from pg_stat_activity where wait_event = 'advisory' \
                 and now() - query_start > interval '6 seconds'";
    asked(&database, waits).await;
    released(&database, holder).await;
    assert!(migrating.wait_end(PATIENCE).await.unwrap().success(), "{}", migrating.stderr());
}
