//! Those that send JSON.

use serde_json::{Map, Value, json};
use shared::process::now;
use shared::provider::Provider;
use shared::provider::mac::from_hex;
use shared::provider::mac::key::MacKey;
use shared::provider::paypal::published::Environment;
use shared::provider::wechat_pay::{Event, Signer};
use shared::provider::{adyen, paypal, standard_webhooks, stripe, wechat_pay};

use super::{MARK, Senders, Tells, UNREADABLE, personal};

const JSON: &str = "application/json";

type Request = (Vec<(&'static str, String)>, String);

/// The whole resource is personal, and encrypted.
pub(super) fn wechat_pay(senders: &Senders<'_>, tells: Tells<'_>) -> Request {
    let resource = json!({
        "appid": "wxd678efh567hg6787", "mchid": "1900000109",
        "out_trade_no": tells.number, "transaction_id": format!("4200-{}", tells.number),
        "trade_type": "JSAPI", "trade_state": "SUCCESS", "trade_state_desc": MARK,
        "bank_type": "OTHERS", "attach": MARK, "success_time": "2026-11-23T12:00:03+08:00",
        "payer": { "openid": MARK }, "scene_info": { "device_id": MARK },
        "amount": { "total": ten(tells), "payer_total": 10, "currency": "CNY" },
    });
    let (id, resource) = (format!("EV-{}", tells.number), resource.to_string());
    let event = Event {
        id: &id,
        created_at: now(),
        event_type: "TRANSACTION.SUCCESS",
        original_type: "transaction",
        resource: &resource,
    };
    let secret = senders.secret(Provider::WechatPay);
    let body = wechat_pay::body(&event, secret.reveal()).unwrap();
    let signer = Signer { serial: "PUB_KEY_ID_SIMULATED", key: &senders.key };
    let headers = wechat_pay::sign(body.as_bytes(), now(), &signer);
    (with_type(headers), body)
}

pub(super) fn stripe(senders: &Senders<'_>, tells: Tells<'_>) -> Request {
    let mut intent = marked(Provider::Stripe, &["metadata"]);
    extend(
        &mut intent,
        json!({
            "id": format!("pi_{}", tells.number), "object": "payment_intent",
            "amount": ten(tells), "amount_received": ten(tells), "currency": "eur",
            "created": now().unix_timestamp(), "livemode": false, "status": "succeeded",
            "metadata": { "order_no": tells.number, "note": MARK },
        }),
    );
    let event = json!({
        "id": format!("evt_{}", tells.number), "object": "event",
        "type": "payment_intent.succeeded", "created": now().unix_timestamp(),
        "livemode": false, "data": { "object": intent },
    });
    let (body, secret) = (event.to_string(), senders.secret(Provider::Stripe));
    (with_type(stripe::sign(body.as_bytes(), &secret, now()).to_vec()), body)
}

pub(super) fn paypal(senders: &Senders<'_>, tells: Tells<'_>) -> Request {
    // Beside the resource: within it these two are the order's number.
    let own = ["custom", "custom_id"];
    let mut capture = marked(Provider::PayPal, &own);
    extend(
        &mut capture,
        json!({
            "id": format!("C-{}", tells.number), "status": "COMPLETED",
            "amount": { "currency_code": "USD", "value": tells.or_unreadable("0.10") },
            "invoice_id": tells.number, "payee": { "merchant_id": "7KNGBPH2U58GQ" },
            "create_time": "2026-11-23T12:00:00Z", "update_time": "2026-11-23T12:00:03Z",
            "links": [{ "rel": "self", "href": format!("https://api.paypal.com/{MARK}"), "method": "GET" }],
            "breakdown": { "custom": MARK, "custom_id": MARK },
        }),
    );
    let event = json!({
        "id": format!("WH-{}", tells.number), "create_time": "2026-11-23T12:00:04Z",
        "event_type": "PAYMENT.CAPTURE.COMPLETED", "event_version": "1.0",
        "resource_version": "2.0", "resource": capture, "summary": "a payment",
    });
    let body = event.to_string();
    let by = paypal::Signing {
        key: &senders.key,
        webhook_id: "4JH86294D6297924G",
        environment: Environment::Sandbox,
    };
    let headers = paypal::sign(body.as_bytes(), "69cd13f0-d67a-11e5-baa3-778b53f4ae55", now(), by);
    (headers, body)
}

pub(super) fn adyen(senders: &Senders<'_>, tells: Tells<'_>) -> Request {
    let mut item = marked(Provider::Adyen, &["additionalData"]);
    extend(
        &mut item,
        json!({
            "additionalData": { "cardSummary": MARK, "shopperEmail": MARK },
            "amount": { "currency": tells.or_unreadable("EUR"), "value": 10 },
            "eventCode": "AUTHORISATION", "eventDate": "2026-11-23T12:00:03+01:00",
            "merchantAccountCode": "ShopECOM", "merchantReference": tells.number,
            "paymentMethod": "visa", "pspReference": format!("P-{}", tells.number),
            "success": "true",
        }),
    );
    let items = json!([{ "NotificationRequestItem": item }]);
    let batch = json!({ "live": "false", "notificationItems": items });
    let key = MacKey::new(from_hex(senders.secret(Provider::Adyen).reveal()).unwrap());
    (with_type(vec![]), adyen::sign(&batch, &key).unwrap())
}

/// Every field that the mapping does not name may be personal.
pub(super) fn standard_webhooks(senders: &Senders<'_>, tells: Tells<'_>) -> Request {
    let said = json!({
        "type": "payment.succeeded", "timestamp": "2026-11-23T12:00:03Z", "customer": MARK,
        "data": {
            "transaction": format!("T-{}", tells.number), "order_no": tells.number,
            "amount": ten(tells), "currency": "EUR", "buyer": { "emails": [MARK] },
        },
    });
    let body = said.to_string();
    let key = standard_webhooks::key_of(&senders.secret(Provider::StandardWebhooks)).unwrap();
    let id = format!("msg_{}", tells.number);
    (with_type(standard_webhooks::sign(&id, body.as_bytes(), &key, now()).to_vec()), body)
}

/// In minor units.
fn ten(tells: Tells<'_>) -> Value {
    if tells.reads { 10.into() } else { UNREADABLE.into() }
}

fn marked(provider: Provider, but: &[&str]) -> Value {
    let marks = personal(provider, but).map(|name| (name.to_owned(), MARK.into()));
    Value::Object(marks.collect::<Map<_, _>>())
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

fn with_type(headers: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    [vec![("content-type", JSON.to_owned())], headers].concat()
}
