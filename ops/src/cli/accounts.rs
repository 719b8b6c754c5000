//! `quittance accounts`: each account's keys, when they end, and when each last verified something.

use std::collections::HashMap;

use clap::Args;
use serde::Serialize;
use shared::config::Config;
use shared::process;
use shared::provider::{Account, Accounts, KeyNote};
use time::OffsetDateTime;
use worker::ledger::keys::KeyUse;
use worker::ledger::{Ledger, LedgerError, Session as _};

use super::exit::{Exit, Failure};
use super::output::{Output, say};
use super::table::{Table, instant};
use crate::embedded::EmbeddedError;
use crate::engine::{self, Engine, EngineError};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quittance accounts\n  quittance accounts -o json\n  quittance accounts --offline    on a host without a way to the ledger"
)]
pub struct AccountsArgs {
    /// Do not ask the ledger when each key last verified something
    #[arg(long)]
    offline: bool,
}

/// One key of one account. The JSON keys are promises.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    account: String,
    provider: &'static str,
    key: String,
    fingerprint: String,
    kind: String,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    days_left: Option<i64>,
    /// `unlimited`, `valid`, `expiring` or `expired`.
    state: &'static str,
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
    quarantine: bool,
    #[serde(skip)]
    asks_for_care: bool,
}

pub async fn run(args: AccountsArgs, config: &Config, output: Output) -> Result<Exit, Failure> {
    let accounts = config.accounts()?;
    let uses = match args.offline {
        true => vec![],
        false => match engine::open(config) {
            Ok(Engine::Embedded(embedded)) => uses(&embedded.ledger()).await?,
            Ok(Engine::Servers(servers)) => uses(&servers.ledger).await?,
            // Nothing was settled yet.
            Err(EngineError::Embedded(EmbeddedError::Missing(_))) => vec![],
            Err(error) => return Err(error.into()),
        },
    };
    let mut lines = lines(&accounts, &uses, process::now());
    let quarantined = config.choices().quarantined;
    for line in &mut lines {
        line.quarantine = quarantined.contains(&line.account);
    }
    output.list(&lines, |lines| table(lines, args.offline))?;
    let care = lines.iter().filter(|line| line.asks_for_care).count();
    if care > 0 {
        say(&format!("{care} to renew: docs/operations.md has the steps"));
    }
    Ok(Exit::Done)
}

async fn uses<L: Ledger>(ledger: &L) -> Result<Vec<KeyUse>, LedgerError> {
    ledger.open().await?.keys().await
}

/// A line for each key, by account; in the order of the configuration within one.
fn lines(accounts: &Accounts, uses: &[KeyUse], now: OffsetDateTime) -> Vec<Line> {
    let used: HashMap<(&str, &str), OffsetDateTime> =
        uses.iter().map(|one| ((&*one.account, &*one.key), one.last_used_at)).collect();
    let mut sorted: Vec<&Account> = accounts.0.values().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let of = |account: &Account| {
        let notes = account.scheme.keys();
        let line = notes.clone().into_iter().map(|note| Line {
            account: account.name.clone(),
            provider: account.provider().as_str(),
            days_left: note.days_left(now),
            state: note.expiry(now).as_str(),
            asks_for_care: note.asks_for_care(now),
            last_used_at: last_used(&notes, &note, |key| used.get(&(&*account.name, key)).copied()),
            key: note.id,
            fingerprint: note.fingerprint,
            kind: note.kind,
            expires_at: note.expires_at,
            quarantine: false,
        });
        line.collect::<Vec<_>>()
    };
    sorted.into_iter().flat_map(of).collect()
}

/// Each key that ends soon, or has ended, in a line.
pub(super) fn ending(accounts: &Accounts, now: OffsetDateTime) -> Vec<String> {
    let told = |line: Line| {
        format!("accounts.{}: {} {} ends {}", line.account, line.kind, line.key, expires(&line))
    };
    lines(accounts, &[], now).into_iter().filter(|line| line.asks_for_care).map(told).collect()
}

