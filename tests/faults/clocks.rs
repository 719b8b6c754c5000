//! A worker whose clock is days from the true time: what is due is judged by the ledger's clock, not by its own.

use harness::clock::Clock;
use harness::driver::{Burst, payments, send};
use harness::installation::{Door, Installation};
use harness::postgres;
use shared::process;

use crate::watch::answers;

const DAY_S: i64 = 24 * 60 * 60;
/// Beyond every deadline, and beyond what bodies are kept here.
const AWAY_S: i64 = 3 * DAY_S;
/// How often the lanes told that they live: each once a second, as often as a sweep comes by.
const BEATS: &str = "select coalesce(sum(beats), 0) from quittance.lanes";
const SEVERAL_BEATS: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_clock_is_days_off_ends_no_wait_and_removes_no_body() {
    let Some(clock) = Clock::new().unwrap() else {
        println!("left out: a worker under another clock, as libfaketime is not installed");
        return;
    };
    let installation = Installation::on_servers().await.unwrap();
    let burst = payments(&installation.signer, 6, 0, 61).unwrap();
    let door = installation.ingress().await.unwrap();
    let under = clock.variables().unwrap();
    let mut variables: Vec<_> = under.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.push(("QUITTANCE__PRIVACY__KEEP_BODIES", "1d"));
    for (turn, offset_s) in [AWAY_S, -AWAY_S].into_iter().enumerate() {
        // One begins under a false clock, and while it runs the clock steps over to the other side.
        clock.set(offset_s).unwrap();
        let mut worker = installation.worker(&variables).await.unwrap();
        nothing_ends(&installation, &door, (&burst, 3 * turn)).await;
        clock.set(-offset_s).unwrap();
        nothing_ends(&installation, &door, (&burst, 3 * turn + 1)).await;
        clock.set(0).unwrap();
        nothing_ends(&installation, &door, (&burst, 3 * turn + 2)).await;
        let log = worker.stdout() + &worker.stderr();
        let today = process::now().date().to_string();
        assert!(!log.starts_with(&today), "it did not go by this clock: {log}");
        assert!(worker.terminate().await.unwrap().success());
    }
}

/// A payment waits for its order, and sweeps come by: no case, and every body is there.
#[expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
async fn nothing_ends(installation: &Installation, door: &Door, (burst, index): (&Burst, usize)) {
    let urls = [door.url.clone()];
    send(&urls, &burst.bodies[index..=index]).await.unwrap();
    let ask = async |question: &str| {
        let database = &installation.database.as_ref().unwrap().url;
        postgres::sql(database, question).await.unwrap().trim().to_owned()
    };
    let recorded = format!("select count(*) = {} from quittance.notifications", index + 1);
    answers(installation, &recorded, "t").await.unwrap();
    let beats: u64 = ask(BEATS).await.parse().unwrap();
    let more = format!("select ({BEATS}) >= {}", beats + SEVERAL_BEATS);
    answers(installation, &more, "t").await.unwrap();
    let waiting = "select count(*) from quittance.receipts where bucket = 'waiting'";
    assert_eq!(ask(waiting).await, (index + 1).to_string());
    assert_eq!(ask("select count(*) from quittance.cases").await, "0");
    assert_eq!(ask("select count(*) from quittance.bodies").await, (index + 1).to_string());
}
