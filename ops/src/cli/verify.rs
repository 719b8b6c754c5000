//! `quittance verify`: is a captured request genuine, and if not, why?
//!
//! **Invariant**: nothing of the request is shown but what a counter or a case would show: no payer,
//! no value of a header, no text of the body.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use shared::config::Config;
use shared::process;
use shared::provider::diagnosis::{Case, Effort, diagnose};
use shared::provider::public_key::{HashFunction, PublicKey};
use shared::provider::{Account, Accounts};
use shared::units::recordable;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::exit::{Exit, Failure};
use super::output::{Output, say};
use super::table::printable;
use crate::capture::{self, BODY_MAX_BYTES, Capture, FILE_MAX_BYTES, Fidelity};
use crate::simulate::key;

mod report;

use self::report::{Report, text};

const EXAMPLES: &str = "\
Examples:
  quittance verify --account shop-alipay --request capture.txt
  quittance verify --account shop-alipay --request page.har --entry 3 -o json
  quittance verify --account shop-wechat --request headers.txt --body body.bin --at 2026-11-23T04:00:05Z
  quittance verify --account shop-alipay --request - --own-key keys/app.pem < capture.txt

A capture is raw HTTP, a HAR file, or what `curl -v`, `--trace` or `--trace-ascii` wrote. Nothing is sent,
enqueued or stored. Exit 0 when it is genuine, 1 when it is not.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArgs {
    /// The account that it was sent to
    #[arg(long, value_name = "NAME")]
    account: String,
    /// The captured request, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Which request of a HAR file, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    entry: usize,
    /// The body to the byte, where the capture does not show it
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// When it was received, RFC 3339 or Unix seconds [default: what the capture says, else now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<OffsetDateTime>,
    /// Your own key, public or private: tells whether it stands where the provider's belongs
    #[arg(long, value_name = "FILE")]
    own_key: Option<PathBuf>,
}

pub fn run(args: VerifyArgs, config: &Config, output: Output) -> Result<Exit, Failure> {
    let section = config.accounts.get(&args.account).ok_or_else(|| unknown(&args, config))?;
    let account = section.account(&args.account, &config.base)?;
    let accounts = others(config, &account);
    let own_key = args.own_key.as_deref().map(own_key).transpose()?;
    let capture = captured(&args)?;
    let (at, at_from) = match (args.at, capture.at) {
        (Some(at), _) => (at, "option"),
        (None, Some(at)) => (at, "capture"),
        (None, None) => (process::now(), "now"),
    };
    let diagnosed = diagnose(&Case {
        account: &account,
        accounts: &accounts,
        own_key: own_key.as_ref(),
        received: &capture.received,
        now: at,
        effort: Effort::Thorough,
    });
    let blank = Report::new(&account, capture.form, (at, at_from));
    let report = match diagnosed {
        Ok(verified) => blank.genuine(verified, section, at, &config.base),
        Err(diagnosis) => {
            if capture.fidelity == Fidelity::LettersLost {
                say("a capture by --trace-ascii shows a dot for every letter beyond ASCII: \
                     where the body has any, capture it with --trace, or give it with --body");
            }
            blank.rejected(&diagnosis)
        }
    };
    output.one(&report, text)?;
    Ok(report.exit())
}

/// All that can be read of the configured accounts; one that cannot is only told.
fn others(config: &Config, account: &Account) -> Accounts {
    let mut accounts = HashMap::from([(account.name.clone(), account.clone())]);
    for (name, section) in config.accounts.iter().filter(|(name, _)| **name != account.name) {
        match section.account(name, &config.base) {
            Ok(other) => drop(accounts.insert(name.clone(), other)),
            Err(problems) => {
                for problem in problems {
                    say(&format!("not compared with: {}", printable(&problem.to_string())));
                }
            }
        }
    }
    Accounts(accounts)
}

fn captured(args: &VerifyArgs) -> Result<Capture, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let body = match &args.body {
        Some(path) => Some(Bytes::from(read(path, BODY_MAX_BYTES as u64).map_err(usage)?)),
        None => None,
    };
    let file = read(&args.request, FILE_MAX_BYTES).map_err(usage)?;
    let shown = args.request.display();
    capture::parse(&file, args.entry, body).map_err(|error| usage(format!("{shown}: {error}")))
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let fail = |error: io::Error| format!("{shown}: {error}");
    let source: Box<dyn io::Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        Some(_) | None => Box::new(File::open(path).map_err(fail)?),
    };
    let mut bytes = vec![];
    source.take(bytes_max + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("{shown}: larger than {bytes_max} bytes"));
    }
    Ok(bytes)
}

/// Whichever half somebody has at hand, and however short it is: it is only compared.
fn own_key(path: &Path) -> Result<PublicKey, Failure> {
    let usage = |error: String| Failure::new(Exit::Usage, format!("{}: {error}", path.display()));
    let bytes = read(path, 64 * 1024).map_err(|error| Failure::new(Exit::Usage, error))?;
    let text = String::from_utf8_lossy(&bytes);
    let parsed = if text.contains("PRIVATE KEY") {
        PublicKey::new_for(&key::read(path)?.to_public_key(), HashFunction::Sha1)
    } else {
        PublicKey::parse_for(&text, HashFunction::Sha1)
    };
    parsed.map_err(|error| usage(error.to_string()))
}

fn unknown(args: &VerifyArgs, config: &Config) -> Failure {
    let known: Vec<_> = config.accounts.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let name = &args.account;
    Failure::new(Exit::Usage, format!("accounts.{name}: not configured (configured: {known})"))
}

/// RFC 3339, or Unix seconds.
fn time(text: &str) -> Result<OffsetDateTime, String> {
    let seconds = text.parse().ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    let time = seconds.or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok());
    time.and_then(recordable)
        .ok_or_else(|| "write it as 2026-11-23T04:00:05Z, or as Unix seconds".to_owned())
}
