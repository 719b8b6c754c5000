//! What opens a resource, and what does not.

use serde_json::{Value, json};
use shared::provider::Unreadable;
use shared::provider::wechat_pay::Reader;
use shared::secret::Secret;

use super::sender::{API_V3_KEYS, envelope, event, payment, read, read_by, reader, sealed, with};

#[test]
fn associated_data_is_absent_empty_or_the_one_that_was_sealed() {
    let plain = payment().to_string();
    let said = |resource: &Value| read(envelope("TRANSACTION.SUCCESS", resource).to_string());
    let (absent, empty) =
        (sealed("transaction", &plain, None), sealed("transaction", &plain, Some("")));
    let stated = sealed("transaction", &plain, Some("transaction"));
    for resource in [&absent, &empty, &stated, &with(absent.clone(), "/associated_data", "".into())]
    {
        assert!(said(resource).is_ok(), "{resource}");
    }
    let changed = |key: &str, value: Value| with(stated.clone(), &format!("/{key}"), value);
    let text = |key: &str| stated[key].as_str().unwrap().to_owned();
    for resource in [
        changed("associated_data", Value::Null),
        changed("associated_data", "".into()),
        changed("associated_data", "Transaction".into()),
        changed("nonce", "fdasflkja48".into()),
        changed("nonce", "fdasflkja4844".into()),
        changed("nonce", "fdasflkja485".into()),
        // The tag, or a part of it, is gone.
        changed("ciphertext", text("ciphertext")[..text("ciphertext").len() - 8].into()),
        changed("ciphertext", "AAAA".into()),
    ] {
        assert_eq!(said(&resource), Err(Unreadable::Undecryptable), "{resource}");
    }
    for resource in [
        changed("algorithm", "AEAD_SM4_GCM".into()),
        changed("algorithm", "AEAD_AES_128_GCM".into()),
        changed("algorithm", Value::Null),
        changed("associated_data", json!(1)),
        changed("ciphertext", format!("{} ", text("ciphertext")).into()),
        changed("ciphertext", Value::Null),
        changed("nonce", Value::Null),
        sealed("transaction", "not JSON", None),
        sealed("transaction", &plain.replacen('{', r#"{"mchid":"1900000110","#, 1), None),
    ] {
        assert!(matches!(said(&resource), Err(Unreadable::Malformed(_))), "{resource}");
    }
}

#[test]
fn a_key_that_is_replaced_still_opens_and_another_does_not() {
    let body = event("TRANSACTION.SUCCESS", "transaction", &payment());
    let by = |keys: &[&str]| {
        let keys = keys.iter().map(|key| Secret::new((*key).to_owned())).collect();
        let by = Reader { api_v3_keys: keys, ..reader() };
        read_by(by, body.as_bytes()).map(|read| read.len())
    };
    assert_eq!(by(&[API_V3_KEYS[1], API_V3_KEYS[0]]), Ok(1));
    assert_eq!(by(&[API_V3_KEYS[1]]), Err(Unreadable::Undecryptable));
    // Half of the key would be the key of another cipher.
    assert_eq!(by(&[&API_V3_KEYS[0][..16]]), Err(Unreadable::Undecryptable));
}
