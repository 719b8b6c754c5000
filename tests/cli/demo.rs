//! `demo`: it needs nothing, proves itself, and leaves nothing behind.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harness::installation::Installation;
use harness::program::{Program, command};
use harness::wait;
use shared::provider::Provider;

use crate::ran::{Ran, run_with};

/// Rows of the policy, and of a subscription's life.
const ROWS: usize = 15;
const SOON: Duration = Duration::from_secs(60);

/// With a folder of its own for what is temporary.
fn demo(at: &Installation, line: &str) -> Ran {
    let folder = at.path("tmp");
    fs::create_dir(&folder).unwrap();
    let ran = run_with(at, line, &[("TMPDIR", &folder.display().to_string())]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "something was left behind: {ran}");
    assert!(!at.path("data").exists(), "it played on what is configured: {ran}");
    ran
}

#[test]
fn the_demo_shows_every_scene_and_the_conservation_line() {
    let at = Installation::embedded().unwrap();
    let ran = demo(&at, "demo").ends_with(0);
    let [rows, matrix, rest] = ran.stdout.split("\n\n").collect::<Vec<_>>()[..] else {
        panic!("{ran}")
    };
    // What goes on below a row begins with blanks.
    let rows: Vec<_> = rows.lines().skip(1).filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(rows.len(), ROWS, "{ran}");
    for row in rows {
        assert!(row.ends_with("  ok"), "{row}");
    }
    let providers: Vec<_> = matrix.lines().skip(1).map(|line| line.split(' ').next()).collect();
    let all: Vec<_> = Provider::ALL.iter().map(|provider| Some(provider.as_str())).collect();
    assert_eq!(providers, all, "{ran}");
    for word in ["paid once", "turned away", "case"] {
        assert_eq!(matrix.lines().filter(|line| line.contains(word)).count(), all.len(), "{ran}");
    }
    assert!(!matrix.contains("FAILED"), "{ran}");
    let mut rest = rest.lines();
    conserves(rest.next().unwrap());
    assert_eq!(rest.next(), Some("every scene came out as the policy says"));
    assert_eq!(rest.next(), None);
    let last = ran.stderr.lines().rfind(|line| line.contains(": awaiting ")).unwrap();
    let (number, of) = last.split(' ').next().unwrap().split_once('/').unwrap();
    assert_eq!(number, of, "no progress: {ran}");
    let shown = &ran.stdout[ran.stdout.find("PROVIDER           ").unwrap()..];
    is_documented(number, shown);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{ran}");
}

/// The README and the page of the commands show what a newcomer will see.
fn is_documented(scenes: &str, shown: &str) {
    let balance = shown.lines().find(|line| line.starts_with("accepted ")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (page, told) in [
        ("README.md", format!("{scenes} scenes")),
        ("README.md", balance.to_owned()),
        ("docs/cli.md", format!("{scenes} scenes")),
        ("docs/cli.md", shown.to_owned()),
    ] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        assert!(text.contains(&told), "{page} does not say {told:?}");
    }
}

fn conserves(line: &str) {
    let numbers: Vec<u64> = line
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let [accepted, buckets @ .., in_flight, unaccounted] = &numbers[..] else { panic!("{line}") };
    assert!(line.starts_with("accepted ") && buckets.len() == 5 && *accepted > 0, "{line}");
    assert_eq!(*accepted, buckets.iter().sum::<u64>(), "{line}");
    assert_eq!((*in_flight, *unaccounted), (0, 0), "{line}");
}

#[test]
fn the_demo_tells_programs_the_same() {
    let at = Installation::embedded().unwrap();
    let documents = demo(&at, "demo -o jsonl").ends_with(0).lines();
    let [report] = &documents[..] else { panic!("{documents:?}") };
    let scenes = report["scenes"].as_array().unwrap();
    assert!(scenes.iter().all(|scene| scene["ok"] == true), "{report}");
    for provider in Provider::ALL.iter().map(|provider| provider.as_str()) {
        let told = scenes.iter().filter(|scene| scene["provider"] == provider);
        assert!(told.count() >= 4, "{provider}: {report}");
    }
    let lives = scenes.iter().filter(|scene| scene["scene"] == "Subscription");
    let ended = lives.filter(|scene| {
        scene["became"].as_str().unwrap().starts_with("ended (unsigned), 2 charges, 2 periods")
    });
    // UnionPay tells of no agreement, and Adyen of its signing alone.
    assert_eq!(ended.count(), Provider::ALL.len() - 2, "{report}");
    assert_eq!(report["balance"]["accepted"], report["sent_and_accepted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_demo_goes_on_and_what_it_invites_to_works() {
    let at = Installation::embedded().unwrap();
    let mut keeping = command("quittance").unwrap();
    keeping.args(["demo", "--keep"]).env("TMPDIR", at.path("")).env("NO_COLOR", "1");
    let mut demo = Program::launch("quittance", keeping).unwrap();
    let invited = wait::until("an invitation", SOON, async || {
        let said = demo.stderr();
        said.split_once("still serving")
            .and_then(|(_, said)| said.ends_with("\n\n").then(|| said.to_owned()))
    });
    let invitation = invited.await.map_err(|late| demo.explain(late)).unwrap();
    let lines = invitation.lines().filter_map(|line| line.strip_prefix("  quittance "));
    let mut tried = 0;
    for line in lines {
        let output = command("quittance").unwrap().args(line.split(' ')).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{line}");
        assert!(!output.stdout.is_empty(), "{line}");
        tried += 1;
    }
    assert!(tried > 4, "{invitation}");
    assert!(demo.terminate().await.unwrap().success());
    assert!(demo.stderr().contains("kept in "), "{}", demo.stderr());
}
