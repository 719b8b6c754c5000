//! `quittance dead-letters`: what could not be settled, and what people do about it.
//!
//! **Invariant**: nothing is discarded but by name, with a reason and the count that was seen; and it can be
//! restored.

use std::collections::BTreeSet;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use serde_json::json;
use shared::message::statement;
use shared::process;
use shared::provider::Provider;
use uuid::Uuid;
use worker::error::{CODES, STAGES};
use worker::ledger::Session;
use worker::ledger::dead_letters::group::{GroupAct, GroupRecord, GroupStatus, rank};
use worker::ledger::dead_letters::{LetterAct, LetterFilter, LetterRecord, LetterState, Wanted};
use worker::ledger::replays::ITEMS_MAX;

use super::act::reason;
use super::exit::{Exit, Failure};
use super::output::{Output, say};

mod ending;
mod export;
mod groups;
pub mod query;
mod shown;

/// Letters that one command may act on.
const AT_ONCE_MAX: usize = ITEMS_MAX;

/// Letters that `count` looks at.
const COUNTED_MAX: i64 = 1_000_000;

const EXAMPLES: &str = r#"Examples:
  quittance dead-letters groups                       by cause, the most money at stake first
  quittance dead-letters list -q 'provider:alipay code:refused age:>2h'
  quittance dead-letters list -q 'order:A-1 state:any'
  quittance dead-letters show ID
  quittance dead-letters discard -q 'stage:seal age:>1d' --dry-run
  quittance dead-letters discard -q 'stage:seal age:>1d' --reason "a scanner" --confirm 12
  quittance dead-letters export -q 'state:any' -o csv > letters.csv
  quittance dead-letters assign GROUP --to ana

  quittance dead-letters count -q 'age:>1h' --max 0   for a monitor: exit 9 when there are more

A query is words key:value, all of which must fit: provider, account, stage, code, order (any of its
numbers), message, group, state (open, replaying, resolved, discarded, any; unless said open and replaying,
and open alone to discard or to send again), text (a part of the cause), version (of a worker that buried
it), attempts (attempts:>=5), age since its first burial (age:>2h, age:<30m).
Exit codes: 5 no such letter or group; 6 another number fits than --confirm says; 9 more than --max."#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DeadLettersArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Causes with open letters: the most money at stake first, then the oldest
    Groups {
        /// Groups of this status, with open letters or without
        #[arg(long, value_parser = PossibleValuesParser::new(GroupStatus::ALL.map(GroupStatus::as_str))
            .try_map(|word| GroupStatus::from_word(&word).ok_or("no such status")))]
        status: Option<GroupStatus>,
    },
    /// Letters, the newest first
    List {
        /// Letters that fit, as in 'code:refused age:>2h'; see the end of `dead-letters --help`
        #[arg(short, long, value_name = "QUERY", default_value = "")]
        query: String,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// How many letters fit: up to 1000000 are counted
    Count {
        /// Letters that fit, as in 'code:refused age:>2h'; see the end of `dead-letters --help`
        #[arg(short, long, value_name = "QUERY", default_value = "")]
        query: String,
        /// Exit 9 when more fit
        #[arg(long, value_name = "COUNT")]
        max: Option<usize>,
    },
    /// One letter: why it died, each time, with personal fields masked
    Show {
        id: Uuid,
        /// Show the whole body; it is noted who did, and why
        #[arg(long, requires = "reason")]
        reveal: bool,
        /// Why, for the audit
        #[arg(long, requires = "reveal", value_parser = reason)]
        reason: Option<String>,
    },
    /// Say that letters need nothing more; they can be restored
    #[command(after_help = ending::EXAMPLES)]
    Discard(ending::DiscardArgs),
    /// Take back that letters were discarded
    Restore {
        #[command(flatten)]
        chosen: Chosen,
        /// Why, for those who read it later
        #[arg(long, value_parser = reason)]
        reason: String,
    },
    /// Letters, a line each: as JSON with everything about them, or as CSV
    #[command(after_help = export::EXAMPLES)]
    Export {
        /// Letters that fit, as in 'code:refused age:>2h'; see the end of `dead-letters --help`
        #[arg(short, long, value_name = "QUERY", default_value = "")]
        query: String,
        /// With whole bodies; it is noted who did, and why
        #[arg(long, requires = "reason")]
        reveal: bool,
        /// Why, for the audit
        #[arg(long, requires = "reveal", value_parser = reason)]
        reason: Option<String>,
    },
    /// Say that somebody has seen a group
    Acknowledge { group: Uuid },
    /// Give a group to somebody; it is acknowledged too
    Assign {
        group: Uuid,
        /// Who works on it
        #[arg(long, value_name = "NAME", value_parser = groups::owner)]
        to: String,
    },
    /// Write down what was found out about a group; it replaces the note before
    Note {
        group: Uuid,
        #[arg(value_parser = groups::note)]
        text: String,
    },
    /// Say that a group's cause is mended; it regresses when one more dies of it
    Resolve { group: Uuid },
    /// Say that a group does not matter
    Ignore { group: Uuid },
}

/// Letters by their ids, or by a query.
#[derive(Debug, Args)]
pub struct Chosen {
    /// Letters by their ids; or --query
    #[arg(value_name = "ID", required_unless_present = "query", conflicts_with = "query")]
    ids: Vec<Uuid>,
    /// All that fit, as in 'code:refused age:>2h'
    #[arg(short, long, value_name = "QUERY")]
    query: Option<String>,
}

impl DeadLettersArgs {
    /// Is CSV among the forms of what it writes?
    pub fn writes_csv(&self) -> bool {
        matches!(self.verb, Verb::Export { .. })
    }
}

