//! Dead letters and their groups for people, and one letter for programs too.

use serde::Serialize;
use shared::message::parcel::Header;
use shared::money::Money;
use shared::process;
use shared::provider::Provider;
use time::{Duration, OffsetDateTime};
use worker::ledger::Session;
use worker::ledger::bodies::StoredBody;
use worker::ledger::dead_letters::group::{GroupRecord, Stake};
use worker::ledger::dead_letters::letter::Envelope;
use worker::ledger::dead_letters::{EndingRecord, FailureRecord, LetterFile, LetterRecord};

use crate::cli::body::ShownBody;
use crate::cli::exit::Failure;
use crate::cli::table::{Table, instant, printable};

/// One letter with everything about it, its personal fields masked.
#[derive(Debug, Serialize)]
pub(super) struct ShownLetter {
    #[serde(flatten)]
    letter: LetterRecord,
    attempts: Vec<FailureRecord>,
    resolutions: Vec<EndingRecord>,
    envelope: Envelope,
    #[serde(flatten)]
    body: ShownBody,
}

/// With the whole body where somebody says why.
pub(super) async fn file<S: Session>(
    session: &mut S,
    file: LetterFile,
    reason: Option<String>,
) -> Result<ShownLetter, Failure> {
    let LetterFile { letter, envelope, failures, endings, body: stored } = file;
    let mut body = ShownBody::of(Provider::from_word(&letter.provider), &stored);
    if let Some(reason) = reason {
        body.reveal(session, &stored, ("dead-letter", letter.id.to_string()), reason).await?;
    }
    Ok(ShownLetter { letter, attempts: failures, resolutions: endings, envelope, body })
}

/// The same, where a body that is gone is no failure.
pub(super) async fn file_if_there<S: Session>(
    session: &mut S,
    letter: LetterFile,
    reason: Option<String>,
) -> Result<ShownLetter, Failure> {
    let is_there = matches!(letter.body, StoredBody::Open { .. });
    file(session, letter, reason.filter(|_| is_there)).await
}

pub(super) fn groups(groups: &[GroupRecord]) -> String {
    let mut table = Table::new(&[
        "GROUP",
        "STATUS",
        "STAGE",
        "CODE",
        "PROVIDER",
        "OPEN",
        "ORDERS",
        "AT STAKE",
        "LAST SEEN",
        "OWNER",
        "CAUSE",
    ]);
    for group in groups {
        table.row([
            group.id.to_string(),
            group.status.as_str().to_owned(),
            group.stage.clone(),
            group.code.clone(),
            group.provider.clone(),
            group.open.to_string(),
            group.orders.to_string(),
            at_stake(&group.at_stake),
            age(group.last_seen_at),
            group.owner.clone().unwrap_or_default(),
            group.message.clone(),
        ]);
    }
    let noted = groups.iter().filter_map(|group| Some((group.id, group.note.as_ref()?)));
    let notes = noted.map(|(id, note)| format!("note on {id}: {}\n", printable(note)));
    table.to_string() + &notes.collect::<String>()
}

pub(super) fn letters(letters: &[LetterRecord]) -> String {
    let mut table = Table::new(&[
        "ID", "STATE", "AGE", "PROVIDER", "ACCOUNT", "ORDER", "AMOUNT", "STAGE", "CODE", "DIED",
    ]);
    for letter in letters {
        table.row([
            letter.id.to_string(),
            letter.state.as_str().to_owned(),
            age(letter.buried_at),
            letter.provider.clone(),
            letter.account.clone().unwrap_or_default(),
            letter.order_number.clone().unwrap_or_default(),
            money(letter),
            letter.stage.clone(),
            letter.code.clone(),
            times(letter.failures),
        ]);
    }
    table.to_string()
}

pub(super) fn details(shown: &ShownLetter) -> String {
    let ShownLetter { letter, envelope, .. } = shown;
    let lines = [
        ("letter", letter.id.to_string()),
        ("state", letter.state.as_str().to_owned()),
        ("died", format!("{}: {} {}", times(letter.failures), letter.stage, letter.code)),
        ("cause", letter.message.clone()),
        ("group", letter.group_id.to_string()),
        ("provider", letter.provider.clone()),
        ("account", letter.account.clone().unwrap_or_default()),
        ("order", letter.order_number.clone().unwrap_or_default()),
        ("amount", money(letter)),
        ("message id", letter.message_id.clone()),
        ("received", letter.received_at.map(instant).unwrap_or_default()),
        ("buried", instant(letter.buried_at)),
        ("size", format!("{} bytes, sha256 {}", envelope.body_bytes, envelope.body_sha256)),
        ("cut", envelope.cut.join(", ")),
    ];
    let shown_lines = lines.into_iter().filter(|(_, value)| !value.is_empty());
    let head: String =
        shown_lines.map(|(name, value)| format!("{name:<12} {}\n", printable(&value))).collect();
    head + &attempts(&shown.attempts)
        + &resolutions(&shown.resolutions)
        + &headers(envelope)
        + &shown.body.lines()
}

fn attempts(attempts: &[FailureRecord]) -> String {
    let mut table = Table::new(&[
        "N",
        "STAGE",
        "CODE",
        "TRIED",
        "FIRST FAILED",
        "LAST FAILED",
        "BURIED",
        "WORKER",
        "CAUSE",
    ]);
    for failure in attempts {
        table.row([
            failure.n.to_string(),
            failure.stage.clone(),
            failure.code.clone(),
            failure.attempts.to_string(),
            failure.first_failed_at.map(instant).unwrap_or_default(),
            failure.last_failed_at.map(instant).unwrap_or_default(),
            instant(failure.buried_at),
            failure.worker.clone().unwrap_or_default(),
            failure.cause.clone(),
        ]);
    }
    format!("\nFailures\n{table}")
}

fn resolutions(resolutions: &[EndingRecord]) -> String {
    if resolutions.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["AT", "WHAT", "BY", "REASON"]);
    for ending in resolutions {
        let EndingRecord { resolution, actor, reason, at } = ending;
        table.row([instant(*at), resolution.clone(), actor.clone(), reason.clone()]);
    }
    format!("\nResolutions\n{table}")
}

fn headers(envelope: &Envelope) -> String {
    let mut table = Table::new(&["HEADER", "VALUE"]);
    for (name, value) in &envelope.headers {
        let value = match value {
            Header::Number(number) => number.to_string(),
            Header::Text(text) => text.clone(),
        };
        table.row([name.clone(), value]);
    }
    format!("\nHeaders\n{table}")
}

fn times(failures: i64) -> String {
    if failures == 1 { "once".to_owned() } else { format!("×{failures}") }
}

fn money(letter: &LetterRecord) -> String {
    let money = letter.amount.zip(letter.currency);
    money.map(|(minor, currency)| Money { minor, currency }.to_string()).unwrap_or_default()
}

fn at_stake(stakes: &[Stake]) -> String {
    let money = |stake: &Stake| Money { minor: stake.amount, currency: stake.currency }.to_string();
    stakes.iter().map(money).collect::<Vec<_>>().join(", ")
}

/// How long ago, in its largest unit.
fn age(since: OffsetDateTime) -> String {
    let age = process::now() - since;
    let units = [(Duration::DAY, "d"), (Duration::HOUR, "h"), (Duration::MINUTE, "min")];
    let largest = units.into_iter().find(|(unit, _)| age >= *unit);
    let (unit, name) = largest.unwrap_or((Duration::SECOND, "s"));
    format!("{} {name}", age.whole_seconds().max(0) / unit.whole_seconds())
}
