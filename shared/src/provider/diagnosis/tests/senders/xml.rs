//! WeChat Pay's API v2: XML.

use super::{SUBJECT, Sender, received};
use crate::provider::{Scheme, wechat_pay_v2};
use crate::secret::Secret;

const API_KEYS: [&str; 3] = [
    "192006250b4c09247ec02edce69f6a2d",
    "0123456789abcdef0123456789abcdef",
    "fedcba9876543210fedcba9876543210",
];

pub(super) fn wechat_pay_v2() -> Sender {
    let scheme = |at: usize| {
        Scheme::WechatPayV2(wechat_pay_v2::Settings {
            mch_id: "10000100".to_owned(),
            sub_mch_ids: None,
            appids: None,
            api_keys: vec![Secret::new(API_KEYS[at].to_owned())],
            sign_types: vec![wechat_pay_v2::SignType::Md5],
        })
    };
    Sender::new(scheme, |at| {
        let elements = [
            ("appid", "wx2421b1c4370ec43b"),
            ("attach", SUBJECT),
            ("bank_type", "CFT"),
            ("mch_id", "10000100"),
            ("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c"),
            ("openid", "oUpF8uMEb4qRXf22hE3X68TekukE"),
            ("out_trade_no", "A-1"),
            ("result_code", "SUCCESS"),
            ("return_code", "SUCCESS"),
            ("time_end", "20261123120003"),
            ("total_fee", "2000"),
            ("trade_type", "JSAPI"),
            ("transaction_id", "1004400740201409030005092168"),
        ];
        let body = wechat_pay_v2::sign(&elements, wechat_pay_v2::SignType::Md5, API_KEYS[at]);
        received(&[("content-type", "text/xml".to_owned())], body)
    })
}
