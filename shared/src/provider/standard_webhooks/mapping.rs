//! `[accounts.NAME.mapping]`: where our words stand in a sender's body.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::money::Currency;
use crate::notification::{DisputeStatus, PaymentStatus, RefundStatus};
use crate::provider::json::Json;

/// Keys that lead to a field, one a level.
const DEPTH_MAX: usize = 8;
/// Types that one account may name.
const TYPES_MAX: usize = 256;

/// The keys of the table. Paths are a body's keys joined by dots.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MappingSection {
    #[serde(rename = "type")]
    pub kind: String,
    pub occurred_at: String,
    pub transaction: String,
    pub order_no: String,
    pub amount: String,
    /// The amount of a refund, where it stands elsewhere.
    pub refund_amount: Option<String>,
    pub amount_form: AmountForm,
    pub currency: String,
    /// For a sender that names no currency.
    pub fixed_currency: Option<String>,
    pub refund: String,
    pub refund_no: String,
    pub dispute: String,
    pub agreement: String,
    pub subscription_no: String,
    pub valid_until: String,
    /// What the sender's types mean. Without it, our own words are its types.
    pub types: Option<BTreeMap<String, String>>,
}

/// How a sender writes an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountForm {
    /// A JSON integer of ISO 4217 minor units.
    #[default]
    Minor,
    /// A decimal text such as `10.00`, or a JSON integer of whole units.
    Decimal,
}

/// What one type means, in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Payment(PaymentStatus),
    Refund(RefundStatus),
    Dispute(DisputeStatus),
    /// An agreement was signed, or signed again.
    Signed,
    /// A payment under an agreement.
    Charged,
    ChargeFailed,
    Ended,
}

/// A path to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

/// The table, checked.
#[derive(Debug, Clone)]
pub struct Mapping(Box<Fields>);

/// Where each field stands.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) kind: Path,
    pub(super) occurred_at: Path,
    pub(super) transaction: Path,
    pub(super) order_number: Path,
    pub(super) amount: Path,
    pub(super) refund_amount: Path,
    pub(super) amount_form: AmountForm,
    pub(super) currency: Path,
    pub(super) fixed_currency: Option<Currency>,
    pub(super) refund: Path,
    pub(super) refund_no: Path,
    pub(super) dispute: Path,
    pub(super) agreement: Path,
    pub(super) subscription_no: Path,
    pub(super) valid_until: Path,
    types: Option<BTreeMap<String, Meaning>>,
}

impl Mapping {
    /// Checks the table. An error names its key and what to write there.
    pub fn new(section: &MappingSection) -> Result<Self, (&'static str, String)> {
        let path = |key, text: &str| Path::parse(text).map_err(|rule| (key, rule));
        let fixed_currency =
            match &section.fixed_currency {
                Some(letters) => Some(letters.parse().map_err(|_| {
                    ("fixed_currency", "three capital letters of ISO 4217".to_owned())
                })?),
                None => None,
            };
        let refund_amount = section.refund_amount.as_ref().unwrap_or(&section.amount);
        Ok(Self(Box::new(Fields {
            kind: path("type", &section.kind)?,
            occurred_at: path("occurred_at", &section.occurred_at)?,
            transaction: path("transaction", &section.transaction)?,
            order_number: path("order_no", &section.order_no)?,
            amount: path("amount", &section.amount)?,
            refund_amount: path("refund_amount", refund_amount)?,
            amount_form: section.amount_form,
            currency: path("currency", &section.currency)?,
            fixed_currency,
            refund: path("refund", &section.refund)?,
            refund_no: path("refund_no", &section.refund_no)?,
            dispute: path("dispute", &section.dispute)?,
            agreement: path("agreement", &section.agreement)?,
            subscription_no: path("subscription_no", &section.subscription_no)?,
            valid_until: path("valid_until", &section.valid_until)?,
            types: section.types.as_ref().map(meanings).transpose()?,
        })))
    }

    pub(super) fn fields(&self) -> &Fields {
        &self.0
    }

    /// What a sender's type means; nothing for one that is not named.
    pub fn meaning(&self, kind: &str) -> Option<Meaning> {
        match &self.0.types {
            Some(types) => types.get(kind).copied(),
            None => Meaning::from_word(kind),
        }
    }
}

fn meanings(
    types: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Meaning>, (&'static str, String)> {
    if types.len() > TYPES_MAX {
        return Err(("types", format!("up to {TYPES_MAX} types")));
    }
    let meaning = |(kind, word): (&String, &String)| {
        let unknown = || {
            let rule = "is no meaning, such as `payment.succeeded` or `refund.succeeded`";
            ("types", format!("`{word}` {rule}"))
        };
        Ok((kind.clone(), Meaning::from_word(word).ok_or_else(unknown)?))
    };
    types.iter().map(meaning).collect()
}

impl Meaning {
    /// The meaning that a word names: `payment.`, `refund.`, `dispute.` and a status, or one of
    /// `subscription.signed`, `.charged`, `.charge_failed`, `.ended`.
    pub fn from_word(word: &str) -> Option<Self> {
        let (noun, verb) = word.split_once('.')?;
        match (noun, verb) {
            ("payment", status) => PaymentStatus::from_word(status).map(Self::Payment),
            ("refund", status) => RefundStatus::from_word(status).map(Self::Refund),
            ("dispute", status) => DisputeStatus::from_word(status).map(Self::Dispute),
            ("subscription", "signed") => Some(Self::Signed),
            ("subscription", "charged") => Some(Self::Charged),
            ("subscription", "charge_failed") => Some(Self::ChargeFailed),
            ("subscription", "ended") => Some(Self::Ended),
            _ => None,
        }
    }
}

impl Path {
    fn parse(text: &str) -> Result<Self, String> {
        let keys: Vec<_> = text.split('.').map(ToOwned::to_owned).collect();
        if keys.len() > DEPTH_MAX || keys.iter().any(String::is_empty) {
            return Err(format!("`{text}` is no path of 1 to {DEPTH_MAX} keys joined by dots"));
        }
        Ok(Self(keys))
    }

    pub(super) fn keys(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    pub(super) fn of<'a>(&self, json: &'a Json) -> &'a Json {
        json.at(&self.keys())
    }
}

impl Default for MappingSection {
    /// The convention `{"type", "timestamp", "data"}`, with our own words within `data`.
    fn default() -> Self {
        let data = |key: &str| format!("data.{key}");
        Self {
            kind: "type".to_owned(),
            occurred_at: "timestamp".to_owned(),
            transaction: data("transaction"),
            order_no: data("order_no"),
            amount: data("amount"),
            refund_amount: None,
            amount_form: AmountForm::Minor,
            currency: data("currency"),
            fixed_currency: None,
            refund: data("refund"),
            refund_no: data("refund_no"),
            dispute: data("dispute"),
            agreement: data("agreement"),
            subscription_no: data("subscription_no"),
            valid_until: data("valid_until"),
            types: None,
        }
    }
}
