//! What an Alipay notification or return says: open.alipay.com, 异步通知参数, 周期扣款通知.

use encoding_rs::{Encoding, GB18030, GBK, UTF_8};
use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::super::form::Form;
use super::super::{Returned, Unreadable};
use crate::money::{Currency, Money};
use crate::notification::{
    AgreementChange, AgreementFact, Fact, Notification, PaymentFact, PaymentStatus, RefundTotal,
    Revival,
};

/// Characters that Alipay allows in `notify_id`; `trade_no` and `out_trade_no` have at most 64.
const NUMBER_MAX_BYTES: usize = 128;
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// Reads one notification.
pub(super) fn read(body: &[u8]) -> Result<Notification, Unreadable> {
    let form = Form::parse(body).map_err(|_| Unreadable::Malformed("not a form"))?;
    let fields = Fields::new(form)?;
    let kind = fields.required("notify_type")?;
    let id = fields.required("notify_id")?;
    let (status, fact) = match kind.as_str() {
        "trade_status_sync" => {
            let status = fields.required("trade_status")?;
            let fact = fields.transaction(&status)?.map(Fact::Payment);
            (status, fact)
        }
        "dut_user_sign" | "dut_user_unsign" => {
            let status = fields.required("status")?;
            let fact = fields.agreement(&kind, &status)?.map(Fact::Agreement);
            (status, fact)
        }
        // Genuine, and of no concern here: service market orders, authorisations of applications.
        _ => return Ok(Notification { identity: id, kind, fact: None }),
    };
    Ok(Notification { identity: format!("{id}/{status}"), kind: format!("{kind}/{status}"), fact })
}

/// Reads the pairs that the payer's browser brought back.
pub(super) fn returned(form: Form) -> Result<Returned, Unreadable> {
    let fields = Fields::new(form)?;
    let order_number = fields.required("out_trade_no")?;
    Ok(Returned { order_number, amount: fields.money("total_amount")? })
}

fn charset(form: &Form) -> Result<&'static Encoding, Unreadable> {
    let Some(label) = form.get("charset") else { return Ok(UTF_8) };
    match Encoding::for_label(label) {
        Some(encoding) if [UTF_8, GBK, GB18030].contains(&encoding) => Ok(encoding),
        Some(_) | None => Err(Unreadable::Malformed("unknown charset")),
    }
}

struct Fields {
    charset: &'static Encoding,
    form: Form,
}

impl Fields {
    fn new(form: Form) -> Result<Self, Unreadable> {
        Ok(Self { charset: charset(&form)?, form })
    }

    fn optional(&self, key: &'static str) -> Result<Option<String>, Unreadable> {
        let Some(bytes) = self.form.get(key) else { return Ok(None) };
        if bytes.len() > NUMBER_MAX_BYTES {
            return Err(Unreadable::Malformed("a field is too long"));
        }
        let text = self
            .charset
            .decode_without_bom_handling_and_without_replacement(bytes)
            .ok_or(Unreadable::Malformed("a field is not in the stated charset"))?;
        if text.chars().any(char::is_control) {
            return Err(Unreadable::Malformed("a field has a control character"));
        }
        Ok(Some(text.into_owned()))
    }

    fn required(&self, key: &'static str) -> Result<String, Unreadable> {
        self.optional(key)?.ok_or(Unreadable::Malformed("a field is missing"))
    }

    fn money(&self, key: &'static str) -> Result<Option<Money>, Unreadable> {
        let Some(text) = self.optional(key)? else { return Ok(None) };
        let money = Money::from_decimal(&text, Currency::CNY);
        money.map(Some).map_err(|_| Unreadable::Malformed("an amount is not exact"))
    }

    /// The first of these times that is given.
    fn time(&self, keys: &[&'static str]) -> Result<OffsetDateTime, Unreadable> {
        for key in keys {
            if let Some(time) = self.optional_time(key)? {
                return Ok(time);
            }
        }
        Err(Unreadable::Malformed("a time is missing"))
    }

    fn optional_time(&self, key: &'static str) -> Result<Option<OffsetDateTime>, Unreadable> {
        let Some(text) = self.optional(key)? else { return Ok(None) };
        // A refund's time may bear a fraction of a second, which nothing here needs.
        let text = text.split('.').next().unwrap_or_default();
        let local = PrimitiveDateTime::parse(text, TIME)
            .map_err(|_| Unreadable::Malformed("a time is not in the provider's form"))?;
        Ok(Some(local.assume_offset(offset!(+8))))
    }

    /// The fact that a `trade_status_sync` states; nothing for a status that we do not know.
    fn transaction(&self, status: &str) -> Result<Option<PaymentFact>, Unreadable> {
        let mut refunded = self.money("refund_fee")?.filter(|total| total.minor > 0);
        if refunded.is_none() && status == "TRADE_CLOSED" && self.form.get("gmt_refund").is_some() {
            // Closed by a refund whose sum is left out: all of it went back.
            refunded = self.money("total_amount")?;
        }
        let (status, times): (_, &[&'static str]) = match (status, &refunded) {
            ("WAIT_BUYER_PAY", _) => (PaymentStatus::Pending, &["gmt_create", "notify_time"]),
            ("TRADE_SUCCESS", _) | ("TRADE_CLOSED", Some(_)) => {
                (PaymentStatus::Succeeded, &["gmt_payment", "gmt_create", "notify_time"])
            }
            ("TRADE_FINISHED", _) => (
                PaymentStatus::Finished,
                &["gmt_payment", "gmt_close", "gmt_create", "notify_time"],
            ),
            ("TRADE_CLOSED", None) => {
                (PaymentStatus::Closed, &["gmt_close", "gmt_create", "notify_time"])
            }
            _ => return Ok(None),
        };
        let occurred_at = self.time(times)?;
        let refund_total = match refunded {
            Some(total) => Some(RefundTotal {
                total_minor: total.minor,
                refund_no: self.optional("out_biz_no")?,
                occurred_at: self.time(&["gmt_refund", "gmt_close", "notify_time"])?,
            }),
            None => None,
        };
        Ok(Some(PaymentFact {
            agreement: self.optional("agreement_no")?,
            transaction: self.required("trade_no")?,
            order_number: self.required("out_trade_no")?,
            status,
            amount: self
                .money("total_amount")?
                .ok_or(Unreadable::Malformed("an amount is missing"))?,
            occurred_at,
            refund_total,
        }))
    }

    /// The fact that a change of an agreement states; nothing for a status that we do not know, such
    /// as an agreement that is stopped for a while.
    fn agreement(&self, kind: &str, status: &str) -> Result<Option<AgreementFact>, Unreadable> {
        let (change, times): (_, &[&'static str]) = match (kind, status) {
            ("dut_user_sign", "NORMAL") => (
                AgreementChange::Signed { valid_until: self.optional_time("invalid_time")? },
                &["sign_time", "valid_time", "notify_time"],
            ),
            ("dut_user_unsign", "UNSIGN") => {
                (AgreementChange::Ended, &["unsign_time", "notify_time"])
            }
            _ => return Ok(None),
        };
        Ok(Some(AgreementFact {
            agreement: self.required("agreement_no")?,
            subscription_no: self.optional("external_agreement_no")?,
            change,
            occurred_at: self.time(times)?,
            revival: Revival::Never,
        }))
    }
}
