//! Configuration that is wrong is told by its keys, by every command, before anything is reached for.

use std::fs;

use harness::installation::Installation;
use harness::ports;

use crate::ran::{run, run_with};

/// The right configuration with something added.
fn with(text: &str) -> Installation {
    let at = Installation::embedded().unwrap();
    let right = fs::read_to_string(at.config()).unwrap();
    fs::write(at.config(), format!("{right}\n{text}\n")).unwrap();
    at
}

/// Another configuration altogether.
fn only(text: &str) -> Installation {
    let at = Installation::embedded().unwrap();
    fs::write(at.config(), text).unwrap();
    at
}

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() {
    for (text, unknown, meant) in [
        ("[ingres]\nlisten = \"127.0.0.1:1\"", "ingres", "ingress"),
        ("[ingress]\nlistn = \"127.0.0.1:1\"", "listn", "listen"),
        ("[broker]\nprefx = \"p\"", "prefx", "prefix"),
        ("[retry]\nschedul = []", "schedul", "schedule"),
        ("pubic_keys = []", "pubic_keys", "public_keys"),
    ] {
        let at = with(text);
        let suggestion = format!("did you mean `{meant}`?");
        for line in ["balance", "orders list", "serve", "topology check"] {
            run(&at, line).ends_with(2).complains_of(&[unknown, &suggestion]);
        }
        run(&at, "config check").ends_with(2).prints(&[unknown, &suggestion]);
    }
}

#[test]
fn an_unknown_key_in_the_environment_is_refused_too() {
    let at = Installation::embedded().unwrap();
    run_with(&at, "balance", &[("QUITTANCE__INGRESS__LISTN", "127.0.0.1:1")])
        .ends_with(2)
        .complains_of(&["listn", "did you mean `listen`?"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let at = Installation::embedded().unwrap();
    fs::remove_file(at.config()).unwrap();
    run(&at, "balance").ends_with(2).complains_of(&[&at.config()]);
}

#[test]
fn the_check_of_a_right_file_ends_with_0() {
    let at = Installation::embedded().unwrap();
    let ran = run(&at, "config check").ends_with(0).prints(&["engines: embedded", "is right"]);
    assert_eq!(ran.stderr, "", "{ran}");
    let report = run(&at, "config check -o json").ends_with(0).json();
    assert_eq!(report["problems"].as_array().unwrap().len(), 0, "{report}");
    assert!(!at.path("data").exists(), "a check made a ledger");
}

#[test]
fn the_check_tells_every_problem_by_its_key() {
    let at = only(
        "[broker]\nurl = \"amqp://127.0.0.1\"\nshards = 0\n\
         [worker]\nlanes = 0\nbatch_max = 0\n\
         [ingress]\nbody_limit = \"2MiB\"\npublish_timeout = \"0s\"\n\
         [console]\nlisten = \"0.0.0.0:9092\"\n\
         [accounts.shop]\nprovider = \"alipay\"\napp_id = \"\"\npublic_keys = [\"nowhere.pem\"]\n",
    );
    let keys = [
        "accounts.shop.app_id",
        "accounts.shop.public_keys",
        "broker.shards",
        "console.token_file",
        "database.url",
        "ingress.body_limit",
        "ingress.publish_timeout",
        "worker.batch_max",
        "worker.lanes",
    ];
    let lines = keys.map(|key| format!("{key}: "));
    run(&at, "config check").ends_with(2).prints(&lines.each_ref().map(String::as_str));
    let report = run(&at, "config check -o json").ends_with(2).json();
    let problems = report["problems"].as_array().unwrap();
    let mut told: Vec<_> = problems.iter().map(|one| one["key"].as_str().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, keys);
}

#[test]
fn a_lane_that_could_hold_more_than_fits_is_refused() {
    let text =
        |body, batch| format!("[ingress]\nbody_limit = \"{body}\"\n[worker]\nbatch_max = {batch}");
    for (body, batch) in [("1MiB", 341), ("64KiB", 5_461)] {
        run(&with(&text(body, batch)), "config check").ends_with(0);
        run(&with(&text(body, batch + 1)), "config check")
            .ends_with(2)
            .prints(&["worker.batch_max: at most 1 GiB a lane", "ingress.body_limit"]);
    }
}

#[test]
fn engines_are_never_mixed() {
    for (text, missing) in [
        ("[broker]\nurl = \"amqp://127.0.0.1\"", "database.url"),
        ("[database]\nurl = \"postgres://q@127.0.0.1/q\"", "broker.url"),
    ] {
        let at = only(text);
        for line in ["balance", "migrate", "topology check", "serve", "orders import -"] {
            run(&at, line).ends_with(2).complains_of(&[missing, "engines come in pairs"]);
        }
        run(&at, "config check").ends_with(2).prints(&[missing, "engines come in pairs"]);
    }
}

#[test]
fn servers_need_the_ring_and_the_mend_is_named() {
    let port = ports::free().unwrap();
    let urls = format!(
        "[broker]\nurl = \"amqp://127.0.0.1:{port}\"\n\
         [database]\nurl = \"postgres://q@127.0.0.1:{port}/q\"\n"
    );
    let at = only(&urls);
    run(&at, "config check").ends_with(2).prints(&["seal.keys_file", "quittance keys init"]);
    let told = ["privacy.keys_file", "quittance keys init --for bodies"];
    run(&at, "config check").ends_with(2).prints(&told);
    run(&at, "keys init").ends_with(0);
    run(&at, "keys init --for bodies").ends_with(0);
    let rings =
        "[seal]\nkeys_file = \"keys/seal.keys\"\n[privacy]\nkeys_file = \"keys/body.keys\"\n";
    fs::write(at.config(), format!("{urls}{rings}")).unwrap();
    // Nobody listens at these urls: the check reaches for no server.
    run(&at, "config check").ends_with(0).prints(&["RabbitMQ and PostgreSQL"]);
}
