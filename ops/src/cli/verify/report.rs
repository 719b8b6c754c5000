//! What `quittance verify` says, for people and for programs.

use std::path::Path;

use serde::Serialize;
use shared::config::account::AccountSection;
use shared::notification::{AgreementChange, Fact, Notification};
use shared::provider::diagnosis::{Confidence, Diagnosis};
use shared::provider::{Account, Genuine, Verified};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::capture::Form;
use crate::cli::exit::Exit;
use crate::cli::table::{instant, printable};

/// What was found. Its keys are promises to scripts.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    account: String,
    provider: &'static str,
    /// `http`, `har` or `curl`.
    capture: &'static str,
    /// Against which freshness was judged, and where that comes from: `option`, `capture` or `now`.
    at: String,
    at_from: &'static str,
    genuine: bool,
    /// The key that verifies it, or would once the cause is undone.
    key: Option<String>,
    /// The ingress's counter label.
    reason: Option<&'static str>,
    rejection: Option<String>,
    cause: Option<&'static str>,
    says: Option<&'static str>,
    /// A second cause beneath the first.
    also: Option<&'static str>,
    proven: Option<bool>,
    detail: Option<String>,
    skew_seconds: Option<i64>,
    advice: Option<&'static str>,
    /// What a worker would read.
    notifications: Vec<Line>,
    unreadable: Option<String>,
    #[serde(skip)]
    shown_at: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Line {
    identity: String,
    kind: String,
    order_no: Option<String>,
    /// In minor units.
    amount: Option<i64>,
    currency: Option<String>,
    #[serde(skip)]
    shown_amount: Option<String>,
}

impl Report {
    pub(super) fn new(
        account: &Account,
        capture: Form,
        (at, at_from): (OffsetDateTime, &'static str),
    ) -> Self {
        Self {
            account: account.name.clone(),
            provider: account.provider().as_str(),
            capture: capture.as_str(),
            at: at.format(&Rfc3339).unwrap_or_default(),
            at_from,
            shown_at: instant(at),
            ..Self::default()
        }
    }

    pub(super) fn exit(&self) -> Exit {
        if self.genuine { Exit::Done } else { Exit::Failed }
    }

    pub(super) fn genuine(
        self,
        verified: Verified,
        section: &AccountSection,
        at: OffsetDateTime,
        base: &Path,
    ) -> Self {
        let (key, carried) = (verified.key().to_owned(), verified.carried().to_vec());
        let body = verified.into_body();
        let genuine = Genuine { http: &carried, received_at: at, body: &body };
        let read = match section.reader(&self.account, base) {
            Ok(reader) => reader.read(&genuine).map_err(|error| error.to_string()),
            Err(problems) => {
                let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
                Err(format!("what reading needs is missing: {}", lines.join("; ")))
            }
        };
        let (notifications, unreadable) = match read {
            Ok(notifications) => (notifications.into_iter().map(Line::from).collect(), None),
            Err(error) => (vec![], Some(error)),
        };
        Self { genuine: true, key: Some(key), notifications, unreadable, ..self }
    }

    pub(super) fn rejected(self, diagnosis: &Diagnosis) -> Self {
        Self {
            key: diagnosis.key.clone(),
            reason: Some(diagnosis.rejection.reason()),
            rejection: Some(diagnosis.rejection.to_string()),
            cause: Some(diagnosis.cause.as_str()),
            says: Some(diagnosis.cause.says()),
            also: diagnosis.also.map(|cause| cause.as_str()),
            proven: Some(diagnosis.confidence == Confidence::Proven),
            detail: diagnosis.detail.clone(),
            skew_seconds: diagnosis.skew_seconds,
            advice: Some(diagnosis.cause.advice()),
            ..self
        }
    }
}

impl From<Notification> for Line {
    fn from(notification: Notification) -> Self {
        let fact = notification.fact.as_ref();
        let money = fact.and_then(|fact| match fact {
            Fact::Payment(fact) => Some(fact.amount),
            Fact::Refund(fact) => Some(fact.amount),
            Fact::Dispute(fact) => Some(fact.amount),
            Fact::Agreement(fact) => match &fact.change {
                AgreementChange::ChargeFailed { amount, .. } => *amount,
                AgreementChange::Signed { .. } | AgreementChange::Ended => None,
            },
        });
        Self {
            order_no: fact.and_then(Fact::order_number).map(ToOwned::to_owned),
            amount: money.map(|money| money.minor),
            currency: money.map(|money| money.currency.to_string()),
            shown_amount: money.map(|money| money.to_string()),
            identity: notification.identity,
            kind: notification.kind,
        }
    }
}

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: Option<&str>| {
        if let Some(value) = value {
            text += &format!("{label:<9} {}\n", printable(value));
        }
    };
    line("account", Some(&format!("{} ({})", report.account, report.provider)));
    let from = match report.at_from {
        "option" => "as given",
        "capture" => "as the capture says",
        _ => "now, since the capture does not say",
    };
    line("received", Some(&format!("{}, {from}", report.shown_at)));
    line("genuine", Some(if report.genuine { "yes" } else { "no" }));
    line("key", report.key.as_deref());
    if let (Some(reason), Some(rejection)) = (report.reason, &report.rejection) {
        line("reason", Some(&format!("{reason}: {rejection}")));
    }
    if let (Some(cause), Some(says)) = (report.cause, report.says) {
        let sure = if report.proven == Some(true) { "proven" } else { "likely" };
        line("cause", Some(&format!("{cause} ({sure}): {says}")));
    }
    line("beneath", report.also);
    line("detail", report.detail.as_deref());
    line("advice", report.advice);
    for notification in &report.notifications {
        line("identity", Some(&notification.identity));
        line("kind", Some(&notification.kind));
        line("order", notification.order_no.as_deref());
        line("amount", notification.shown_amount.as_deref());
    }
    line("unreadable", report.unreadable.as_deref());
    text
}
