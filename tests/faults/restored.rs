//! The ledger is restored from a backup while ingresses run: what was accepted since is named.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use harness::driver::{payments, send};
use harness::installation::Installation;
use harness::postgres;

use crate::watch::{answers, missing};

const PAID: &str = "select count(*) from quittance.orders where status = 'paid'";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_settled_after_the_backup_is_named_although_nothing_follows() {
    let installation = Installation::on_servers().await.unwrap();
    let url = &installation.database.as_ref().unwrap().url;
    let burst = payments(&installation.signer, 8, 0, 44).unwrap();
    installation.import(burst.orders.iter().cloned()).unwrap();
    let mut door = installation.ingress().await.unwrap();
    let urls = std::slice::from_ref(&door.url);
    let mut worker = installation.worker(&[]).await.unwrap();
    send(urls, &burst.bodies[..3]).await.unwrap();
    answers(&installation, PAID, "3").await.unwrap();
    let backup = installation.path("backup.sql");
    run("pg_dump", &["--schema", "quittance", "--file"], &backup, url).unwrap();
    send(urls, &burst.bodies[3..]).await.unwrap();
    answers(&installation, PAID, "8").await.unwrap();
    // Stated and counted: nothing of it is in a queue any more.
    let stated = "select count(*) from quittance.statements where to_seq = 8 and closed_to = 8";
    answers(&installation, stated, "1").await.unwrap();
    assert!(worker.terminate().await.unwrap().success());

    postgres::sql(url, "drop schema quittance cascade").await.unwrap();
    run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "--file"], &backup, url).unwrap();
    answers(&installation, PAID, "3").await.unwrap();
    let mut worker = installation.worker(&[]).await.unwrap();
    let balance = missing(&installation, 5).await.unwrap();
    assert_eq!((&balance["accepted"], &balance["settled"]), (&8.into(), &3.into()), "{balance}");
    assert!(door.program.terminate().await.unwrap().success());
    assert!(worker.terminate().await.unwrap().success());
}

fn run(program: &str, arguments: &[&str], file: &Path, url: &str) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    let output = command.args(arguments).arg(file).arg(url).output().context(program.to_owned())?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {complaint}");
    Ok(())
}
