//! One payment of 12.50 as each provider tells it, with anything in the places of its order's number, its
//! amount and its time; and what signs it.

use harness::fuzzed::Hand;
use serde_json::{Value, json};
use shared::money::Currency;
use shared::process;
use shared::provider::{Provider, Request, adyen, stripe};

/// What stands in the places.
pub(crate) struct Saying {
    pub(crate) number: String,
    pub(crate) transaction: String,
    pub(crate) amount: Amount,
    pub(crate) currency: Currency,
    pub(crate) time: Time,
}

/// In the provider's own form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// So many minor units, by ISO 4217.
    Minor(i64),
    /// So many of the provider's own minor units.
    Theirs(i64),
    Negative,
    TwentyDigits,
    /// Half a minor unit more.
    Fraction,
    Exponent,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    Paid,
    Year0,
    Year1,
    Epoch,
    /// Thirty years ahead.
    Ahead,
    /// The last second that the form can write, far enough in the west to lie in the year 10000 where a form
    /// names its place.
    Last,
    NoDay,
    InWords,
}

/// The request; nothing where the provider has no way to say so.
pub(crate) fn signed(provider: Provider, says: &Saying) -> Option<Request> {
    let hand = Hand::of(provider, process::now());
    let said = match provider {
        Provider::Alipay => says.alipay()?,
        Provider::WechatPay => says.wechat_pay()?,
        Provider::WechatPayV2 => says.wechat_pay_v2()?,
        Provider::UnionPay => says.unionpay()?,
        Provider::Stripe => says.stripe()?,
        Provider::PayPal => says.paypal()?,
        Provider::Adyen => says.adyen()?,
        Provider::StandardWebhooks => says.standard_webhooks()?,
    };
    hand.sign(said.as_bytes())
}

impl Saying {
    fn alipay(&self) -> Option<String> {
        let time = self.time.as_written(["-", " ", ":"]);
        if self.currency != Currency::CNY {
            return None;
        }
        Some(form([
            ("notify_type", "trade_status_sync".into()),
            ("notify_id", format!("n{}", self.transaction)),
            ("notify_time", "2026-11-23 12:00:05".into()),
            ("app_id", "2021".into()),
            ("seller_id", "2088".into()),
            ("charset", "utf-8".into()),
            ("trade_status", "TRADE_SUCCESS".into()),
            ("trade_no", self.transaction.clone()),
            ("out_trade_no", self.number.clone()),
            ("total_amount", self.decimal()),
            ("gmt_payment", time),
        ]))
    }

    fn wechat_pay(&self) -> Option<String> {
        let amount = json!({ "currency": self.currency.as_str(), "total": AMOUNT });
        let resource = json!({
            "mchid": "1900", "out_trade_no": self.number, "transaction_id": self.transaction,
            "trade_type": "JSAPI", "trade_state": "SUCCESS", "success_time": self.time.rfc_3339("+08:00"),
            "amount": amount,
        });
        Some(format!("TRANSACTION.SUCCESS\n{}", self.put(&resource, None)))
    }

    fn wechat_pay_v2(&self) -> Option<String> {
        Some(form([
            ("return_code", "SUCCESS".into()),
            ("result_code", "SUCCESS".into()),
            ("mch_id", "1900".into()),
            ("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c".into()),
            ("trade_type", "JSAPI".into()),
            ("total_fee", self.minor(None)),
            ("fee_type", self.currency.as_str().into()),
            ("transaction_id", self.transaction.clone()),
            ("out_trade_no", self.number.clone()),
            ("time_end", self.time.as_written(["", "", ""])),
        ]))
    }

    fn unionpay(&self) -> Option<String> {
        let code = match self.currency.as_str() {
            "CNY" => "156",
            "JPY" => "392",
            "KWD" => "414",
            "ISK" => "352",
            "IDR" => "360",
            _ => return None,
        };
        Some(form([
            ("accessType", "0".into()),
            ("bizType", "000201".into()),
            ("currencyCode", code.into()),
            ("encoding", "UTF-8".into()),
            ("merId", "7000".into()),
            ("orderId", self.number.clone()),
            ("queryId", self.transaction.clone()),
            ("respCode", "00".into()),
            ("txnAmt", self.minor(None)),
            ("txnSubType", "01".into()),
            ("txnType", "01".into()),
            ("txnTime", self.time.as_written(["", "", ""])),
        ]))
    }

    fn stripe(&self) -> Option<String> {
        let intent = json!({
            "id": self.transaction, "object": "payment_intent", "status": "succeeded",
            "amount": AMOUNT, "amount_received": AMOUNT,
            "currency": self.currency.as_str().to_lowercase(),
            "created": TIME, "livemode": false, "metadata": { "order_no": self.number },
        });
        let event = json!({
            "id": format!("evt_{}", self.transaction), "object": "event", "created": TIME,
            "type": "payment_intent.succeeded", "livemode": false, "data": { "object": intent },
        });
        let event = self.put(&event, Some(stripe::decimals(self.currency)));
        Some(event.replace(&format!("\"{TIME}\""), &self.time.unix()))
    }

