//! The table of providers: whole, and every cell backed by a test that exists.

use shared::provider::Provider;

use crate::tree::{code_words, nothing_is, sources, text};

const CELLS: usize = 9;

#[test]
fn every_cell_of_the_table_of_providers_is_backed_by_a_test() {
    let (page, sources) =
        (text("docs/providers.md"), sources(&["shared", "ingress", "ops", "tests"]));
    let lines: Vec<&str> = page.lines().collect();
    let mut wrong = vec![];
    for provider in Provider::ALL {
        let begin = format!("| `{}` |", provider.as_str());
        let at = lines.iter().position(|line| line.starts_with(&begin));
        let at = at.unwrap_or_else(|| panic!("docs/providers.md: no row {begin}"));
        let backed: Vec<&str> = cells(lines[at + 1]);
        assert_eq!((cells(lines[at]).len(), backed.len()), (CELLS, CELLS), "{begin}");
        for (number, cell) in backed.iter().enumerate().skip(1) {
            let names = code_words(cell);
            if names.is_empty() {
                wrong.push(format!("{begin} nothing backs cell {number}"));
            }
            let missing =
                names.into_iter().filter(|name| !sources.contains(&format!("fn {name}(")));
            wrong.extend(missing.map(|name| format!("{begin} no test {name}")));
        }
    }
    nothing_is(&wrong);
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split(" | ").map(str::trim).collect()
}
