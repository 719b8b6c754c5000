//! The project's files as texts, and small ways to find things in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// A file's text, by its path from the root.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page for readers, by its path from the root.
pub(crate) fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned(), "ARCHITECTURE.md".to_owned()];
    pages.push("examples/README.md".to_owned());
    pages.extend(files("docs", ".md"));
    pages
}

/// The text of every Rust source below these folders.
pub(crate) fn sources(folders: &[&str]) -> String {
    folders.iter().flat_map(|folder| files(folder, ".rs")).map(|path| text(&path)).collect()
}

/// The files below a folder whose names end so.
pub(crate) fn files(folder: &str, end: &str) -> Vec<String> {
    let mut found = vec![];
    for entry in fs::read_dir(root().join(folder)).expect("a readable folder") {
        let entry = entry.expect("a readable entry");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() && !path.ends_with("/target") {
            found.extend(files(&path, end));
        } else if path.ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What stands between two texts, the first time.
pub(crate) fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    let (_, rest) = text.split_once(open).unwrap_or_else(|| panic!("no `{open}`"));
    rest.split_once(close).map_or(rest, |(inner, _)| inner)
}

/// Each text that stands between these two.
pub(crate) fn each_between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    let pieces = text.split(open).skip(1);
    pieces.filter_map(|piece| piece.split_once(close).map(|(inner, _)| inner)).collect()
}

/// What a page says below a heading, as far as the next one of its rank.
pub(crate) fn below<'a>(page: &'a str, heading: &str) -> &'a str {
    let rank = heading.split(' ').next().unwrap_or_default();
    between(page, &format!("\n{heading}\n"), &format!("\n{rank} "))
}

/// The words in code style of a text.
pub(crate) fn code_words(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The anchors that a page's headings make. Source: GitHub's rendering of Markdown.
pub(crate) fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let letter = |c: char| match c {
        ' ' => Some('-'),
        _ if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    headings
        .map(|line| line.trim_start_matches('#').trim().chars().filter_map(letter).collect())
        .collect()
}

/// Fails with everything that is wrong.
pub(crate) fn nothing_is(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
