//! Signed messages of the Standard Webhooks libraries and of Svix, in both algorithms.

use serde_json::Value;
use shared::provider::standard_webhooks::mapping::{Mapping, MappingSection};
use shared::provider::standard_webhooks::{
    PrivateKey, PublicKey, Settings, key_of, sign, sign_v1a,
};
use shared::provider::{Account, Genuine, Headers, Reader, Request, Scheme, verify};
use shared::secret::Secret;
use time::OffsetDateTime;

use crate::{NOW, file, text};

const FILE: &str = "standard-webhooks.json";

#[test]
fn every_message_of_the_standard_has_the_verdict_it_states() {
    let Some(file) = file(FILE) else { return };
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 9);
    for case in cases {
        let headers = case["headers"].as_object().unwrap();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), text(value).as_bytes()));
        let body = text(&case["body"]).to_owned().into();
        let request = Request { headers: Headers::new(headers).unwrap(), body };
        let account =
            Account { name: "sender".to_owned(), scheme: Scheme::StandardWebhooks(settings(case)) };
        let verdict = verify(&account, request, now(case)).is_ok();
        assert_eq!(Some(verdict), case["expected"].as_bool(), "{}", case["name"]);
    }
}

#[test]
fn we_sign_the_standards_messages_as_its_libraries_do() {
    let Some(file) = file(FILE) else { return };
    let mut signed = 0;
    for case in file["cases"].as_array().unwrap().iter().filter(|case| case["expected"] == true) {
        let (id, stated) = (&case["headers"]["webhook-id"], &case["headers"]["webhook-signature"]);
        let body = text(&case["body"]).as_bytes();
        let [.., (_, ours)] = match case["secret"].as_str() {
            Some(secret) => {
                let key = key_of(&Secret::new(secret.to_owned())).unwrap();
                sign(text(id), body, &key, now(case))
            }
            None => {
                let pair = text(&case["secret_key_seed_plus_public_b64"]);
                let key = PrivateKey::parse(&format!("whsk_{pair}")).unwrap();
                assert_eq!(key.public_key(), text(&case["public_key"]));
                sign_v1a(text(id), body, &key, now(case))
            }
        };
        assert!(text(stated).split(' ').any(|entry| entry == ours), "{}", case["name"]);
        signed += 1;
    }
    assert!(signed > 2);
}

#[test]
fn a_body_of_no_known_type_says_nothing_to_us() {
    let Some(file) = file(FILE) else { return };
    let body = text(&file["cases"][0]["body"]).as_bytes();
    let reader = Reader::StandardWebhooks(Mapping::new(&MappingSection::default()).unwrap());
    let http = [("webhook-id".to_owned(), "msg_1".to_owned())];
    let read = reader.read(&Genuine { http: &http, received_at: NOW, body }).unwrap();
    assert_eq!((read[0].identity.as_str(), &read[0].fact), ("msg_1", &None));
}

fn now(case: &Value) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(case["now_unix"].as_i64().unwrap()).unwrap()
}

fn settings(case: &Value) -> Settings {
    let secret = case["secret"].as_str().map(|secret| Secret::new(secret.to_owned()));
    let public_key = case["public_key"].as_str().map(|key| PublicKey::parse(key).unwrap());
    Settings {
        secrets: secret.iter().map(|secret| key_of(secret).unwrap()).collect(),
        public_keys: public_key.into_iter().collect(),
    }
}
