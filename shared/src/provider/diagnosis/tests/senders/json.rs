//! WeChat Pay, Stripe, PayPal, Adyen and Standard Webhooks: JSON.

use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};

use super::{KEYS, NOW, SUBJECT, Sender, public, received};
use crate::provider::mac::key::MacKey;
use crate::provider::{Received, Scheme, adyen, paypal, standard_webhooks, stripe, wechat_pay};
use crate::secret::Secret;

const JSON: (&str, &str) = ("content-type", "application/json");

pub(super) fn wechat_pay() -> Sender {
    let id = |at: usize| format!("PUB_KEY_ID_011{at}");
    let scheme = |at: usize| {
        let key = wechat_pay::PlatformKey::named(&id(at), &pem(at)).unwrap();
        Scheme::WechatPay(wechat_pay::Settings { keys: vec![key] })
    };
    Sender::new(scheme, |at| {
        // In WeChat's own order, and with letters that writers of JSON differ in.
        let body = format!(
            "{{\"id\":\"3119dfba-e649-5eec\",\"create_time\":\"2026-11-23T12:00:00+08:00\",\
             \"resource_type\":\"encrypt-resource\",\"event_type\":\"TRANSACTION.SUCCESS\",\
             \"summary\":{},\"resource\":{{\"original_type\":\"transaction\",\
             \"algorithm\":\"AEAD_AES_256_GCM\",\"ciphertext\":\"YDS3/lKP+aC4\",\
             \"associated_data\":\"transaction\",\"nonce\":\"Kj7QIyUiYx1q\"}}}}",
            serde_json::to_string(SUBJECT).unwrap()
        );
        let serial = if at == 2 { id(0) } else { id(at) };
        let signer = wechat_pay::Signer { serial: &serial, key: &KEYS[at] };
        posted(wechat_pay::sign(body.as_bytes(), NOW, &signer), body)
    })
}

pub(super) fn stripe() -> Sender {
    let secret = |at: usize| Secret::new(format!("whsec_{at}"));
    let scheme = |at: usize| {
        let secrets = vec![secret(at)];
        Scheme::Stripe(stripe::Settings { secrets, livemode: true, account: None })
    };
    Sender::new(scheme, |at| {
        // As Stripe writes it: in lines, what it is first, the rest by name.
        let body = format!(
            "{{\n  \"id\": \"evt_1\",\n  \"object\": \"event\",\n  \"created\": 1790000000,\n  \
             \"data\": {{\n    \"object\": {{\n      \"id\": \"pi_1\",\n      \
             \"object\": \"payment_intent\",\n      \"amount\": 2000,\n      \"description\": {}\n    \
             }}\n  }},\n  \"livemode\": true,\n  \"type\": \"payment_intent.succeeded\"\n}}",
            serde_json::to_string(SUBJECT).unwrap()
        );
        posted(stripe::sign(body.as_bytes(), &secret(at), NOW), body)
    })
}

pub(super) fn paypal() -> Sender {
    use paypal::published::{Environment, Trust};
    let scheme = |at: usize| {
        Scheme::PayPal(paypal::Settings {
            webhook_id: "8PT597110X687430LKGECATA".to_owned(),
            merchant_id: None,
            max_age: None,
            trust: Trust::new(Environment::Live, vec![public(at)], None),
        })
    };
    Sender::new(scheme, |at| {
        let body = format!(
            r#"{{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{{"amount":{{"currency_code":"USD","value":"20.00"}},"id":"5O1","note":{}}}}}"#,
            serde_json::to_string(SUBJECT).unwrap()
        );
        let by = paypal::Signing {
            key: &KEYS[at],
            webhook_id: "8PT597110X687430LKGECATA",
            environment: Environment::Live,
        };
        posted(paypal::sign(body.as_bytes(), "69cd13f0-d67a-11e5-baa3-778b53f4ae55", NOW, by), body)
    })
}

pub(super) fn adyen() -> Sender {
    let key = |at: u8| MacKey::new(vec![at; 32]);
    let scheme = |at: usize| {
        Scheme::Adyen(adyen::Settings {
            merchant_accounts: vec!["Shop".to_owned()],
            keys: vec![key(u8::try_from(at).unwrap())],
            live: true,
            credentials: None,
        })
    };
    Sender::new(scheme, |at| {
        let item = json!({
            "amount": {"value": 2000, "currency": "EUR"}, "eventCode": "AUTHORISATION",
            "eventDate": "2026-11-23T11:59:00+00:00", "merchantAccountCode": "Shop",
            "merchantReference": SUBJECT, "pspReference": "P1", "success": "true",
        });
        let batch: Value =
            json!({"live": "true", "notificationItems": [{"NotificationRequestItem": item}]});
        let body = adyen::sign(&batch, &key(u8::try_from(at).unwrap())).unwrap();
        posted([], body)
    })
}

pub(super) fn standard_webhooks() -> Sender {
    let key = |at: usize| {
        let secret = ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
        let text = secret.get(at).copied().unwrap_or("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB");
        standard_webhooks::key_of(&Secret::new(format!("whsec_{text}"))).unwrap()
    };
    let scheme = |at: usize| {
        let settings = standard_webhooks::Settings { secrets: vec![key(at)], public_keys: vec![] };
        Scheme::StandardWebhooks(settings)
    };
    Sender::new(scheme, |at| {
        let body = json!({"amount": 2000, "subject": SUBJECT, "type": "invoice.paid"}).to_string();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        posted(standard_webhooks::sign(id, body.as_bytes(), &key(at), NOW), body)
    })
}

fn posted(headers: impl IntoIterator<Item = (&'static str, String)>, body: String) -> Received {
    let mut headers: Vec<_> = headers.into_iter().collect();
    headers.retain(|(name, _)| *name != JSON.0);
    headers.push((JSON.0, JSON.1.to_owned()));
    received(&headers, body)
}

fn pem(at: usize) -> String {
    KEYS[at].to_public_key().to_public_key_pem(LineEnding::LF).unwrap()
}
