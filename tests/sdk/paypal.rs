//! PayPal against the PyPI package paypalrestsdk: its text, its signatures, and its trust in certificates.

use ops::simulate::certificate::{Subject, issue};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rsa::RsaPrivateKey;
use serde_json::{Map, Value, json};
use shared::process::now;
use shared::provider::certificate::{Authorities, Certificate, ChainHash};
use shared::provider::paypal::published::{CertificateUrl, Environment, Trust};
use shared::provider::paypal::{Settings, Signing, sign};
use shared::provider::{self, Account, Genuine, Headers, Rejection, Request, Scheme, verify};

use crate::{COUNT, SEED, sdk, text};

const WEBHOOK_ID: &str = "4JH86294D6297924G";
const NOTES: [&str; 6] =
    ["语雀", "a=1&b=2", "back\\slash/", "🧾 ümläut", "\u{2028}", "a|b|c \"quoted\""];

/// An account that trusts this root and fetched this certificate.
fn account(root: &str, chain: &str, url: &str) -> Account {
    let root = Certificate::parse(root.as_bytes()).unwrap();
    let authorities = Authorities::new(vec![root], &[], ChainHash::SHA256).unwrap();
    let trust = Trust::new(Environment::Live, vec![], Some(authorities));
    let url = CertificateUrl::parse(url, Environment::Live).unwrap();
    trust.admit(url, chain.as_bytes(), now()).unwrap();
    let max_age = Some(std::time::Duration::from_secs(3600));
    let webhook_id = WEBHOOK_ID.to_owned();
    let settings = Settings { webhook_id, merchant_id: None, max_age, trust };
    Account { name: "shop".to_owned(), scheme: Scheme::PayPal(settings) }
}

#[test]
fn we_take_what_the_sdk_signs_and_nothing_that_was_changed() {
    let lines = sdk("paypal.py", &["sign", &COUNT.to_string(), &SEED.to_string()], &[]);
    let (first, events) = lines.split_first().unwrap();
    assert_eq!((events.len(), text(&first["webhook_id"])), (COUNT, WEBHOOK_ID));
    let account = account(text(&first["root"]), text(&first["certificate"]), text(&first["url"]));
    for (number, line) in events.iter().enumerate() {
        let named = line["headers"].as_object().unwrap().iter();
        let named = named.map(|(name, value)| (name.as_str(), text(value).as_bytes()));
        let body = text(&line["body"]).to_owned();
        let request = Request { headers: Headers::new(named).unwrap(), body: body.clone().into() };
        let verdict = verify(&account, request, now()).map(drop);
        let expected = if line["genuine"] == true { Ok(()) } else { Err(Rejection::Forged) };
        assert_eq!(verdict, expected, "{line}");
        if expected.is_ok() {
            let genuine = Genuine { http: &[], received_at: now(), body: body.as_bytes() };
            let read = provider::Reader::PayPal(()).read(&genuine).unwrap();
            assert_eq!(read[0].payment().unwrap().order_number, format!("SDK-{number}"));
        }
    }
}

#[test]
fn the_sdk_takes_what_we_sign_and_nothing_that_was_changed() {
    let mut random = StdRng::seed_from_u64(SEED);
    let key = RsaPrivateKey::new(&mut random, 2048).unwrap();
    let issued = issue(&key, Subject::PayPal(Environment::Live), now()).unwrap();
    let first =
        json!({ "root": issued.root, "certificate": issued.leaf, "webhook_id": WEBHOOK_ID });
    let (mut input, mut expected) = (vec![first.to_string()], vec![]);
    for number in 0..COUNT {
        let note = *NOTES.choose(&mut random).unwrap();
        let body = json!({ "id": format!("WH-{number}"), "summary": note }).to_string();
        let id = format!("{:032x}", random.r#gen::<u128>());
        let by = Signing { key: &key, webhook_id: WEBHOOK_ID, environment: Environment::Live };
        let headers = sign(body.as_bytes(), &id, now(), by);
        let headers: Map<String, Value> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let genuine = number % 4 != 3;
        let body = if genuine { body } else { body.replace("WH-", "WH-0") };
        input.push(json!({ "headers": headers, "body": body }).to_string());
        expected.push(Value::Bool(genuine));
    }
    assert_eq!(sdk("paypal.py", &["verify"], &input), expected);
}
