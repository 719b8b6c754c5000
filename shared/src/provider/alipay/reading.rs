//! What an Alipay notification says: open.alipay.com, 异步通知参数.

use encoding_rs::{Encoding, GB18030, GBK, UTF_8};
use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::super::Unreadable;
use super::super::form::Form;
use crate::money::{Currency, Money};
use crate::notification::{Fact, Notification, PaymentFact, PaymentStatus, RefundTotal};

/// Characters that Alipay allows in `notify_id`; `trade_no` and `out_trade_no` have at most 64.
const NUMBER_MAX_BYTES: usize = 128;
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// Reads one notification.
pub(super) fn read(body: &[u8]) -> Result<Notification, Unreadable> {
    let form = Form::parse(body).map_err(|_| Unreadable::Malformed("not a form"))?;
    let fields = Fields { charset: charset(&form)?, form };
    let kind = fields.required("notify_type")?;
    let id = fields.required("notify_id")?;
    if kind != "trade_status_sync" {
        return Ok(Notification { identity: id, kind, fact: None });
    }
    let status = fields.required("trade_status")?;
    let identity = format!("{id}/{status}");
    let kind = format!("{kind}/{status}");
    let fact = fields.transaction(&status)?;
    Ok(Notification { identity, kind, fact: fact.map(Fact::Payment) })
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
            if let Some(text) = self.optional(key)? {
                // A refund's time may bear a fraction of a second, which nothing here needs.
                let text = text.split('.').next().unwrap_or_default();
                let local = PrimitiveDateTime::parse(text, TIME)
                    .map_err(|_| Unreadable::Malformed("a time is not in the provider's form"))?;
                return Ok(local.assume_offset(offset!(+8)));
            }
        }
        Err(Unreadable::Malformed("a time is missing"))
    }

    /// The fact that a `trade_status_sync` states; nothing for a status that we do not know.
    fn transaction(&self, status: &str) -> Result<Option<PaymentFact>, Unreadable> {
        let refunded = self.money("refund_fee")?.filter(|total| total.minor > 0);
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
}
