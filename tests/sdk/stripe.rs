//! Stripe's own package: `WebhookSignature`, which looks at old times alone.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use shared::process::now;
use shared::provider::stripe::{Settings, sign};
use shared::provider::{Account, Headers, Rejection, Request, Scheme, verify};
use shared::secret::Secret;
use time::Duration;

use crate::{COUNT, SEED, SUBJECTS, sdk, text};

const SCRIPT: &str = "stripe.py";

fn verdict(request: &Value) -> Result<(), Rejection> {
    let secrets = vec![Secret::new(text(&request["secret"]).to_owned())];
    let settings = Settings { secrets, livemode: false, account: None };
    let account = Account { name: "shop".to_owned(), scheme: Scheme::Stripe(settings) };
    let headers = Headers::new([("Stripe-Signature", text(&request["header"]).as_bytes())])?;
    let body = text(&request["body"]).to_owned().into();
    verify(&account, Request { headers, body }, now()).map(drop)
}

#[test]
fn we_take_what_stripes_package_signs_and_nothing_that_was_changed() {
    let lines = sdk(SCRIPT, &["sign", &COUNT.to_string(), &SEED.to_string()], &[]);
    assert_eq!(lines.len(), COUNT);
    for line in lines {
        let expected = match (line["genuine"] == true, line["what"].as_str()) {
            (true, _) => Ok(()),
            (false, Some("scheme")) => Err(Rejection::WrongAlgorithm),
            (false, Some("stale")) => Err(Rejection::Stale),
            (false, _) => Err(Rejection::Forged),
        };
        assert_eq!(verdict(&line), expected, "{line}");
    }
}

#[test]
fn stripes_package_takes_what_we_sign_and_nothing_that_was_changed() {
    let mut random = StdRng::seed_from_u64(SEED);
    let (mut input, mut expected) = (vec![], vec![]);
    for number in 0..COUNT {
        let secret = Secret::new(format!("whsec_{:032x}", random.r#gen::<u128>()));
        let noise: String = (0..random.gen_range(0..20)).map(|_| random.r#gen::<char>()).collect();
        let body = json!({"id": format!("evt_{number}"), "object": "event", "livemode": false,
            "subject": SUBJECTS[number % SUBJECTS.len()], "noise": noise});
        let body = body.to_string();
        let changed = number % 4 == 3;
        let at = if number % 8 == 7 { now() - Duration::hours(1) } else { now() };
        let [(_, header)] = sign(body.as_bytes(), &secret, at);
        let body = if number % 8 == 3 { body.replace("evt_", "evt-") } else { body };
        let line = json!({"secret": secret.reveal(), "header": header, "body": body});
        assert_eq!(verdict(&line).is_ok(), !changed, "{line}");
        input.push(line.to_string());
        expected.push(Value::Bool(!changed));
    }
    assert_eq!(sdk(SCRIPT, &["verify"], &input), expected);
}
