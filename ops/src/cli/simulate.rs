//! `quittance simulate`: a genuinely signed notification, sent or printed.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rsa::RsaPrivateKey;
use serde::Serialize;
use shared::config::Config;
use shared::money::{Currency, Money};
use shared::provider::Section;
use shared::provider::alipay::Section as AlipaySection;

use super::exit::{Exit, Failure};
use super::output::{Output, data, say};
use super::table::{Table, printable};
use crate::simulate::alipay::{Scenario, simulate};
use crate::simulate::{Simulated, Terms, key, seed_of, send};

#[derive(Debug, Args)]
pub struct SimulateArgs {
    #[command(subcommand)]
    provider: ProviderArgs,
}

#[derive(Debug, Subcommand)]
enum ProviderArgs {
    /// As Alipay would post it, signed with RSA2
    #[command(after_help = EXAMPLES)]
    Alipay(AlipayArgs),
}

const EXAMPLES: &str = "\
Examples:
  quittance simulate alipay paid --account shop-alipay --order A-1 --amount 0.10
  quittance simulate alipay refund-full --account shop-alipay --order A-1
  quittance simulate alipay paid --account shop-alipay --order A-1 --seed 2    another transaction
  quittance simulate alipay forged --account shop-alipay --order A-1
  quittance simulate alipay paid --account shop-alipay --order A-1 --print | curl --data-binary @- URL

It signs with keys/ACCOUNT.simulate.pem beside the configuration, which it makes when it is missing.
Exit 0 when the answer is what the scenario calls for, else 1.";

#[derive(Debug, Args)]
struct AlipayArgs {
    #[arg(value_enum)]
    scenario: Scenario,
    /// An account of the configuration: whose app_id and seller_id it bears
    #[arg(long, value_parser = account_name)]
    account: String,
    /// The order's number
    #[arg(long, value_name = "NO")]
    order: String,
    /// In yuan
    #[arg(long, default_value = "0.10", value_parser = yuan)]
    amount: Money,
    /// Where to post it [default: /notify/ACCOUNT at ingress.listen]
    #[arg(long)]
    url: Option<String>,
    /// Another seed is another transaction [default: made from account and order]
    #[arg(long)]
    seed: Option<u64>,
    /// A private key in PKCS #8 PEM
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// How often to send it [default: 1; for `duplicate` 2]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: Option<u32>,
    /// Print the body instead of sending it
    #[arg(long)]
    print: bool,
}

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
    let ProviderArgs::Alipay(args) = args.provider;
    let key = signing_key(&args, config)?;
    let section =
        config.accounts.get(&args.account).ok_or_else(|| unknown(&args.account, config))?;
    let Section::Alipay(section) = &section.own else {
        let message = format!("accounts.{}: its provider is not alipay", args.account);
        return Err(Failure::new(Exit::Usage, message));
    };
    let simulated = simulate(args.scenario, &terms(&args, section), &key);
    let times = args.repeat.unwrap_or(args.scenario.times());
    if args.print {
        let bodies = vec![simulated.body; times as usize];
        data(&bodies.join("\n"))?;
        return Ok(Exit::Done);
    }
    let url = args.url.clone().unwrap_or_else(|| url(config, &args.account));
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

async fn post(url: &str, simulated: &Simulated, args: &AlipayArgs) -> Result<Line, Failure> {
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

fn terms(args: &AlipayArgs, section: &AlipaySection) -> Terms {
    Terms {
        app_id: section.app_id.clone(),
        seller_id: section.seller_id.clone(),
        order_no: args.order.clone(),
        amount: args.amount,
        seed: args.seed.unwrap_or_else(|| seed_of(&args.account, &args.order)),
    }
}

/// The named key; or the account's own, made where it is missing.
fn signing_key(args: &AlipayArgs, config: &Config) -> Result<RsaPrivateKey, Failure> {
    if let Some(path) = &args.key {
        return Ok(key::read(path)?);
    }
    let path = config.resolve(Path::new(&format!("keys/{}.simulate.pem", args.account)));
    let public = key::public_path(&path);
    let signing_key = if path.exists() {
        let signing_key = key::read(&path)?;
        if !public.exists() {
            key::write_public(&signing_key, &public)?;
        }
        signing_key
    } else {
        let signing_key = key::make(&path)?;
        say(&format!("made a key pair: {} and {}", path.display(), public.display()));
        signing_key
    };
    if let Some(Section::Alipay(section)) =
        config.accounts.get(&args.account).map(|section| &section.own)
        && !section.public_keys.iter().any(|file| config.resolve(file) == public)
    {
        let (account, file) = (&args.account, relative_public(&args.account));
        say(&format!(
            "{file} is not trusted yet: add it to accounts.{account}.public_keys and restart the ingress"
        ));
    }
    Ok(signing_key)
}

fn unknown(account: &str, config: &Config) -> Failure {
    let known: Vec<_> = config.accounts.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let file = relative_public(account);
    let message = format!(
        "accounts.{account}: not configured (configured: {known}). Add it to quittance.toml:\n\n\
         [accounts.{account}]\nprovider = \"alipay\"\napp_id = \"2021000000000001\"\n\
         public_keys = [\"{file}\"]"
    );
    Failure::new(Exit::Usage, message)
}

fn relative_public(account: &str) -> String {
    format!("keys/{account}.simulate.pub.pem")
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

/// It becomes a part of a file's name and of a url.
fn account_name(text: &str) -> Result<String, String> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(letter) {
        return Ok(text.to_owned());
    }
    Err("a name has up to 64 letters, digits, `-` or `_`".to_owned())
}

fn yuan(text: &str) -> Result<Money, String> {
    match Money::from_decimal(text, Currency::CNY) {
        Ok(money) if money.minor > 0 => Ok(money),
        Ok(_) | Err(_) => Err("write it as 0.10: more than 0, at most two decimals".to_owned()),
    }
}
