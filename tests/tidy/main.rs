//! The rules of the source that no lint keeps: reading order, size, names, where SQL stands, unfinished work.
//!
//! **Invariant**: a failure names the file, the line and what to do.

mod source;

use source::{Source, sources};

/// A module may use only what stands above it. A list cannot have a cycle.
const READING_ORDER: &[&str] = &[
    // words
    "shared::units",
    "shared::money",
    "shared::order",
    "shared::subscription",
    "shared::case",
    "shared::rules",
    "shared::notification",
    "shared::event",
    "shared::message",
    "shared::secret",
    // rules
    "shared::retry",
    "shared::provider",
    // world
    "shared::telemetry",
    "shared::process",
    "shared::crash",
    "shared::listen",
    "shared::broker",
    "shared::config",
    // flow: the public door
    "ingress::enqueue",
    "ingress::certificates",
    "ingress::quarantine",
    "ingress::rejections",
    "ingress::routes",
    "ingress::return_page",
    "ingress::expiry",
    "ingress::config",
    // flow: settling
    "worker::decide",
    "worker::ledger",
    "worker::error",
    "worker::settle",
    "worker::lane",
    "worker::lease",
    "worker::relay",
    "worker::morgue",
    "worker::replay",
    "worker::reconcile",
    "worker::roles",
    "worker::config",
    // people
    "ops::embedded",
    "ops::engine",
    "ops::simulate",
    "ops::capture",
    "ops::orders",
    "ops::cli",
    "ops::console",
    "ops::serve",
    "ops::demo",
];

const LINES_MAX: usize = 300;
const SQL_MAY_STAND_IN: &[&str] =
    &["worker/src/ledger", "worker/migrations", "ops/src/embedded", "ops/migrations", "tests/"];
const NAMES_THAT_SAY_NOTHING: &[&str] =
    &["utils", "util", "common", "helpers", "helper", "manager", "misc"];
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "#[ignore", "thread::sleep"];
/// What a worker of the version before would miss, in words of SQL.
const TAKEN_AWAY: &[&str] = &["drop table", "drop column", " rename ", "set not null"];
const MAY_LET_TIME_PASS: &str = "tests/harness/wait.rs";

#[test]
fn modules_use_only_what_stands_above_them() {
    check(|source| {
        let Some(user) = source.module() else { return vec![] };
        let Some(own) = place(&user) else {
            return vec![(1, format!("add {user} to READING_ORDER in tests/tidy/main.rs"))];
        };
        let uses = source.uses().into_iter();
        uses.filter(|(_, used)| *used != user && place(used).is_some_and(|at| at > own))
            .map(|(line, used)| (line, format!("{user} uses {used}, which stands below it")))
            .collect()
    });
}

#[test]
fn files_are_small_and_say_what_they_are_for() {
    check(|source| {
        let mut wrong = vec![];
        if source.is_rust() && !source.text.starts_with("//!") {
            wrong.push((1, "open the file with `//!` and its purpose".to_owned()));
        }
        let lines = source.text.lines().count();
        if source.is_rust() && lines > LINES_MAX {
            wrong.push((lines, format!("more than {LINES_MAX} lines: split by concept")));
        }
        wrong
    });
}

#[test]
fn names_say_something() {
    check(|source| {
        let mut wrong = vec![];
        if source.path.ends_with("mod.rs") {
            wrong.push((1, "name it `foo.rs` beside `foo/`, not `foo/mod.rs`".to_owned()));
        }
        let stem = |part: &str| part.split('.').next().unwrap_or_default().to_owned();
        for part in source.path.split('/').map(stem) {
            if NAMES_THAT_SAY_NOTHING.contains(&part.as_str()) {
                wrong.push((1, format!("`{part}` says nothing: name the concept")));
            }
        }
        wrong
    });
}

#[test]
fn sql_stands_in_the_ledgers_alone() {
    check(|source| {
        if SQL_MAY_STAND_IN.iter().any(|place| source.path.starts_with(place)) {
            return vec![];
        }
        let literals = source.literals.iter().filter(|(_, text)| is_sql(text));
        literals.map(|(line, _)| (*line, "SQL: move it to a ledger".to_owned())).collect()
    });
}

#[test]
fn a_migration_takes_nothing_from_workers_of_the_version_before() {
    let is_first = |path: &str| path.contains("-000001_");
    check(|source| {
        let goes_forward = source.path.ends_with("up.sql") && !is_first(&source.path);
        if !source.path.starts_with("worker/migrations") || !goes_forward {
            return vec![];
        }
        let mut wrong = vec![];
        let code = source.code.to_lowercase();
        for (line, text) in (1..).zip(code.lines()) {
            let word = TAKEN_AWAY.iter().find(|word| text.contains(**word));
            wrong.extend(word.map(|word| (line, format!("`{word}` while they run: only add"))));
            let is_owed = text.contains("add column") && text.contains("not null");
            if is_owed && !text.contains("default") {
                wrong.push((line, "they do not write this column: give it a default".to_owned()));
            }
        }
        wrong
    });
}

#[test]
fn nothing_is_unfinished_and_no_test_sleeps() {
    check(|source| {
        let mut wrong = vec![];
        for (line, text) in source.code.lines().enumerate() {
            let word = UNFINISHED.iter().find(|word| text.contains(**word));
            wrong.extend(word.map(|word| (line + 1, format!("`{word}` does not merge"))));
            let sleeps = text.contains("time::sleep") || text.contains(" sleep(");
            if sleeps && source.path.starts_with("tests/") && source.path != MAY_LET_TIME_PASS {
                wrong.push((line + 1, "wait for a condition: harness::wait::until".to_owned()));
            }
        }
        wrong
    });
}

/// Fails with everything that `rule` finds wrong, as `path:line: what to do`.
fn check(rule: impl Fn(&Source) -> Vec<(usize, String)>) {
    let mut wrong = vec![];
    for source in sources() {
        let found = rule(&source).into_iter();
        wrong.extend(found.map(|(line, what)| format!("{}:{line}: {what}", source.path)));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn place(module: &str) -> Option<usize> {
    READING_ORDER.iter().position(|entry| *entry == module)
}

fn is_sql(literal: &str) -> bool {
    let words = literal.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let text = format!(" {} ", words.join(" "));
    let reads = text.starts_with(" select ")
        || text.split_once(" select ").is_some_and(|(_, rest)| rest.contains(" from "));
    let updates = text.split_once(" update ").is_some_and(|(_, rest)| rest.contains(" set "));
    reads || updates || text.contains(" insert into ") || text.contains(" delete from ")
}

#[test]
fn sql_is_told_from_prose() {
    for text in [
        "select 1",
        "SELECT a\n FROM b",
        "insert into t",
        "update t\n set a = 1",
        "(select a from b)",
    ] {
        assert!(is_sql(text), "{text}");
    }
    for text in ["selected", "with the key", "update the settings", "deleted from"] {
        assert!(!is_sql(text), "{text}");
    }
}
