//! One signed event of the Rust SDK async-stripe, and what was derived from it.

use serde_json::Value;
use shared::provider::stripe::{OrderFrom, Reader as StripeReader, Settings};
use shared::provider::{Account, Genuine, Headers, Reader, Request, Scheme, verify};
use shared::secret::Secret;
use time::OffsetDateTime;

use crate::{file, text};

#[test]
fn every_case_of_stripe_has_the_verdict_it_states() {
    let Some(file) = file("stripe-async-stripe.json") else { return };
    let mut verdicts = vec![];
    for case in file["cases"].as_array().unwrap() {
        let is_taken = is_taken(case);
        assert_eq!(Some(is_taken), case["expected"].as_bool(), "{}", case["name"]);
        verdicts.push(is_taken);
    }
    assert!(verdicts.contains(&true) && verdicts.contains(&false));
}

#[test]
fn the_event_of_stripes_case_is_one_that_says_nothing_to_us() {
    let Some(file) = file("stripe-async-stripe.json") else { return };
    let body = text(&file["cases"][0]["body"]);
    let reader = Reader::Stripe(StripeReader {
        order_from: OrderFrom::PaymentIntent,
        order_key: "order_no".to_owned(),
        subscription_key: "subscription_no".to_owned(),
    });
    let received_at = OffsetDateTime::UNIX_EPOCH;
    let genuine = Genuine { http: &[], received_at, body: body.as_bytes() };
    let read = reader.read(&genuine).unwrap();
    assert_eq!(
        (read[0].identity.as_str(), read[0].kind.as_str()),
        ("evt_123", "invoiceitem.created")
    );
    assert_eq!((read.len(), &read[0].fact), (1, &None));
}

fn is_taken(case: &Value) -> bool {
    let secrets = vec![Secret::new(text(&case["secret"]).to_owned())];
    let settings = Settings { secrets, livemode: false, account: Some("acct_123".to_owned()) };
    let account = Account { name: "shop".to_owned(), scheme: Scheme::Stripe(settings) };
    let headers = [("Stripe-Signature", text(&case["header"]).as_bytes())];
    let body = text(&case["body"]).to_owned().into();
    let request = Request { headers: Headers::new(headers).unwrap(), body };
    let now = OffsetDateTime::from_unix_timestamp(case["now_unix"].as_i64().unwrap()).unwrap();
    verify(&account, request, now).is_ok()
}
