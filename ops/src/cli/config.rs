//! `quittance config`: is it right, without reaching for any server?

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::config::{Config, Engines, Problem, load};
use shared::process;

use super::exit::{Exit, Failure};
use super::output::{Output, say};
use super::table::printable;
use super::{Common, accounts};
use crate::engine;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance config check\n  quittance config check --config quittance.toml -o json"
)]
pub struct ConfigArgs {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Print each problem with its key; exit 2 when there is one
    Check,
}

/// What the check found.
#[derive(Debug, Serialize)]
struct Report {
    /// `embedded` or `servers`; nothing where it cannot be told.
    engines: Option<&'static str>,
    accounts: usize,
    problems: Vec<Line>,
    #[serde(skip)]
    described: String,
    /// Keys that end soon, in lines: nothing to mend yet.
    #[serde(skip)]
    ending: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    key: String,
    message: String,
}

pub fn run(args: ConfigArgs, common: &Common, output: Output) -> Result<Exit, Failure> {
    let ConfigVerb::Check = args.verb;
    let report = match load::load(common.config.as_deref()) {
        Ok(config) => Report::of(&config),
        Err(problem) => Report::new(vec![problem]),
    };
    output.one(&report, text)?;
    for ending in &report.ending {
        say(ending);
    }
    if report.problems.is_empty() {
        return Ok(Exit::Done);
    }
    say(&format!("{} to mend", report.problems.len()));
    Ok(Exit::Usage)
}

impl Report {
    fn new(problems: Vec<Problem>) -> Self {
        let line = |Problem { key, message }| Line { key, message };
        let problems = problems.into_iter().map(line).collect();
        Self { engines: None, accounts: 0, problems, described: String::new(), ending: vec![] }
    }

    fn of(config: &Config) -> Self {
        let engines = config.engines().ok().map(|engines| match engines {
            Engines::Embedded { .. } => "embedded",
            Engines::Servers { .. } => "servers",
        });
        let described = engine::describe(config).unwrap_or_default();
        let accounts = config.accounts().unwrap_or_default();
        let ending = accounts::ending(&accounts, process::now());
        let blank = Self::new(config.check());
        Self { engines, accounts: config.accounts.len(), described, ending, ..blank }
    }
}

fn text(report: &Report) -> String {
    let line =
        |Line { key, message }: &Line| format!("{}: {}\n", printable(key), printable(message));
    let mut text: String = report.problems.iter().map(line).collect();
    if report.engines.is_some() {
        text += &format!("engines: {}\naccounts: {}\n", report.described, report.accounts);
    }
    if report.problems.is_empty() {
        text += "the configuration is right\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn report(file: &str) -> Report {
        Report::of(&load::parse(file, std::iter::empty(), PathBuf::new()).unwrap())
    }

    #[test]
    fn each_problem_is_told_with_its_key() {
        let text = text(&report("[broker]\nurl = \"amqp://h\"\n[worker]\nlanes = 0"));
        assert!(text.contains("database.url: missing although broker.url is set"), "{text}");
        assert!(text.contains("worker.lanes: from 1 to 64"), "{text}");
    }

    #[test]
    fn the_engines_are_named() {
        let text = text(&report(""));
        assert!(text.contains("engines: embedded, in quittance-data/quittance.db"), "{text}");
    }
}
