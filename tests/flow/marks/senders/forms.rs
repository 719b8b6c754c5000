//! Those that send forms and flat XML.

use shared::provider::Provider;
use shared::provider::alipay::{self, SignClass};
use shared::provider::unionpay::{self, Signing};
use shared::provider::wechat_pay_v2::{self, SignType};

use super::{MARK, Senders, Tells, personal};

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const XML: &str = "text/xml; charset=utf-8";

type Request = (Vec<(&'static str, String)>, String);

pub(super) fn alipay(senders: &Senders<'_>, tells: Tells<'_>) -> Request {
    let mut pairs: Vec<(&str, &str)> =
        personal(Provider::Alipay, &[]).map(|name| (name, MARK)).collect();
    let transaction = format!("T-{}", tells.number);
    pairs.extend([
        ("notify_time", "2026-11-23 12:00:05"),
        ("notify_type", "trade_status_sync"),
        ("notify_id", tells.number),
        ("app_id", "2021000000000001"),
        ("seller_id", "2088102177890000"),
        ("charset", "utf-8"),
        ("version", "1.0"),
        ("trade_no", &transaction),
        ("out_trade_no", tells.number),
        ("trade_status", "TRADE_SUCCESS"),
        ("total_amount", tells.or_unreadable("0.10")),
        ("gmt_create", "2026-11-23 12:00:00"),
        ("gmt_payment", "2026-11-23 12:00:03"),
    ]);
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    (vec![("content-type", FORM.to_owned())], alipay::sign(&pairs, SignClass::V1, &senders.key))
}

pub(super) fn unionpay(senders: &Senders<'_>, tells: Tells<'_>) -> Request {
    let mut pairs: Vec<(&str, &str)> =
        personal(Provider::UnionPay, &[]).map(|name| (name, MARK)).collect();
    // The time to the second, and seven digits.
    let query_id = if tells.reads { "202611231200030000001" } else { "202611231200030000002" };
    pairs.extend([
        ("accessType", "0"),
        ("bizType", "000201"),
        ("currencyCode", "156"),
        ("encoding", "UTF-8"),
        ("merId", "777290058110048"),
        ("orderId", tells.number),
        ("queryId", query_id),
        ("respCode", "00"),
        ("settleAmt", "10"),
        ("settleCurrencyCode", "156"),
        ("settleDate", "1123"),
        ("traceNo", "000001"),
        ("traceTime", "1123120003"),
        ("txnAmt", tells.or_unreadable("10")),
        ("txnSubType", "01"),
        ("txnTime", "20261123120003"),
        ("txnType", "01"),
    ]);
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let secret = senders.secret(Provider::UnionPay);
    let body = unionpay::sign(&pairs, Signing::SecureKey(&secret));
    (vec![("content-type", FORM.to_owned())], body)
}

pub(super) fn wechat_pay_v2(senders: &Senders<'_>, tells: Tells<'_>) -> Request {
    let transaction = format!("4200-{}", tells.number);
    // What stands in `req_info` is encrypted, in the notification of a refund.
    let mut elements: Vec<(&str, &str)> =
        personal(Provider::WechatPayV2, &["req_info"]).map(|name| (name, MARK)).collect();
    elements.extend(around());
    elements.extend([
        ("result_code", "SUCCESS"),
        ("trade_type", "JSAPI"),
        ("bank_type", "OTHERS"),
        ("total_fee", tells.or_unreadable("10")),
        ("fee_type", "CNY"),
        ("cash_fee", "10"),
        ("transaction_id", &transaction),
        ("out_trade_no", tells.number),
        ("time_end", "20261123120003"),
    ]);
    let secret = senders.secret(Provider::WechatPayV2);
    let body = wechat_pay_v2::sign(&elements, SignType::HmacSha256, secret.reveal());
    (vec![("content-type", XML.to_owned())], body)
}

pub(super) fn wechat_pay_v2_refund(senders: &Senders<'_>, number: &str) -> Request {
    let transaction = format!("4200-{number}");
    let within = [
        ("transaction_id", transaction.as_str()),
        ("out_trade_no", number),
        ("refund_id", "5030000000000000000000000001"),
        ("out_refund_no", "R-1"),
        ("total_fee", "10"),
        ("refund_fee", "4"),
        ("settlement_refund_fee", "4"),
        ("refund_status", "SUCCESS"),
        ("success_time", "2026-11-23 13:00:00"),
        ("refund_recv_accout", MARK),
        ("refund_account", "REFUND_SOURCE_RECHARGE_FUNDS"),
        ("refund_request_source", "API"),
    ];
    let secret = senders.secret(Provider::WechatPayV2);
    let body = wechat_pay_v2::refund(&around(), &within, secret.reveal()).unwrap();
    (vec![("content-type", XML.to_owned())], body)
}

fn around() -> [(&'static str, &'static str); 4] {
    [
        ("return_code", "SUCCESS"),
        ("appid", "wxd678efh567hg6787"),
        ("mch_id", "1900000109"),
        ("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"),
    ]
}