pub async fn run<S: Session>(
    args: DeadLettersArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    let session = &mut session;
    match args.verb {
        Verb::Groups { status } => {
            let mut groups = session.groups(status).await?;
            groups.retain(|group| status.is_some() || group.open > 0);
            rank(&mut groups);
            output.list(&groups, shown::groups)?;
        }
        Verb::List { query, limit } => {
            let filter = LetterFilter { limit, ..asked(session, &query, Wanted::NotEnded).await? };
            output.list(&session.letters(&filter).await?, shown::letters)?;
        }
        Verb::Count { query, max } => {
            let filter = parse(&query, Wanted::NotEnded)?;
            // A monitor that counts what nothing is called would be quiet for ever.
            if let Some(misspelt) = misspelt(session, &filter).await? {
                return Err(Failure::new(Exit::Usage, format!("--query: {misspelt}")));
            }
            let count =
                session.letters(&LetterFilter { limit: COUNTED_MAX, ..filter }).await?.len();
            output.one(&json!({ "count": count }), |_| format!("{count}\n"))?;
            if max.is_some_and(|max| count > max) {
                return Ok(Exit::ThresholdExceeded);
            }
        }
        Verb::Show { id, reason, .. } => {
            let Some(file) = session.letter(id).await? else { return Err(no_letter(id)) };
            let shown = shown::file(session, file, reason).await?;
            output.one(&shown, shown::details)?;
        }
        Verb::Discard(args) => return ending::discard(session, args, output).await,
        Verb::Restore { chosen, reason } => {
            let ids = chosen.ids(session, LetterState::Discarded).await?;
            return ending::act_on(session, &ids, LetterAct::Restore, reason, output).await;
        }
        Verb::Export { query, reason, .. } => {
            let filter = asked(session, &query, Wanted::NotEnded).await?;
            export::run(session, &filter, reason, output.format).await?;
        }
        Verb::Acknowledge { group } => {
            groups::act(session, group, GroupAct::Acknowledge, output).await?
        }
        Verb::Assign { group, to } => {
            groups::act(session, group, GroupAct::Assign { owner: to }, output).await?;
        }
        Verb::Note { group, text } => {
            groups::act(session, group, GroupAct::Note { text }, output).await?
        }
        Verb::Resolve { group } => groups::act(session, group, GroupAct::Resolve, output).await?,
        Verb::Ignore { group } => groups::act(session, group, GroupAct::Ignore, output).await?,
    }
    Ok(Exit::Done)
}

fn no_letter(id: Uuid) -> Failure {
    let message = format!("no letter has the id {id}; `quittance dead-letters list` shows them");
    Failure::new(Exit::NotFound, message)
}

/// Each once, in their order.
pub fn distinct(ids: &[Uuid]) -> Vec<Uuid> {
    let mut seen = BTreeSet::new();
    ids.iter().copied().filter(|id| seen.insert(*id)).collect()
}

/// Reads a query from the command line, about such letters unless it names a state. Where nothing is called as it
/// says, that is told.
pub async fn asked<S: Session>(
    session: &mut S,
    text: &str,
    unsaid: Wanted,
) -> Result<LetterFilter, Failure> {
    let filter = parse(text, unsaid)?;
    if let Some(misspelt) = misspelt(session, &filter).await? {
        say(&misspelt);
    }
    Ok(filter)
}

fn parse(text: &str, unsaid: Wanted) -> Result<LetterFilter, Failure> {
    let wrong = |error| Failure::new(Exit::Usage, format!("--query: {error}"));
    query::parse(text, unsaid, process::now()).map_err(wrong)
}

/// A stage, code or provider that none of ours, of a former version's or of a stranger's is called.
async fn misspelt<S: Session>(
    session: &mut S,
    filter: &LetterFilter,
) -> Result<Option<String>, Failure> {
    let providers = Provider::ALL.iter().map(|provider| provider.as_str());
    let providers: Vec<&str> = providers.chain([statement::KIND, "unknown"]).collect();
    type Of = fn(&GroupRecord) -> &str;
    let words: [(&str, &Option<String>, &[&str], Of); 3] = [
        ("stage", &filter.stage, &STAGES, |group| &group.stage),
        ("code", &filter.code, &CODES, |group| &group.code),
        ("provider", &filter.provider, &providers, |group| &group.provider),
    ];
    for (key, word, ours, of) in words {
        let Some(word) = word.as_deref().filter(|word| !ours.contains(word)) else { continue };
        if session.groups(None).await?.iter().all(|group| of(group) != word) {
            let there = ours.join(", ");
            return Ok(Some(format!("no {key} is called `{word}`; there are {there}")));
        }
    }
    Ok(None)
}

/// All letters that fit and stand in this state: who asks for those in another is refused.
pub async fn fitting<S: Session>(
    session: &mut S,
    filter: LetterFilter,
    state: LetterState,
) -> Result<Vec<LetterRecord>, Failure> {
    if filter.state != Wanted::In(state) {
        let message = format!("--query: this is for {} letters alone", state.as_str());
        return Err(Failure::new(Exit::Usage, message));
    }
    let limit = i64::try_from(AT_ONCE_MAX).unwrap_or(i64::MAX).saturating_add(1);
    let letters = session.letters(&LetterFilter { limit, ..filter }).await?;
    if letters.len() > AT_ONCE_MAX {
        let message =
            format!("more than {AT_ONCE_MAX} letters fit: ask for fewer, as by their age");
        return Err(Failure::new(Exit::Usage, message));
    }
    if letters.is_empty() {
        return Err(Failure::new(Exit::NotFound, format!("no {} letter fits", state.as_str())));
    }
    Ok(letters)
}
