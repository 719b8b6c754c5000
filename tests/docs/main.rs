//! The documentation against the code: what there is, is described, and what is cited, exists.

mod configuration;
mod events;
mod providers;
mod scenarios;
mod schema;
mod tree;

use std::process::Command;

use harness::program::binary;
use shared::case::CaseKind;
use shared::provider::diagnosis::Cause;

use crate::tree::{
    anchors, below, between, code_words, each_between, files, nothing_is, pages, root, sources,
    text,
};

const ARCHITECTURE_LINES_MAX: usize = 150;
const PROGRAMS: &[&str] = &["shared", "ingress", "worker", "ops"];

#[test]
fn every_command_and_option_is_described() {
    let page = text("docs/cli.md");
    let mut wrong = vec![];
    let mut open = vec![vec![]];
    while let Some(words) = open.pop() {
        let help = help(&words);
        let command = format!("quittance {}", words.join(" "));
        let described = page.contains(&format!("# {command}\n"));
        if !words.is_empty() && !described {
            wrong.push(format!("docs/cli.md: no heading `{command}`"));
        }
        for option in long_options(&help) {
            if !page.contains(&option) {
                wrong.push(format!("docs/cli.md: {command} takes {option}"));
            }
        }
        for verb in subcommands(&help) {
            let mut inner = words.clone();
            inner.push(verb);
            open.push(inner);
        }
    }
    nothing_is(&wrong);
}

#[test]
fn every_table_and_column_is_described() {
    let page = text("docs/ledger.md");
    let mut wrong = vec![];
    for file in
        files("worker/migrations", "up.sql").into_iter().chain(files("ops/migrations", "up.sql"))
    {
        for (table, columns) in tables(&text(&file)) {
            let heading = format!("\n### {table}\n");
            let row = page.lines().find(|line| line.starts_with(&format!("| `{table}`")));
            let told = match row {
                Some(row) => row,
                None if page.contains(&heading) => between(&page, &heading, "\n##"),
                None => {
                    wrong.push(format!("docs/ledger.md: no table {table}, of {file}"));
                    continue;
                }
            };
            let known = code_words(told);
            let missing = columns.iter().filter(|column| !known.contains(column.as_str()));
            wrong.extend(missing.map(|column| format!("docs/ledger.md: {table}.{column}")));
        }
    }
    nothing_is(&wrong);
}

#[test]
fn every_case_kind_is_described() {
    for page in ["docs/policy.md", "docs/ledger.md"] {
        let page_text = text(page);
        for kind in CaseKind::ALL {
            assert!(code_words(&page_text).contains(kind.as_str()), "{page}: {}", kind.as_str());
        }
    }
}

#[test]
fn every_reason_and_every_grave_is_described() {
    let (provider, broker) =
        (text("shared/src/provider/protocol/rejection.rs"), text("shared/src/broker.rs"));
    let (door, worker) = (text("ingress/src/routes.rs"), text("worker/src/error.rs"));
    let (http, delivery) = (text("docs/http.md"), text("docs/delivery.md"));
    let mut wrong = vec![];
    for rejection in reasons(&provider) {
        wrong.extend(unless_told(&http, rejection, "docs/http.md"));
    }
    for reason in reasons(&broker).into_iter().chain(each_between(&door, "\"rejected\", \"", "\""))
    {
        wrong.extend(unless_told(&http, reason, "docs/http.md"));
    }
    for grave in each_between(&worker, "=> bury(\"", "\")") {
        let row = format!("| `{}` |", grave.replace("\", \"", "` | `"));
        if !delivery.contains(&row) {
            wrong.push(format!("docs/delivery.md: no row {row}"));
        }
    }
    nothing_is(&wrong);
}

#[test]
fn every_cause_is_described() {
    let page = text("docs/signature-doctor.md");
    let rows = below(&page, "## What each cause means");
    for cause in Cause::ALL {
        let row = format!("| `{}` |", cause.as_str());
        assert!(rows.contains(&row), "docs/signature-doctor.md: no row {row}");
    }
}