/// When a key, or one that it issued, last verified something.
fn last_used(
    notes: &[KeyNote],
    note: &KeyNote,
    used: impl Fn(&str) -> Option<OffsetDateTime>,
) -> Option<OffsetDateTime> {
    let mut ids = vec![note.id.as_str()];
    let mut at = 0;
    while let Some(id) = ids.get(at).copied() {
        let issued = notes.iter().filter(|other| other.issuer.as_deref() == Some(id));
        let new: Vec<_> = issued.map(|other| &*other.id).filter(|id| !ids.contains(id)).collect();
        ids.extend(new);
        at += 1;
    }
    ids.into_iter().filter_map(used).max()
}

fn table(lines: &[Line], offline: bool) -> String {
    let mut table = Table::new(&[
        "ACCOUNT",
        "PROVIDER",
        "KEY",
        "FINGERPRINT",
        "KIND",
        "EXPIRES",
        "LAST VERIFIED",
    ]);
    for line in lines {
        let unknown = if offline { "not asked" } else { "never" };
        table.row([
            line.account.clone(),
            line.provider.to_owned(),
            line.key.clone(),
            line.fingerprint.clone(),
            line.kind.clone(),
            expires(line),
            line.last_used_at.map_or(unknown.to_owned(), instant),
        ]);
    }
    table.to_string()
}

fn expires(line: &Line) -> String {
    let (Some(end), Some(days)) = (line.expires_at, line.days_left) else {
        return "never".to_owned();
    };
    match days {
        ..0 => format!("{} EXPIRED", end.date()),
        0 => format!("{} TODAY", end.date()),
        1 => format!("{} (1 day)", end.date()),
        _ => format!("{} ({days} days)", end.date()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

    fn line(expires_at: Option<OffsetDateTime>) -> Line {
        let bare = KeyNote::bare("f", "RSA 2048");
        let note = KeyNote { id: "k".into(), expires_at, ..bare };
        Line {
            account: "shop".into(),
            provider: "alipay",
            days_left: note.days_left(NOW),
            state: note.expiry(NOW).as_str(),
            asks_for_care: note.asks_for_care(NOW),
            key: note.id,
            fingerprint: note.fingerprint,
            kind: note.kind,
            expires_at,
            last_used_at: None,
            quarantine: false,
        }
    }

    #[test]
    fn an_end_is_told_with_the_days_that_are_left() {
        for (end, told) in [
            (None, "never"),
            (Some(datetime!(2027-01-02 12:00 UTC)), "2027-01-02 (40 days)"),
            (Some(datetime!(2026-11-24 13:00 UTC)), "2026-11-24 (1 day)"),
            (Some(datetime!(2026-11-23 12:01 UTC)), "2026-11-23 TODAY"),
            (Some(datetime!(2026-11-23 11:59 UTC)), "2026-11-23 EXPIRED"),
        ] {
            assert_eq!(expires(&line(end)), told);
        }
    }

    #[test]
    fn an_issuer_is_in_use_as_long_as_what_it_issued() {
        let note = |id: &str, issuer: Option<&str>| KeyNote {
            issuer: issuer.map(ToOwned::to_owned),
            ..KeyNote::bare(id, "certificate")
        };
        let notes = [
            note("root", None),
            note("between", Some("root")),
            note("below", Some("between")),
            note("other", Some("root")),
            note("loop", Some("loop")),
        ];
        let used = |id: &str| (id == "below").then_some(NOW);
        let told = notes.each_ref().map(|note| last_used(&notes, note, used).is_some());
        assert_eq!(told, [true, true, true, false, false]);
    }

    #[test]
    fn the_keys_in_json_are_those_that_were_promised() {
        let json = serde_json::to_value(line(Some(datetime!(2026-12-01 00:00 UTC)))).unwrap();
        let expected = serde_json::json!({
            "account": "shop", "provider": "alipay", "key": "k", "fingerprint": "f",
            "kind": "RSA 2048",
            "expires_at": "2026-12-01T00:00:00Z", "days_left": 7, "state": "expiring",
            "last_used_at": null, "quarantine": false,
        });
        assert_eq!(json, expected);
    }
}
