//! A subscription's year: signed, charged each month, once in vain and then again, and unsigned.

use std::fs;
use std::time::Duration;

use harness::wait;
use serde_json::Value;
use shared::provider::wechat_pay_v2::{SignType, sign};

use crate::story::Story;

const PATIENCE: Duration = Duration::from_secs(60);
/// In vain at first.
const FAILING: u8 = 6;
/// Charged from February on, twelve times.
const LAST: u8 = 13;
const TERMS: &str = r#"{"subscription_no":"S-1","account":"shop-wechat","amount":1250,"currency":"CNY","period":"P1M","anchor":"2026-01-31T00:00:00+08:00","time_zone":"Asia/Shanghai","grace":"P3D"}"#;

const API_KEY: &str = "G5ygxom91n9XCfGjmc7o8ywhU4SlGD1u";

/// What the provider says of a charge in this month, counted from January 2026.
async fn charged(story: &Story, month: u8, result: &str) {
    let hour = if result == "SUCCESS" { 13 } else { 12 };
    let (year, of_year) = (2026 + (i32::from(month) - 1) / 12, (month - 1) % 12 + 1);
    let (time, transaction) =
        (format!("{year}{of_year:02}20{hour}0000"), format!("T-{month}-{result}"));
    let order = format!("S-1-{month}-{result}");
    let said = [
        ("result_code", result),
        ("trade_type", "PAP"),
        ("total_fee", "1250"),
        ("fee_type", "CNY"),
        ("transaction_id", &transaction),
        ("out_trade_no", &order),
        ("time_end", &time),
    ];
    tell(story, &said).await;
}

async fn agreement(story: &Story, change_type: &str, at: &str) {
    let said = [
        ("result_code", "SUCCESS"),
        ("contract_code", "S-1"),
        ("plan_id", "12535"),
        ("change_type", change_type),
        ("operate_time", at),
        // Whenever this is played: it ends by word, not by running out.
        ("contract_expired_time", "2126-01-20 12:00:00"),
        ("request_serial", "1"),
    ];
    tell(story, &said).await;
}

async fn tell(story: &Story, said: &[(&str, &str)]) {
    let around = [
        ("return_code", "SUCCESS"),
        ("appid", "wxd678efh567hg6787"),
        ("mch_id", "1900000109"),
        ("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c"),
        ("contract_id", "Wx15463511252015071056489715"),
    ];
    let body = sign(&[&around[..], said].concat(), SignType::HmacSha256, API_KEY);
    story.post("shop-wechat", "text/xml", body).await;
}

fn show(story: &Story) -> Value {
    let shown = story.at.answer(&["subscriptions", "show", "S-1", "-o", "json"]).unwrap();
    serde_json::from_str(&shown).unwrap()
}

async fn until(story: &Story, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let probe = || async { Some(show(story)).filter(|subscription| is_so(subscription)) };
    let found = wait::until(what, PATIENCE, probe).await;
    found.unwrap_or_else(|error| panic!("{error}: {}", show(story)))
}

async fn happens(story: Story) {
    // A charge may come before its agreement, and that before the shop wrote its terms.
    charged(&story, 2, "SUCCESS").await;
    agreement(&story, "ADD", "2026-01-31 09:00:00").await;
    fs::write(story.at.path("terms.jsonl"), TERMS).unwrap();
    let terms = story.at.path("terms.jsonl").display().to_string();
    story.at.answer(&["subscriptions", "import", &terms]).unwrap();
    until(&story, "its first period", |subscription| subscription["periods"] == 1).await;

    for month in 3..FAILING {
        charged(&story, month, "SUCCESS").await;
        // A repeat extends nothing.
        charged(&story, month, "SUCCESS").await;
    }
    charged(&story, FAILING, "FAIL").await;
    let late = until(&story, "a failed charge", |now| now["status"] == "past_due").await;
    assert_eq!(late["periods"], 4);
    // An hour later it is tried again.
    charged(&story, FAILING, "SUCCESS").await;
    until(&story, "it recovers", |now| now["status"] == "active" && now["periods"] == 5).await;
    for month in FAILING + 1..=LAST {
        charged(&story, month, "SUCCESS").await;
    }
    until(&story, "twelve periods", |subscription| subscription["periods"] == 12).await;
    agreement(&story, "DELETE", "2027-01-25 09:00:00").await;
    let ended = until(&story, "its end", |subscription| subscription["status"] == "ended").await;

    let charges = ended["charges"].as_array().unwrap();
    assert_eq!(charges.len(), 12, "{ended}");
    // From the last of January by the month, and never iterated: 28 February, 31 March, 30 April.
    let begins: Vec<_> =
        charges.iter().map(|charge| charge["starts_at"].as_str().unwrap()).collect();
    let days = ["2026-01-30T16:00:00Z", "2026-02-27T16:00:00Z", "2026-03-30T16:00:00Z"];
    assert_eq!(begins[..3], days, "{ended}");
    for pair in charges.windows(2) {
        assert_eq!(pair[0]["ends_at"], pair[1]["starts_at"], "{ended}");
    }
    assert_eq!(ended["paid_through"], charges[11]["ends_at"]);
    assert_eq!(ended["entitled_until"], ended["paid_through"], "no grace once it has ended");

    story.rests(18).await;
    let told: Vec<_> = ended["events"].as_array().unwrap().iter().collect();
    let of = |kind: &str| told.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(of("subscription.activated.v1"), 1, "{ended}");
    assert_eq!(of("subscription.renewed.v1"), 12, "{ended}");
    assert_eq!(of("subscription.charge_failed.v1"), 1, "{ended}");
    assert_eq!(of("subscription.ended.v1"), 1, "{ended}");
    for (index, event) in told.iter().enumerate() {
        assert_eq!(event["sequence"], index + 1, "{ended}");
    }
    let cases = story.at.answer(&["cases", "list", "--status", "open", "-o", "json"]).unwrap();
    assert_eq!(cases.trim(), "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_charged_twelve_times_and_ends() {
    happens(Story::on_servers().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_charged_twelve_times_and_ends_embedded() {
    happens(Story::embedded().await).await;
}
