//! An engine out of reach ends with 10, names the key to look at, and never tells a password.

use std::fs;

use harness::installation::Installation;
use harness::{ports, program};

use crate::ran::run;
use crate::shop::simulation;

/// Servers where nobody listens.
fn on_nothing() -> Installation {
    let at = Installation::embedded().unwrap();
    let (broker, database) = (ports::free().unwrap(), ports::free().unwrap());
    let text = format!(
        "[broker]\nurl = \"amqp://q:hunter2@127.0.0.1:{broker}\"\n\
         [database]\nurl = \"postgres://q:hunter2@127.0.0.1:{database}/q\"\n"
    );
    let account = fs::read_to_string(at.config()).unwrap();
    let (_, account) = account.split_once("[accounts").unwrap();
    fs::write(at.config(), format!("{text}[accounts{account}")).unwrap();
    at
}

#[test]
fn a_server_that_nobody_runs_ends_with_10() {
    let at = on_nothing();
    for (line, key) in [
        ("balance", "database.url"),
        ("orders list", "database.url"),
        ("orders show A-1", "database.url"),
        ("orders import -", "database.url"),
        ("orders cancel A-1 --reason none", "database.url"),
        ("cases list", "database.url"),
        ("events list", "database.url"),
        ("events tail", "database.url"),
        ("migrate", "database.url"),
        ("topology check", "broker.url"),
        ("topology apply", "broker.url"),
    ] {
        let ran = run(&at, line).ends_with(10).complains_of(&[key]);
        assert!(!ran.stderr.contains("hunter2"), "a password: {ran}");
    }
}

#[test]
fn a_door_that_nobody_opened_ends_with_10() {
    let at = Installation::embedded().unwrap();
    let url = format!("http://127.0.0.1:{}/notify/shop-alipay", ports::free().unwrap());
    run(&at, &simulation(&at, "paid", "A-1", &url)).ends_with(10).complains_of(&[&url]);
}

#[test]
fn a_file_that_cannot_be_opened_ends_with_10() {
    let at = Installation::embedded().unwrap();
    // A folder stands where the file should.
    fs::create_dir_all(at.path("data/quittance.db")).unwrap();
    run(&at, "balance").ends_with(10).complains_of(&["embedded.path"]);
    fs::remove_dir_all(at.path("data")).unwrap();
    // A file stands where the folder should.
    fs::write(at.path("data"), "").unwrap();
    run(&at, "balance").ends_with(10).complains_of(&["embedded.path"]);
}

/// In a folder that is not the one that was meant.
#[test]
fn where_nothing_is_configured_and_no_ledger_was_begun_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let quittance = |words: &[&str]| {
        let mut command = program::command("quittance").unwrap();
        command.args(words).current_dir(folder.path()).output().unwrap()
    };
    for line in ["balance", "dead-letters count --max 0", "dead-letters groups", "replay list"] {
        let words: Vec<&str> = line.split(' ').collect();
        let output = quittance(&words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(10), "{line}: {stderr}");
        assert!(output.stdout.is_empty() && stderr.contains("QUITTANCE_CONFIG"), "{stderr}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was begun");
    assert!(quittance(&["migrate"]).status.success());
    assert!(quittance(&["balance"]).status.success(), "now there is one");
}
