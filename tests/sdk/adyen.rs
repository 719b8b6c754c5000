//! Adyen's own package: `generate_notification_sig`, `is_valid_hmac_notification` and, for whole
//! bodies, `is_valid_hmac_payload`.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use shared::process::now;
use shared::provider::adyen::{Settings, sign, sign_body};
use shared::provider::mac::key::MacKey;
use shared::provider::mac::{from_hex, to_hex};
use shared::provider::{Account, Headers, Rejection, Request, Scheme, verify};

use crate::{COUNT, SEED, SUBJECTS, sdk, text};

const SCRIPT: &str = "adyen.py";

fn verdict(request: &Value) -> Result<(), Rejection> {
    let settings = Settings {
        merchant_accounts: vec!["Shop".to_owned()],
        keys: vec![MacKey::new(from_hex(text(&request["key"])).unwrap())],
        live: false,
        credentials: None,
    };
    let account = Account { name: "shop".to_owned(), scheme: Scheme::Adyen(settings) };
    let headers = Headers::new([("HmacSignature", text(&request["header"]).as_bytes())])?;
    let body = text(&request["body"]).to_owned().into();
    verify(&account, Request { headers, body }, now()).map(drop)
}

#[test]
fn we_take_what_adyens_package_signs_and_nothing_that_was_changed() {
    let lines = sdk(SCRIPT, &["sign", &COUNT.to_string(), &SEED.to_string()], &[]);
    assert_eq!(lines.len(), COUNT);
    for line in lines {
        let expected = if line["genuine"] == true { Ok(()) } else { Err(Rejection::Forged) };
        assert_eq!(verdict(&line), expected, "{line}");
    }
}

#[test]
fn adyens_package_takes_what_we_sign_and_nothing_that_was_changed() {
    let mut random = StdRng::seed_from_u64(SEED);
    let (mut input, mut expected) = (vec![], vec![]);
    for number in 0..COUNT {
        let key: [u8; 32] = random.r#gen();
        let mac_key = MacKey::new(key.to_vec());
        let (header, body) = match number % 3 {
            0 => {
                let body = platform(number, &mut random);
                let [(_, signature), _] = sign_body(body.as_bytes(), &mac_key);
                (signature, body)
            }
            _ => (String::new(), sign(&batch(number, &mut random), &mac_key).unwrap()),
        };
        let changed = number % 4 == 3;
        let body = if changed { body.replace("SDK-", "SDK-0") } else { body };
        let line = json!({"key": to_hex(&key), "header": header, "body": body});
        assert_eq!(verdict(&line).is_ok(), !changed, "{line}");
        input.push(line.to_string());
        expected.push(Value::Bool(!changed));
    }
    assert_eq!(sdk(SCRIPT, &["verify"], &input), expected);
}

fn noise(random: &mut StdRng) -> String {
    (0..random.gen_range(0..20)).map(|_| random.r#gen::<char>()).collect()
}

fn platform(number: usize, random: &mut StdRng) -> String {
    let body = json!({"type": "transfer.updated", "environment": "test",
        "data": {"reference": format!("SDK-{number}"), "description": noise(random)}});
    body.to_string()
}

fn batch(number: usize, random: &mut StdRng) -> Value {
    let subject = SUBJECTS[number % SUBJECTS.len()];
    let item = json!({
        "amount": {"value": random.gen_range(0..1_000_000_000), "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "eventDate": "2026-11-23T12:00:00+01:00",
        "merchantAccountCode": "Shop",
        "merchantReference": format!("{subject}:SDK-{number}:{}", noise(random)),
        "pspReference": format!("{:016}", random.gen_range(0..10_u64.pow(16))),
        "success": if random.r#gen() { "true" } else { "false" },
    });
    json!({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]})
}
