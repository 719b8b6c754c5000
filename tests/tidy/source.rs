//! A source file as the rules see it: its text, its code without comments and literals, and its string literals.

use std::fs;
use std::path::Path;

const FOLDERS: &[&str] = &["shared", "ingress", "worker", "ops", "tests", "examples"];
const CRATES: &[&str] = &["shared", "ingress", "worker", "ops"];
const SKIPPED: &[&str] = &["target", "node_modules", "__pycache__"];

pub(crate) struct Source {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text, line by line, with comments and literals left out.
    pub(crate) code: String,
    pub(crate) literals: Vec<(usize, String)>,
}

/// Every source file of the workspace, in order.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent");
    let mut found = vec![];
    for folder in FOLDERS {
        collect(root, &root.join(folder), &mut found);
    }
    assert!(found.len() > 5, "no sources found below {}", root.display());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The top-level module the file belongs to; none for `lib`, `main`, and what is no crate of ours.
    pub(crate) fn module(&self) -> Option<String> {
        let (krate, rest) = self.path.strip_suffix(".rs")?.split_once("/src/")?;
        let name = rest.split('/').next()?;
        let apart = ["lib", "main", "bin"].contains(&name) || !CRATES.contains(&krate);
        (!apart).then(|| format!("{krate}::{name}"))
    }

    /// Each `crate::module` that the code mentions, with its line.
    pub(crate) fn uses(&self) -> Vec<(usize, String)> {
        let own = self.path.split('/').next().unwrap_or_default();
        let mut found = vec![];
        for krate in CRATES.iter().copied().chain(["crate"]) {
            for (at, _) in self.code.match_indices(&format!("{krate}::")) {
                let before = self.code[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                    continue;
                }
                let line = self.code[..at].matches('\n').count() + 1;
                let named = if krate == "crate" { own } else { krate };
                let heads = heads(&self.code[at + krate.len() + 2..]);
                found.extend(heads.into_iter().map(|head| (line, format!("{named}::{head}"))));
            }
        }
        found
    }
}

/// The first names of what follows `crate::`: one, or those of a group in braces.
fn heads(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut heads: Vec<String> = vec![];
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.push(name(group[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) && !name.starts_with('.') {
            collect(root, &path, found);
        } else if name.ends_with(".rs") || name.ends_with(".sql") {
            let text = fs::read_to_string(&path).expect("a readable source");
            let relative = path.strip_prefix(root).expect("a path below the root");
            found.push(read(&relative.to_string_lossy(), text));
        }
    }
}

fn read(path: &str, text: String) -> Source {
    let (code, literals) = match path.ends_with(".sql") {
        true => (String::new(), vec![(1, text.clone())]),
        false => take_apart(&text),
    };
    Source { path: path.to_owned(), text, code, literals }
}

/// Code without comments and literals, and the string literals, by line.
fn take_apart(text: &str) -> (String, Vec<(usize, String)>) {
    let (mut code, mut literals, mut rest) = (String::new(), vec![], text);
    let mut after_word = false;
    while let Some(c) = rest.chars().next() {
        let (length, body) = match c {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), None),
            '/' if rest.starts_with("/*") => {
                (rest.find("*/").map_or(rest.len(), |at| at + 2), None)
            }
            '"' => (quoted(rest, '"'), Some(1)),
            'r' if !after_word && raw_hashes(rest).is_some() => {
                let hashes = raw_hashes(rest).unwrap_or_default();
                let close = format!("\"{}", "#".repeat(hashes));
                let open = hashes + 2;
                let end =
                    rest[open..].find(&close).map_or(rest.len(), |at| open + at + close.len());
                (end, Some(open))
            }
            '\'' if is_char(rest) => (quoted(rest, '\''), None),
            _ => {
                code.push(c);
                after_word = (c.is_alphanumeric() && c != 'b') || c == '_';
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        let taken = &rest[..length];
        if let Some(open) = body {
            let line = code.matches('\n').count() + 1;
            let inner = taken[open..].trim_end_matches(['"', '#']);
            literals.push((line, inner.to_owned()));
        }
        code.extend(taken.chars().filter(|c| *c == '\n'));
        rest = &rest[length..];
    }
    (code, literals)
}

/// The length of a literal from its opening to its closing mark.
fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            _ if c == mark && !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The number of `#` of a raw string that opens here.
fn raw_hashes(text: &str) -> Option<usize> {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    text[1 + hashes..].starts_with('"').then_some(hashes)
}

/// A character literal, not a lifetime.
fn is_char(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    matches!((chars.next(), chars.next()), (Some('\\'), _) | (Some(_), Some('\'')))
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let text = "a \"b \\\" c\" /* d\n */ r#\"e \" f\"# '\"' 'g h 'i' // j\nk";
    let (code, literals) = take_apart(text);
    assert_eq!(code, "a  \n   'g h  \nk");
    assert_eq!(literals, [(1, "b \\\" c".to_owned()), (2, "e \" f".to_owned())]);
}

#[test]
fn the_heads_of_a_group_are_found() {
    assert_eq!(heads("{money::Money, order::{A, B},\n event}; x"), ["money", "order", "event"]);
    assert_eq!(heads("money::Money"), ["money"]);
}
