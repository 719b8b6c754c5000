//! `quittance simulate`: a genuinely signed notification, sent or printed.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde::Serialize;
use shared::config::Config;
use shared::config::account::AccountSection;
use shared::money::{Currency, Money};
use shared::process;
use shared::provider::Provider;
use shared::units::recordable;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::exit::{Exit, Failure};
use super::output::{Output, data, say};
use super::table::{Table, printable};
use crate::simulate::post::{curl, raw, send};
use crate::simulate::signing::Signing;
use crate::simulate::{Scenario, Sender, Simulated, Terms, open, sample, seed_of};

mod trust;

/// What is asked for when nobody says: 0.10 where the currency has two decimals.
const AMOUNT_MINOR: i64 = 10;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SimulateArgs {
    /// The account's provider
    #[arg(value_parser = provider())]
    provider: Provider,
    #[arg(value_enum)]
    scenario: Scenario,
    /// An account of the configuration: whose numbers and secrets it bears
    #[arg(long, value_parser = account_name)]
    account: String,
    /// The order's number
    #[arg(long, value_name = "NO")]
    order: String,
    /// As a decimal, such as 0.10 [default: ten of the smallest unit]
    #[arg(long, value_parser = decimal)]
    amount: Option<String>,
    /// Three letters of ISO 4217 [default: the provider's own]
    #[arg(long, value_parser = str::parse::<Currency>)]
    currency: Option<Currency>,
    /// The shop's own number of the agreement, where one is told of [default: the order's]
    #[arg(long, value_name = "NO")]
    agreement: Option<String>,
    /// Where to post it [default: /notify/ACCOUNT at ingress.listen]
    #[arg(long)]
    url: Option<String>,
    /// Another seed is another transaction [default: made from account and order]
    #[arg(long)]
    seed: Option<u64>,
    /// Which charge under the agreement: each is a month later, and a transaction of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=120))]
    charge: u32,
    /// When it is sent, RFC 3339: what a provider with a time window signs [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<OffsetDateTime>,
    /// A private key in PKCS #8 PEM, where the provider signs with a key pair
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// How often to send it [default: 1; for `duplicate` 2]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: Option<u32>,
    /// Print instead of sending: the whole HTTP request, its body alone, or a command line of curl
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true,
        default_missing_value = "request")]
    print: Option<Print>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Print {
    Request,
    Body,
    Curl,
}

const EXAMPLES: &str = "\
Examples:
  quittance simulate alipay paid --account shop-alipay --order A-1 --amount 0.10
  quittance simulate alipay refund-full --account shop-alipay --order A-1
  quittance simulate alipay paid --account shop-alipay --order A-1 --seed 2    another transaction
  quittance simulate alipay forged --account shop-alipay --order A-1
  quittance simulate alipay paid --account shop-alipay --order A-1 --print > request.http

Not every provider knows every scenario: where it does not, those that it knows are listed.
A provider that signs with a key pair is simulated with keys/ACCOUNT.simulate.pem beside the
configuration, made when it is missing; one that shares a secret, with the account's own.
Exit 0 when the answer is what the scenario calls for, else 1.";

/// One answer.
#[derive(Debug, Serialize)]
struct Line {
    scenario: String,
    order_no: String,
    status: u16,
    body: String,
    expected: &'static str,
    as_expected: bool,
}

