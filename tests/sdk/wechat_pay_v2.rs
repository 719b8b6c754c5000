//! WeChat Pay's API v2 against the PyPI package wechatpy.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use shared::notification::{Evidence, Fact};
use shared::process::now;
use shared::provider::wechat_pay_v2::{Reader, Settings, SignType, refund, sign};
use shared::provider::{self, Account, Genuine, Headers, Rejection, Request, Scheme, verify};
use shared::secret::Secret;

use crate::{COUNT, SEED, sdk, text};

const API_KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const OTHER_KEY: &str = "292006250b4c09247ec02edce69f6a2d";
const APPID: &str = "wx1";
const MCH_ID: &str = "1900000109";
const REMARKS: [&str; 7] =
    ["支付测试", "a=1&b=2", "]]> & <b>", "back\\slash/", "🧾 ümläut", "two\nlines", "  blanks  "];

fn account() -> Account {
    let settings = Settings {
        mch_id: MCH_ID.into(),
        sub_mch_ids: None,
        appids: Some(vec![APPID.into()]),
        api_keys: vec![Secret::new(API_KEY.into())],
        sign_types: vec![SignType::Md5, SignType::HmacSha256],
    };
    Account { name: "shop".into(), scheme: Scheme::WechatPayV2(settings) }
}

#[test]
fn we_take_what_the_sdk_signs_and_nothing_that_was_changed() {
    let (count, seed) = ((2 * COUNT).to_string(), SEED.to_string());
    let lines = sdk("wechat_pay_v2.py", &["sign", &count, &seed, API_KEY], &[]);
    assert_eq!(lines.len(), 2 * COUNT);
    let api_keys = vec![Secret::new(API_KEY.into())];
    let reader = provider::Reader::WechatPayV2(Reader { api_keys });
    for line in &lines {
        let body = text(&line["body"]);
        let request = Request { headers: Headers::default(), body: body.to_owned().into() };
        let verdict = verify(&account(), request, now()).map(drop);
        let expected = if line["genuine"] == true { Ok(()) } else { Err(Rejection::Forged) };
        assert_eq!(verdict, expected, "{line}");
        if line["genuine"] == false {
            continue;
        }
        let genuine = Genuine { http: &[], received_at: now(), body: body.as_bytes() };
        let (order, amount) = match reader.read(&genuine).unwrap().remove(0).fact {
            Some(Fact::Payment(fact)) => (fact.order_number, fact.amount.minor),
            Some(Fact::Refund(fact)) => {
                assert_eq!(fact.evidence, Evidence::Hint);
                (fact.order_number.unwrap(), fact.amount.minor)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!((order.as_str(), Some(amount)), (text(&line["order"]), line["amount"].as_i64()));
    }
}

#[test]
fn the_sdk_takes_what_we_sign_and_nothing_that_was_changed() {
    let mut random = StdRng::seed_from_u64(SEED);
    let (mut input, mut expected) = (vec![], vec![]);
    for number in 0..2 * COUNT {
        let order = format!("OURS-{number}");
        let amount = random.gen_range(1..10_000_000_i64).to_string();
        let remark = *REMARKS.choose(&mut random).unwrap();
        let genuine = number % 4 != 3;
        let body = if number % 3 == 2 {
            let around = [("return_code", "SUCCESS"), ("appid", APPID), ("mch_id", MCH_ID)];
            let within = [("out_trade_no", order.as_str()), ("refund_fee", &amount), ("x", remark)];
            expected.push(if genuine { Value::from(order.clone()) } else { Value::Bool(false) });
            refund(&around, &within, if genuine { API_KEY } else { OTHER_KEY }).unwrap()
        } else {
            let sign_type = if random.r#gen() { SignType::Md5 } else { SignType::HmacSha256 };
            let mut pairs = [
                ("appid", APPID),
                ("attach", remark),
                ("device_info", ""),
                ("mch_id", MCH_ID),
                ("out_trade_no", &order),
                ("total_fee", &amount),
                ("Z", "above all others"),
            ];
            pairs.shuffle(&mut random);
            expected.push(Value::Bool(genuine));
            let body = sign(&pairs, sign_type, API_KEY);
            if genuine {
                body
            } else {
                body.replacen("<total_fee><![CDATA[", "<total_fee><![CDATA[9", 1)
            }
        };
        input.push(json!(body).to_string());
    }
    assert_eq!(sdk("wechat_pay_v2.py", &["verify", API_KEY, APPID, MCH_ID], &input), expected);
}
