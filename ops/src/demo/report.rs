//! What became of each scene, for people and for programs.

use std::time::Duration;

use serde::Serialize;
use worker::ledger::records::Balance;

use super::scene::{Scene, Told};
use crate::cli::balance;
use crate::cli::output::Paint;
use crate::cli::table::Table;

/// Four such columns and a verdict fit a terminal.
const CELL_MAX: usize = 28;
/// A story that a provider has no scenario for.
const ABSENT: &str = "-";

/// The whole demonstration.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) scenes: Vec<Outcome>,
    pub(super) balance: Balance,
    /// Answers of success that the providers' side saw.
    pub(super) sent_and_accepted: i64,
}

/// One scene.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    provider: &'static str,
    scene: &'static str,
    number: String,
    sent: &'static str,
    expected: &'static str,
    became: String,
    millis: u128,
    pub(super) ok: bool,
    #[serde(skip)]
    told: Told,
    /// How the order should have stood; in words, what else was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong: Option<String>,
}

impl Outcome {
    pub(super) fn new(scene: &Scene, became: String, took: Duration) -> Self {
        let story = scene.story;
        let ok = became == story.standing;
        Self {
            provider: scene.provider.as_str(),
            scene: story.name,
            number: scene.number.clone(),
            sent: story.sent,
            expected: story.expected,
            millis: took.as_millis(),
            ok,
            told: story.told,
            wrong: (!ok).then(|| format!("within {:?}: {}", story.within, story.standing)),
            became,
        }
    }

    pub(super) fn fail(&mut self, wrong: String) {
        self.ok = false;
        self.wrong = Some(wrong);
    }
}

impl Report {
    /// Did each scene come out as it must, and is everything accounted for?
    pub(super) fn is_ok(&self) -> bool {
        let balance = &self.balance;
        let rests = balance.adds_up() && balance.in_flight == 0;
        rests
            && balance.accepted == self.sent_and_accepted
            && self.scenes.iter().all(|scene| scene.ok)
    }

    pub(super) fn text(&self, paint: Paint) -> String {
        let mut text = painted(&self.rows().to_string(), paint) + "\n";
        text += &(painted(&self.matrix().to_string(), paint) + "\n");
        for scene in &self.scenes {
            if let Some(wrong) = &scene.wrong {
                text += &format!("{}, {}: expected {wrong}\n", scene.provider, scene.scene);
            }
        }
        text += &(balance::line(&self.balance) + "\n");
        if self.balance.accepted != self.sent_and_accepted {
            text += &format!("{} were answered with success\n", self.sent_and_accepted);
        }
        let verdict = if self.is_ok() {
            paint.good("every scene came out as the policy says")
        } else {
            paint.bad("NOT every scene came out as the policy says")
        };
        text + &verdict + "\n"
    }
}

impl Report {
    /// The stories that have a row of their own.
    fn rows(&self) -> Table {
        let head = ["SCENE", "PROVIDER", "SENT", "EXPECTED", "BECAME", ""];
        let mut table = Table::new(&head).wrapped_at(CELL_MAX);
        for scene in self.scenes.iter().filter(|scene| scene.told == Told::Alone) {
            let verdict = if scene.ok { "ok" } else { "FAILED" };
            let cells =
                [scene.scene, scene.provider, scene.sent, scene.expected, &scene.became, verdict];
            table.row(cells.map(str::to_owned));
        }
        table
    }

    /// What every provider told: a row for each, a column for each story.
    fn matrix(&self) -> Table {
        let told = |scene: &Outcome| match scene.told {
            Told::Alone => None,
            Told::InColumn(column, word) => Some((column, if scene.ok { word } else { "FAILED" })),
        };
        let (mut columns, mut providers) = (vec![], vec![]);
        for scene in &self.scenes {
            let Some((column, _)) = told(scene) else { continue };
            if !columns.contains(&column) {
                columns.push(column);
            }
            if !providers.contains(&scene.provider) {
                providers.push(scene.provider);
            }
        }
        let head: Vec<_> = ["PROVIDER"].into_iter().chain(columns.iter().copied()).collect();
        let mut table = Table::new(&head);
        for provider in providers {
            let own = || self.scenes.iter().filter(|scene| scene.provider == provider);
            let word = |column: &&str| {
                let mut words = own().filter_map(told).filter(|(of, _)| of == column);
                words.next().map_or(ABSENT, |(_, word)| word).to_owned()
            };
            table.row([provider.to_owned()].into_iter().chain(columns.iter().map(word)));
        }
        table
    }
}

/// Only the last column bears a colour, so that the columns stay aligned.
fn painted(table: &str, paint: Paint) -> String {
    let line = |line: &str| match (line.strip_suffix("ok"), line.strip_suffix("FAILED")) {
        (Some(rest), _) => format!("{rest}{}\n", paint.good("ok")),
        (None, Some(rest)) => format!("{rest}{}\n", paint.bad("FAILED")),
        (None, None) => format!("{line}\n"),
    };
    table.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::script::scenes;
    use crate::simulate::Scenario;

    fn report() -> Report {
        let scene = &scenes(|_| vec![Scenario::Paid])[0];
        let became = scene.story.standing.to_owned();
        let outcome = Outcome::new(scene, became, Duration::from_millis(5));
        let balance = Balance { accepted: 1, settled: 1, ..Balance::default() };
        Report { scenes: vec![outcome], balance, sent_and_accepted: 1 }
    }

    #[test]
    fn all_must_be_right_for_the_whole_to_be_right() {
        assert!(report().is_ok());
        let in_flight = Balance { accepted: 1, in_flight: 1, ..Balance::default() };
        assert!(!Report { balance: in_flight, ..report() }.is_ok());
        assert!(!Report { sent_and_accepted: 2, ..report() }.is_ok());
        let mut failed = report();
        failed.scenes[0].fail("answered 500".into());
        assert!(!failed.is_ok());
        assert!(failed.text(Paint::off()).contains("FAILED"));
    }

    #[test]
    fn the_conservation_line_stands_below_the_table() {
        let text = report().text(Paint::off());
        assert!(text.contains("accepted 1 = settled 1 + duplicate 0"), "{text}");
    }
}
