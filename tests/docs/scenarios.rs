//! The table of scenarios in docs/cli.md against what the senders themselves can play.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::BTreeMap;
use std::fs;

use ops::simulate::signing::Signing;
use ops::simulate::{Scenario, Sender, Terms, open, sample};
use shared::config::load;
use shared::money::Money;
use shared::provider::Provider;
use time::macros::datetime;

use crate::tree::{between, code_words, nothing_is, text};

const NOW: time::OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

/// Every provider's side of the wire, opened for its sample account.
fn senders() -> BTreeMap<&'static str, Box<dyn Sender>> {
    let open = |provider: &Provider| {
        let folder = tempfile::tempdir().unwrap();
        let sample = sample(*provider, "shop");
        for (file, text) in &sample.files {
            fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            fs::write(folder.path().join(file), text).unwrap();
        }
        let base = folder.path().to_owned();
        let config = load::parse(&sample.section, std::iter::empty(), base).unwrap();
        let mut signing = Signing::new("shop", folder.path(), None, NOW);
        let sender = open(&config.accounts["shop"].own, &mut signing).unwrap();
        (provider.as_str(), sender)
    };
    Provider::ALL.iter().map(open).collect()
}

fn expected(sender: &dyn Sender, scenario: Scenario) -> &'static str {
    let terms = Terms {
        order_no: "A-1".to_owned(),
        amount: Money { minor: 10, currency: sender.currency() },
        agreement: "A-1".to_owned(),
        seed: 1,
        charge: 0,
        now: NOW,
    };
    sender.simulate(scenario, &terms).unwrap().expected.as_str()
}

#[test]
fn every_scenario_is_told_of_with_whoever_plays_it() {
    let page = text("docs/cli.md");
    let table = between(&page, "<!-- scenarios -->", "<!-- end of scenarios -->");
    let senders = senders();
    let mut told = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split(" | ").collect();
        for word in code_words(cells[0]) {
            told.insert(word.to_owned(), (cells[2], cells[3]));
        }
    }
    let mut wrong = vec![];
    for (provider, sender) in &senders {
        for scenario in Scenario::all() {
            let word = scenario.word();
            let Some((answer, by)) = told.get(&word) else {
                wrong.push(format!("docs/cli.md: no scenario `{word}`"));
                continue;
            };
            // What stands behind a semicolon depends on the account.
            let by = by.split(';').next().unwrap_or_default();
            let is_named = code_words(by).contains(provider);
            let is_told = if by.starts_with("all") { !is_named } else { is_named };
            let plays = sender.scenarios().contains(scenario);
            if is_told != plays {
                wrong.push(format!("docs/cli.md: `{word}` by {provider}: {plays}"));
            }
            let (answer, depends) = answer.split_once(';').unwrap_or((*answer, ""));
            if plays && depends.is_empty() && answer != expected(sender.as_ref(), *scenario) {
                wrong.push(format!("docs/cli.md: `{word}` by {provider} is not {answer}"));
            }
        }
    }
    nothing_is(&wrong);
}
