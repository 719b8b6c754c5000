//! `quittance cases`: money that fits no rule, and what people do about it.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use shared::case::{CaseKind, CaseVerdict};
use shared::money::Money;
use shared::process;
use uuid::Uuid;
use worker::ledger::Session;
use worker::ledger::records::{
    Act, CaseAct, CaseActed, CaseFilter, CaseRecord, NOTE_MAX_BYTES, NOTES_MAX,
};

use super::act::{actor, reason};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::printable;

mod shown;

pub use self::shown::table;

/// Bytes that an owner's name may have.
const OWNER_MAX_BYTES: usize = 128;

const EXAMPLES: &str = r#"Examples:
  quittance cases list --status open                the most money first
  quittance cases show ID                           what it rests on, and what was done
  quittance cases assign ID --to ana
  quittance cases note ID "asked the payer for the missing 0.10"
  quittance cases resolve ID --as fulfil --reason "the payer added shipping"
  quittance cases resolve ID --as refund --reason "refunded at the provider" --saw 2501

What each kind means, and what ends it: docs/policy.md. Exit codes: 5 no such case; 6 it is resolved
already, other money is at stake than you saw, or it cannot be ended so."#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CasesArgs {
    #[command(subcommand)]
    verb: CasesVerb,
}

#[derive(Debug, Subcommand)]
enum CasesVerb {
    /// Cases: those to be done first, the most money first, then the oldest
    List(ListArgs),
    /// One case: what it rests on, and what was done about it
    Show { id: Uuid },
    /// Say that somebody has seen it
    Acknowledge { id: Uuid },
    /// Give it to somebody; it is acknowledged too
    Assign {
        id: Uuid,
        /// Who works on it
        #[arg(long, value_name = "NAME", value_parser = owner)]
        to: String,
    },
    /// Write down what was found out; no payer's data, please
    Note {
        id: Uuid,
        #[arg(value_parser = note)]
        text: String,
    },
    /// End it by your word
    Resolve(ResolveArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[arg(long, value_parser = ["open", "acknowledged", "resolved"])]
    status: Option<String>,
    #[arg(long, value_parser = PossibleValuesParser::new(CaseKind::ALL.map(CaseKind::as_str)))]
    kind: Option<String>,
    /// Those of this account's money
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Those of one order, by any of its numbers
    #[arg(long, value_name = "NUMBER")]
    order: Option<String>,
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

#[derive(Debug, Args)]
struct ResolveArgs {
    id: Uuid,
    /// fulfil: the money pays; refund: it is given back; ignore: nothing else changes
    #[arg(long = "as", value_name = "VERDICT", value_parser = PossibleValuesParser::new(CaseVerdict::ALL.map(CaseVerdict::as_str))
        .try_map(|word| CaseVerdict::from_word(&word).ok_or("no such verdict")))]
    verdict: CaseVerdict,
    /// Why, for those who read it later
    #[arg(long, value_parser = reason)]
    reason: String,
    /// The money at stake that you saw, in minor units [default: what is at stake now]
    #[arg(long, value_name = "AMOUNT")]
    saw: Option<i64>,
}

pub async fn run<S: Session>(
    args: CasesArgs,
    mut session: S,
    output: Output,
) -> Result<Exit, Failure> {
    let (id, act, reason) = match args.verb {
        CasesVerb::List(ListArgs { status, kind, account, order, owner, limit }) => {
            let filter = CaseFilter { status, kind, account, number: order, owner, limit };
            let cases = session.cases(&filter).await?;
            let aged: Vec<_> = cases.iter().map(|case| shown::Aged::of(case, case)).collect();
            output.list(&aged, |_| table(&cases))?;
            return Ok(Exit::Done);
        }
        CasesVerb::Show { id } => {
            let file = session.case_file(id).await?.ok_or_else(|| not_found(id))?;
            output.one(&shown::Aged::of(&file, &file.case), |_| shown::details(&file))?;
            return Ok(Exit::Done);
        }
        CasesVerb::Acknowledge { id } => (id, CaseAct::Acknowledge, "acknowledged".to_owned()),
        CasesVerb::Assign { id, to } => {
            let reason = format!("to {to}");
            (id, CaseAct::Assign { owner: to }, reason)
        }
        CasesVerb::Note { id, text } => (id, CaseAct::Note { text }, "a note".to_owned()),
        CasesVerb::Resolve(ResolveArgs { id, verdict, reason, saw }) => {
            let saw_minor = match saw {
                Some(saw) => saw,
                None => session.case(id).await?.ok_or_else(|| not_found(id))?.amount,
            };
            (id, CaseAct::Resolve { verdict, saw_minor }, reason)
        }
    };
    let action = act.action().to_owned();
    let by = Act { actor: actor(), action, subject: format!("case/{id}"), reason };
    let acted = session.act_on_case(id, &act, &by, process::now()).await?;
    let case = outcome(acted, id)?;
    output.one(&case, |case| format!("case {} is {}\n", case.id, standing(case)))?;
    Ok(Exit::Done)
}

fn outcome(acted: CaseActed, id: Uuid) -> Result<CaseRecord, Failure> {
    let conflict = |message: String| Err(Failure::new(Exit::Conflict, message));
    match acted {
        CaseActed::Done(case) => Ok(case),
        CaseActed::NotFound => Err(not_found(id)),
        CaseActed::Closed(case) => {
            conflict(format!("it is over: case {id} is {}", standing(&case)))
        }
        CaseActed::Changed(case) => {
            let money = Money { minor: case.amount, currency: case.currency };
            conflict(format!(
                "{money} is at stake in case {id} by now ({} in minor units): look at it again, then \
                 give --saw {}",
                case.amount, case.amount
            ))
        }
        CaseActed::Impossible(why) => conflict(format!("case {id} cannot be ended so: {why}")),
        CaseActed::TooManyNotes => {
            conflict(format!("case {id} has {NOTES_MAX} notes, which is the most"))
        }
    }
}

/// Its status, and who has it or how it ended.
fn standing(case: &CaseRecord) -> String {
    let more = case.resolution.as_ref().map(|how| format!(" ({how})"));
    let owner = case.owner.as_ref().map(|owner| format!(", owned by {}", printable(owner)));
    format!("{}{}{}", case.status, more.unwrap_or_default(), owner.unwrap_or_default())
}

fn not_found(id: Uuid) -> Failure {
    let message = format!("no case has the id {id}; `quittance cases list` shows them");
    Failure::new(Exit::NotFound, message)
}

fn owner(text: &str) -> Result<String, String> {
    bounded(text, OWNER_MAX_BYTES)
}

fn note(text: &str) -> Result<String, String> {
    bounded(text, NOTE_MAX_BYTES)
}

fn bounded(text: &str, max_bytes: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > max_bytes || text.contains('\0') {
        return Err(format!("from 1 to {max_bytes} bytes are needed"));
    }
    Ok(text.to_owned())
}