    fn paypal(&self) -> Option<String> {
        let mut resource = json!({
            "id": self.transaction, "status": "COMPLETED", "custom_id": self.number,
            "amount": { "currency_code": self.currency.as_str(), "value": self.decimal() },
            "create_time": self.time.rfc_3339("-12:00"), "update_time": self.time.rfc_3339("-12:00"),
        });
        if self.amount == Amount::Missing {
            resource["amount"] = Value::Null;
        }
        let event = json!({
            "id": format!("WH-{}", self.transaction), "event_type": "PAYMENT.CAPTURE.COMPLETED",
            "event_version": "1.0", "resource_version": "2.0", "resource": resource,
            "create_time": "2026-11-23T12:00:05Z",
        });
        Some(event.to_string())
    }

    fn adyen(&self) -> Option<String> {
        let item = json!({
            "additionalData": {}, "amount": { "currency": self.currency.as_str(), "value": AMOUNT },
            "eventCode": "AUTHORISATION", "eventDate": self.time.rfc_3339("-12:00"),
            "merchantAccountCode": "Shop", "merchantReference": self.number, "paymentMethod": "visa",
            "pspReference": self.transaction, "reason": "", "success": "true",
        });
        let batch =
            json!({ "live": "false", "notificationItems": [{ "NotificationRequestItem": item }] });
        Some(self.put(&batch, Some(adyen::decimals(self.currency))))
    }

    fn standard_webhooks(&self) -> Option<String> {
        let event = json!({
            "type": "payment.succeeded", "timestamp": self.time.rfc_3339("-12:00"),
            "data": {
                "transaction": self.transaction, "order_no": self.number, "amount": AMOUNT,
                "currency": self.currency.as_str(),
            },
        });
        Some(self.put(&event, None))
    }

    /// The document with the amount as this provider counts it.
    fn put(&self, document: &Value, decimals: Option<u32>) -> String {
        let amount = match self.amount {
            Amount::Missing => "null".to_owned(),
            Amount::Minor(_)
            | Amount::Theirs(_)
            | Amount::Negative
            | Amount::TwentyDigits
            | Amount::Fraction
            | Amount::Exponent => self.minor(decimals),
        };
        document.to_string().replace(&format!("\"{AMOUNT}\""), &amount)
    }

    fn minor(&self, decimals: Option<u32>) -> String {
        match self.amount {
            Amount::Minor(minor) => {
                let (ours, theirs) = (self.currency.exponent(), decimals);
                let theirs = theirs.unwrap_or(ours);
                let more = 10_i64.pow(theirs.saturating_sub(ours));
                (minor * more / 10_i64.pow(ours.saturating_sub(theirs))).to_string()
            }
            Amount::Theirs(minor) => minor.to_string(),
            Amount::Negative => "-1250".to_owned(),
            Amount::TwentyDigits => "12345678901234567890".to_owned(),
            Amount::Fraction => "1250.5".to_owned(),
            Amount::Exponent => "125e1".to_owned(),
            Amount::Missing => String::new(),
        }
    }

    fn decimal(&self) -> String {
        let decimals = self.currency.exponent() as usize;
        match self.amount {
            Amount::Minor(minor) | Amount::Theirs(minor) => {
                let money = shared::money::Money { minor, currency: self.currency };
                money.to_decimal()
            }
            Amount::Negative => "-12.50".to_owned(),
            Amount::TwentyDigits => "12345678901234567890".to_owned(),
            Amount::Fraction => format!("12.5{:0decimals$}5", 0),
            Amount::Exponent => "125e-1".to_owned(),
            Amount::Missing => String::new(),
        }
    }
}

/// Where a document has its amount and its time, which are no texts there.
const AMOUNT: &str = "the amount";
const TIME: &str = "the time";

impl Time {
    /// Year to second.
    fn parts(self) -> Option<[&'static str; 6]> {
        match self {
            Self::Paid => Some(["2026", "11", "23", "12", "00", "00"]),
            Self::Year0 => Some(["0000", "06", "01", "12", "00", "00"]),
            Self::Year1 => Some(["0001", "06", "01", "12", "00", "00"]),
            Self::Epoch => Some(["1970", "01", "01", "12", "00", "00"]),
            Self::Ahead => Some(["2056", "11", "23", "12", "00", "00"]),
            Self::Last => Some(["9999", "12", "31", "23", "59", "59"]),
            Self::NoDay => Some(["2026", "02", "30", "12", "00", "00"]),
            Self::InWords => None,
        }
    }

    /// With these between the parts of the day, before the time, and between its parts.
    fn as_written(self, [day, before, time]: [&str; 3]) -> String {
        let Some([year, month, date, hour, minute, second]) = self.parts() else {
            return "yesterday".to_owned();
        };
        format!("{year}{day}{month}{day}{date}{before}{hour}{time}{minute}{time}{second}")
    }

    fn rfc_3339(self, west: &str) -> String {
        let place = if self == Self::Last { west } else { "Z" };
        self.as_written(["-", "T", ":"]) + if self == Self::InWords { "" } else { place }
    }

    fn unix(self) -> String {
        match self {
            Self::Paid => "1795435200",
            Self::Year0 => "-62154043200",
            Self::Year1 => "-62122507200",
            Self::Epoch => "43200",
            Self::Ahead => "2742206400",
            Self::Last => "253402300800",
            Self::NoDay => "1795435200.5",
            Self::InWords => "\"yesterday\"",
        }
        .to_owned()
    }
}

fn form<const COUNT: usize>(pairs: [(&str, String); COUNT]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    shared::provider::form::encode(pairs.map(|(name, value)| (*name, value.as_bytes())))
}
