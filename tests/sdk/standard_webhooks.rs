//! The package standardwebhooks, for `v1`. No package on PyPI knows `v1a`; the package cryptography
//! signs and verifies it by the specification's rule.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use shared::process::now;
use shared::provider::standard_webhooks::{
    PrivateKey, PublicKey, Settings, key_of, sign, sign_v1a,
};
use shared::provider::{Account, Headers, Rejection, Request, Scheme, verify};
use shared::secret::Secret;
use time::Duration;

use crate::{COUNT, SEED, SUBJECTS, sdk, text};

const SCRIPT: &str = "standard_webhooks.py";
/// The pair of the standard's published example.
const PRIVATE_KEY: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

fn verdict(request: &Value) -> Result<(), Rejection> {
    let secret = request["secret"].as_str().map(|text| Secret::new(text.to_owned()));
    let public_key = request["public_key"].as_str().map(|text| PublicKey::parse(text).unwrap());
    let settings = Settings {
        secrets: secret.iter().map(|secret| key_of(secret).unwrap()).collect(),
        public_keys: public_key.into_iter().collect(),
    };
    let account = Account { name: "sender".to_owned(), scheme: Scheme::StandardWebhooks(settings) };
    let headers = request["headers"].as_object().unwrap();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), text(value).as_bytes()));
    let headers = Headers::new(headers)?;
    let body = text(&request["body"]).to_owned().into();
    verify(&account, Request { headers, body }, now()).map(drop)
}

#[test]
fn we_take_what_the_packages_sign_and_nothing_that_was_changed() {
    let lines = sdk(SCRIPT, &["sign", &(2 * COUNT).to_string(), &SEED.to_string()], &[]);
    assert_eq!(lines.len(), 2 * COUNT);
    for line in lines {
        let expected = match (line["genuine"] == true, line["what"].as_str()) {
            (true, _) => Ok(()),
            (false, Some("version")) => Err(Rejection::WrongAlgorithm),
            (false, _) => Err(Rejection::Forged),
        };
        assert_eq!(verdict(&line), expected, "{line}");
    }
}

#[test]
fn the_packages_take_what_we_sign_and_nothing_that_was_changed() {
    let mut random = StdRng::seed_from_u64(SEED);
    let private_key = PrivateKey::parse(PRIVATE_KEY).unwrap();
    let (mut input, mut expected) = (vec![], vec![]);
    for number in 0..2 * COUNT {
        let noise: String = (0..random.gen_range(0..20)).map(|_| random.r#gen::<char>()).collect();
        let subject = SUBJECTS[number % SUBJECTS.len()];
        let body =
            json!({"type": "SDK-", "data": {"subject": subject, "noise": noise}}).to_string();
        let (id, bytes) = (format!("msg_{number}"), body.as_bytes());
        let changed = number % 4 > 1;
        // Only the package for `v1` looks at the time.
        let is_stale = number % 8 == 2;
        let at = if is_stale { now() + Duration::hours(1) } else { now() };
        let (key, headers) = if number % 2 == 0 {
            let length = random.gen_range(24..=64);
            let key: Vec<u8> = (0..length).map(|_| random.r#gen()).collect();
            let secret = Secret::new(format!("whsec_{}", BASE64.encode(key)));
            let headers = sign(&id, bytes, &key_of(&secret).unwrap(), at);
            (("secret", secret.reveal().to_owned()), headers)
        } else {
            (("public_key", private_key.public_key()), sign_v1a(&id, bytes, &private_key, at))
        };
        let body = if changed && !is_stale { body.replace("SDK-", "SDK") } else { body };
        let headers: serde_json::Map<_, _> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let line = json!({key.0: key.1, "headers": headers, "body": body});
        assert_eq!(verdict(&line).is_ok(), !changed, "{line}");
        input.push(line.to_string());
        expected.push(Value::Bool(!changed));
    }
    assert_eq!(sdk(SCRIPT, &["verify"], &input), expected);
}
