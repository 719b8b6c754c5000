//! `demo`: it needs nothing, proves itself, and leaves nothing behind.

use std::fs;

use harness::installation::Installation;

use crate::ran::{Ran, run_with};

const SCENES: usize = 13;

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
    let (table, rest) = ran.stdout.split_once("\n\n").unwrap();
    // What goes on below a row begins with blanks.
    let rows: Vec<_> = table.lines().skip(1).filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(rows.len(), SCENES, "{ran}");
    for row in rows {
        assert!(row.ends_with("  ok"), "{row}");
    }
    let mut rest = rest.lines();
    conserves(rest.next().unwrap());
    assert_eq!(rest.next(), Some("every scene came out as the policy says"));
    assert_eq!(rest.next(), None);
    for scene in ["1/13 Paid", "13/13 "] {
        assert!(ran.stderr.contains(scene), "no progress: {ran}");
    }
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{ran}");
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
    assert_eq!(scenes.len(), SCENES);
    assert!(scenes.iter().all(|scene| scene["ok"] == true), "{report}");
    assert_eq!(report["balance"]["accepted"], report["sent_and_accepted"]);
}