#[test]
fn every_metric_is_described() {
    let (page, sources) = (text("docs/http.md"), sources(PROGRAMS));
    let mut wrong = vec![];
    for call in ["counter!(", "gauge!(", "histogram!("] {
        for piece in sources.split(call).skip(1) {
            let named = piece.trim_start().strip_prefix('"');
            if let Some((name, _)) = named.and_then(|rest| rest.split_once('"')) {
                wrong.extend(unless_told(&page, name, "docs/http.md"));
            }
        }
    }
    nothing_is(&wrong);
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = vec![];
    for page in pages() {
        let page_text = text(&page);
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in
            each_between(&page_text, "](", ")").into_iter().filter(|link| !link.contains("://"))
        {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if path.is_empty() { root().join(&page) } else { root().join(folder).join(path) };
            let to_anchor = || {
                let target_text = std::fs::read_to_string(&target).unwrap_or_default();
                anchors(&target_text).contains(&anchor.to_owned())
            };
            if !target.exists() || !(anchor.is_empty() || to_anchor()) {
                wrong.push(format!("{page}: {link} leads nowhere"));
            }
        }
    }
    nothing_is(&wrong);
}

#[test]
fn every_test_that_the_promises_cite_exists() {
    let (readme, sources) = (text("README.md"), sources(&[PROGRAMS, &["tests"]].concat()));
    let promises = between(&readme, "## What is promised", "<!-- end of promises -->");
    let mut cited = 0;
    for row in
        promises.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Promise"))
    {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names = code_words(tests);
        assert!(!names.is_empty(), "no test proves: {row}");
        for name in names {
            cited += 1;
            let is_there =
                ["(", "<"].iter().any(|next| sources.contains(&format!("fn {name}{next}")));
            assert!(is_there, "README.md cites {name}, which no source has");
        }
    }
    assert!(cited > 20, "only {cited} tests are cited");
}

#[test]
fn the_architecture_is_short_and_names_every_module() {
    let (page, tidy) = (text("ARCHITECTURE.md"), text("tests/tidy/main.rs"));
    let lines = page.lines().count();
    assert!(lines <= ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md has {lines} lines");
    let order = between(&tidy, "READING_ORDER: &[&str] = &[", "];");
    let mut last = 0;
    for module in order.split('"').skip(1).step_by(2) {
        let file = module.replacen("::", "/src/", 1) + ".rs";
        if root().join(file).exists() {
            let at = page.find(&format!("`{module}`:")).unwrap_or_else(|| panic!("no {module}"));
            assert!(at > last, "{module} stands out of the reading order");
            last = at;
        }
    }
}

fn help(words: &[String]) -> String {
    let program = binary("quittance").expect("the program is built");
    let output = Command::new(program).args(words).arg("--help").output().expect("it runs");
    assert!(output.status.success(), "quittance {} --help", words.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn subcommands(help: &str) -> Vec<String> {
    let Some((_, commands)) = help.split_once("\nCommands:\n") else { return vec![] };
    let lines = commands.lines().take_while(|line| line.starts_with("  "));
    lines.filter_map(|line| line.split_whitespace().next()).map(ToOwned::to_owned).collect()
}

fn long_options(help: &str) -> Vec<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let options =
        lines.filter_map(|line| line.split([' ', ',', '[']).find(|word| word.starts_with("--")));
    options.filter(|option| *option != "--version").map(ToOwned::to_owned).collect()
}
/// Each table of a migration with its columns.
fn tables(migration: &str) -> Vec<(String, Vec<String>)> {
    let mut tables = vec![];
    for piece in migration.split("\ncreate table ").skip(1) {
        let name = piece.split_whitespace().next().unwrap_or_default().to_owned();
        let body = between(piece, "(\n", "\n)");
        let columns = body.lines().filter_map(|line| line.strip_prefix("    ")).filter_map(column);
        tables.push((name, columns.collect()));
    }
    tables
}

/// The column that a line of a table begins; none for rules, comments and what goes on from above.
fn column(line: &str) -> Option<String> {
    const RULES: [&str; 4] = ["check", "primary", "foreign", "unique"];
    let word = line.split([' ', '(']).next()?.trim_matches('"');
    let is_name = word.starts_with(|letter: char| letter.is_ascii_lowercase());
    (is_name && !RULES.contains(&word)).then(|| word.to_owned())
}

/// The words that a type's `reason` answers.
fn reasons(source: &str) -> Vec<&str> {
    each_between(between(source, "pub fn reason(", "\n    }"), "=> \"", "\"")
}

fn unless_told(page: &str, word: &str, name: &str) -> Option<String> {
    (!code_words(page).contains(word)).then(|| format!("{name}: `{word}` is not described"))
}
