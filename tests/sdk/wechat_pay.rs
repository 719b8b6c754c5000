//! WeChat Pay's API v3 against the PyPI package wechatpayv3.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Map, Value, json};
use shared::process::now;
use shared::provider::wechat_pay::{Event, PlatformKey, Reader, Settings, Signer, body, sign};
use shared::provider::{
    self, Account, Genuine, Headers, Rejection, Request, Scheme, Unreadable, verify,
};
use shared::secret::Secret;

use crate::{COUNT, SEED, sdk, text};

const API_V3_KEY: &str = "0123456789abcdefghijklmnopqrstuv";
const SERIAL: &str = "PUB_KEY_ID_0114232134912410000000000000";
const REMARKS: [&str; 6] =
    ["自定义数据", "a=1&b=2", "back\\slash/", "🧾 ümläut", "\u{2028}", "  blanks  "];

fn account(public_key: &str) -> Account {
    let settings = Settings { keys: vec![PlatformKey::named(SERIAL, public_key).unwrap()] };
    Account { name: "shop".into(), scheme: Scheme::WechatPay(settings) }
}

fn reader() -> provider::Reader {
    provider::Reader::WechatPay(Reader {
        mchids: vec!["1900000109".into()],
        sub_mchids: None,
        appids: Some(vec!["wx1".into()]),
        api_v3_keys: vec![Secret::new(API_V3_KEY.into())],
    })
}

#[test]
fn we_take_what_the_sdk_signs_and_nothing_that_was_changed() {
    let (count, seed) = (COUNT.to_string(), SEED.to_string());
    let lines = sdk("wechat_pay.py", &["sign", &count, &seed, API_V3_KEY], &[]);
    let (key, notifications) = lines.split_first().unwrap();
    assert_eq!(notifications.len(), COUNT);
    let (account, reader) = (account(text(&key["public_key"])), reader());
    for line in notifications {
        let named = line["headers"].as_object().unwrap().iter();
        let named = named.map(|(name, value)| (name.as_str(), text(value).as_bytes()));
        let headers = Headers::new(named.chain([("Wechatpay-Serial", SERIAL.as_bytes())])).unwrap();
        let body = text(&line["body"]);
        let request = Request { headers, body: body.to_owned().into() };
        let verdict = verify(&account, request, now()).map(drop);
        let expected = if line["genuine"] == true { Ok(()) } else { Err(Rejection::Forged) };
        assert_eq!(verdict, expected, "{line}");

        let genuine = Genuine { http: &[], received_at: now(), body: body.as_bytes() };
        let read = reader.read(&genuine);
        if line["opens"] == false && line["genuine"] == true {
            assert_eq!(read, Err(Unreadable::Undecryptable), "{line}");
        } else if line["genuine"] == true {
            let read = read.unwrap();
            let fact = read[0].payment().unwrap();
            assert_eq!(fact.order_number, text(&line["order"]), "{line}");
            assert_eq!(Some(fact.amount.minor), line["amount"].as_i64(), "{line}");
        }
    }
}

#[test]
fn the_sdk_takes_what_we_sign_and_nothing_that_was_changed() {
    let mut random = StdRng::seed_from_u64(SEED);
    let key = RsaPrivateKey::new(&mut random, 2048).unwrap();
    let public_key = key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let first = json!({ "public_key": public_key, "api_v3_key": API_V3_KEY });
    let (mut input, mut expected) = (vec![first.to_string()], vec![]);
    for number in 0..COUNT {
        let noise: String = (0..random.gen_range(0..20)).map(|_| random.r#gen::<char>()).collect();
        let remark = *REMARKS.choose(&mut random).unwrap();
        let resource =
            json!({ "out_trade_no": format!("OURS-{number}"), "attach": remark, "x": noise });
        let resource = resource.to_string();
        let event = Event {
            id: &format!("EV-{number}"),
            created_at: now(),
            event_type: "TRANSACTION.SUCCESS",
            original_type: ["transaction", "refund", "entrust"][number % 3],
            resource: &resource,
        };
        let opens = number % 5 != 4;
        let other: String = API_V3_KEY.chars().rev().collect();
        let body = body(&event, if opens { API_V3_KEY } else { &other }).unwrap();
        let headers = sign(body.as_bytes(), now(), &Signer { serial: SERIAL, key: &key });
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        let headers: Map<String, Value> = headers.collect();
        let genuine = number % 4 != 3;
        let body = if genuine { body } else { body.replacen("EV-", "EV-0", 1) };
        input.push(json!({ "headers": headers, "body": body }).to_string());
        expected.push(json!({ "genuine": genuine, "resource": opens.then_some(resource) }));
    }
    assert_eq!(sdk("wechat_pay.py", &["verify"], &input), expected);
}