pub async fn run(args: SimulateArgs, config: &Config, output: Output) -> Result<Exit, Failure> {
    let section = section(&args, config)?;
    let now = process::now();
    let mut signing = Signing::new(&args.account, &config.base, args.key.as_deref(), now);
    let sender = open(&section.own, &mut signing)?;
    let terms = terms(&args, sender.as_ref())?;
    let simulated =
        sender.simulate(args.scenario, &terms).ok_or_else(|| unplayed(&args, sender.as_ref()))?;
    signing.into_notes().iter().for_each(|note| say(note));
    if let Some(warning) = trust::warning(&args.account, config, sender.as_ref(), &terms) {
        say(&warning);
    }
    let times = args.repeat.unwrap_or(args.scenario.times());
    let url = args.url.clone().unwrap_or_else(|| url(config, &args.account));
    if let Some(what) = args.print {
        let text = match what {
            Print::Request => raw(&url, &simulated)?,
            Print::Body => simulated.body.clone(),
            Print::Curl => curl(&url, &simulated)? + "\n",
        };
        // Bodies stand apart; a request says by itself where it ends.
        let between = if what == Print::Body { "\n" } else { "" };
        data(&vec![text; times as usize].join(between))?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![];
    for _ in 0..times {
        lines.push(post(&url, &simulated, &args).await?);
    }
    output.list(&lines, table)?;
    if lines.iter().all(|line| line.as_expected) {
        return Ok(Exit::Done);
    }
    say(&format!("the scenario calls for another answer: {}", simulated.expected.as_str()));
    Ok(Exit::Failed)
}

async fn post(url: &str, simulated: &Simulated, args: &SimulateArgs) -> Result<Line, Failure> {
    let answer = send(url, simulated).await?;
    Ok(Line {
        scenario: args.scenario.word(),
        order_no: args.order.clone(),
        as_expected: simulated.is_answered_by(&answer),
        expected: simulated.expected.as_str(),
        status: answer.status,
        body: answer.body,
    })
}

fn terms(args: &SimulateArgs, sender: &dyn Sender) -> Result<Terms, Failure> {
    let currency = args.currency.unwrap_or(sender.currency());
    if !sender.tells(currency) {
        let provider = args.provider.as_str();
        let message = format!("--currency {currency}: {provider} tells no amounts in it here");
        return Err(Failure::new(Exit::Usage, message));
    }
    let amount = match &args.amount {
        Some(text) => Money::from_decimal(text, currency).map_err(|_| {
            let decimals = currency.exponent();
            let rule = format!("{currency} has {decimals} decimals, and 11 digits before them");
            Failure::new(Exit::Usage, format!("--amount {text}: {rule} at most"))
        })?,
        None => Money { minor: AMOUNT_MINOR, currency },
    };
    Ok(Terms {
        order_no: args.order.clone(),
        amount,
        agreement: args.agreement.clone().unwrap_or_else(|| args.order.clone()),
        seed: args.seed.unwrap_or_else(|| seed_of(&args.account, &args.order)),
        charge: args.charge - 1,
        now: args.at.unwrap_or_else(process::now),
    })
}

/// The account's section, which must be of this provider.
fn section<'a>(args: &SimulateArgs, config: &'a Config) -> Result<&'a AccountSection, Failure> {
    let account = &args.account;
    let Some(section) = config.accounts.get(account) else {
        return Err(unknown(args, config));
    };
    let provider = section.own.provider();
    if provider == args.provider {
        return Ok(section);
    }
    let (own, asked) = (provider.as_str(), args.provider.as_str());
    let message = format!(
        "accounts.{account}: its provider is `{own}`, not `{asked}`: write `quittance simulate {own} …`"
    );
    Err(Failure::new(Exit::Usage, message))
}

fn unknown(args: &SimulateArgs, config: &Config) -> Failure {
    let account = &args.account;
    let known: Vec<_> = config.accounts.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let sample = sample(args.provider, account);
    let mut message = format!(
        "accounts.{account}: not configured (configured: {known}). Add it to quittance.toml:\n\n{}",
        sample.section.trim_end()
    );
    for (file, text) in &sample.files {
        message += &format!("\n\nand write to {}, for trying out:\n\n{text}", file.display());
    }
    Failure::new(Exit::Usage, message)
}

fn unplayed(args: &SimulateArgs, sender: &dyn Sender) -> Failure {
    let words: Vec<_> = sender.scenarios().iter().map(|scenario| scenario.word()).collect();
    let (provider, scenario) = (args.provider.as_str(), args.scenario.word());
    let message = format!("{provider} has no `{scenario}`; it has {}", words.join(", "));
    Failure::new(Exit::Usage, message)
}

fn url(config: &Config, account: &str) -> String {
    let mut listen = config.ingress.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    format!("http://{listen}/notify/{account}")
}

fn table(lines: &[Line]) -> String {
    let mut table = Table::new(&["HTTP", "ANSWER", "EXPECTED", ""]);
    for line in lines {
        let verdict = if line.as_expected { "ok" } else { "NOT AS EXPECTED" };
        let body = printable(&line.body);
        table.row([line.status.to_string(), body, line.expected.to_owned(), verdict.to_owned()]);
    }
    table.to_string()
}

fn provider() -> impl clap::builder::TypedValueParser<Value = Provider> {
    let words = Provider::ALL.iter().map(|provider| provider.as_str());
    let unknown = "no such provider";
    PossibleValuesParser::new(words).try_map(move |word| Provider::from_word(&word).ok_or(unknown))
}

/// It becomes a part of a file's name and of a url.
fn account_name(text: &str) -> Result<String, String> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(letter) {
        return Ok(text.to_owned());
    }
    Err("a name has up to 64 letters, digits, `-` or `_`".to_owned())
}

/// How many decimals there may be is the currency's affair.
fn decimal(text: &str) -> Result<String, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole) && digits(fraction) && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        return Ok(text.to_owned());
    }
    Err("write it as 0.10: more than 0, digits and one point".to_owned())
}

fn instant(text: &str) -> Result<OffsetDateTime, String> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok().and_then(recordable);
    at.ok_or_else(|| "write it as 2026-11-23T12:00:00Z".to_owned())
}
