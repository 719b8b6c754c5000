//! `accounts`: keys, their ends, and when each last verified something; and keys that are too weak.

use std::fs;

use harness::installation::{ACCOUNT, Installation};
use harness::{ports, wait};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};

use crate::ran::run;
use crate::shop::Shop;

const KEYS: [&str; 10] = [
    "account",
    "days_left",
    "expires_at",
    "fingerprint",
    "key",
    "kind",
    "last_used_at",
    "provider",
    "quarantine",
    "state",
];

/// A certificate of RSA 2048 that ended in 2000, and one that ends in 2099.
fn certificate(not_after_year: i32) -> String {
    let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(1999, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(not_after_year, 6, 15);
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    parameters.self_signed(&key).unwrap().pem()
}

/// The account trusts these files, in this order.
fn trusts(at: &Installation, files: &[&str]) {
    let text = fs::read_to_string(at.config()).unwrap();
    fs::write(at.config(), text.replace("[\"alipay.pub\"]", &format!("{files:?}"))).unwrap();
}

#[test]
fn each_key_has_a_line_with_its_end() {
    let at = Installation::embedded().unwrap();
    fs::write(at.path("old.pem"), certificate(2000)).unwrap();
    fs::write(at.path("new.pem"), certificate(2099)).unwrap();
    trusts(&at, &["alipay.pub", "old.pem", "new.pem"]);
    for line in ["accounts -o jsonl", "accounts --offline -o jsonl"] {
        let ran = run(&at, line).ends_with(0);
        assert!(ran.stderr.contains("1 to renew"), "{ran}");
        let lines = ran.lines();
        let told: Vec<_> = lines.iter().map(|line| (&line["state"], &line["kind"])).collect();
        let expected = [
            (&json!("unlimited"), &json!("RSA 2048")),
            (&json!("expired"), &json!("certificate RSA 2048")),
            (&json!("valid"), &json!("certificate RSA 2048")),
        ];
        assert_eq!(told, expected);
        for line in &lines {
            let keys: Vec<_> = line.as_object().unwrap().keys().collect();
            assert_eq!(keys, KEYS);
            assert_eq!((&line["account"], &line["last_used_at"]), (&json!(ACCOUNT), &Value::Null));
        }
        assert_eq!(lines[2]["expires_at"], "2099-06-15T00:00:00Z");
    }
    let table = run(&at, "accounts").ends_with(0).stdout;
    assert!(table.contains("2000-06-15 EXPIRED") && table.contains("never"), "{table}");
}

#[test]
fn an_intermediate_that_ends_is_told_wherever_keys_are() {
    let at = Installation::embedded().unwrap();
    let end = shared::process::now() + time::Duration::days(3);
    let authority = |name: &str| {
        let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        (parameters, rcgen::KeyPair::generate().unwrap())
    };
    let ((root, root_key), (mut between, key)) = (authority("CFCA CS CA"), authority("CFCA OCA1"));
    between.not_after = end;
    fs::write(at.path("root.pem"), root.self_signed(&root_key).unwrap().pem()).unwrap();
    let between = between.signed_by(&key, &rcgen::Issuer::new(root, root_key)).unwrap();
    fs::write(at.path("between.pem"), between.pem()).unwrap();
    let text = fs::read_to_string(at.config()).unwrap();
    let unionpay = "\n[accounts.union]\nprovider = \"unionpay\"\nmer_id = \"777\"\n\
                    roots = [\"root.pem\"]\nintermediates = [\"between.pem\"]\n";
    fs::write(at.config(), text + unionpay).unwrap();
    let table = run(&at, "accounts --offline").ends_with(0);
    assert!(table.stdout.contains("intermediate certificate"), "{table}");
    assert!(table.stderr.contains("1 to renew"), "{table}");
    let check = run(&at, "config check").ends_with(0);
    assert!(check.stderr.contains("accounts.union: intermediate certificate"), "{check}");
    assert!(check.stderr.contains("(2 days)"), "{check}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_that_verified_something_is_told_and_no_other() {
    let shop = Shop::open().await;
    fs::write(shop.at.path("other.pem"), certificate(2099)).unwrap();
    trusts(&shop.at, &["alipay.pub", "other.pem"]);
    shop.import(&["A-1"]);
    shop.simulate("paid", "A-1").ends_with(0);
    shop.rest(1).await;
    let lines = shop.run("accounts -o json").ends_with(0).json();
    assert!(lines[0]["last_used_at"].is_string(), "{lines}");
    assert_eq!(lines[1]["last_used_at"], Value::Null, "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_comes_near_is_counted_and_logged_and_the_door_stays_ready() {
    let at = Installation::embedded().unwrap();
    fs::write(at.path("old.pem"), certificate(2000)).unwrap();
    trusts(&at, &["alipay.pub", "old.pem"]);
    let addresses = harness::installation::Addresses::free().unwrap();
    let door = at.serve(addresses).await.unwrap();
    let url = format!("{}/metrics", door.admin_url);
    let expiring = format!("quittance_keys_expiring{{account=\"{ACCOUNT}\"}} 1");
    wait::until(&expiring, std::time::Duration::from_secs(20), || async {
        let text = reqwest::get(&url).await.ok()?.text().await.ok()?;
        let seconds =
            text.lines().find(|line| line.starts_with("quittance_key_expires_seconds{"))?;
        assert!(seconds.rsplit(' ').next()?.parse::<f64>().ok()? < 0.0, "{seconds}");
        text.lines().any(|line| line == expiring).then_some(())
    })
    .await
    .unwrap();
    assert!(door.program.stderr().contains("a certificate ends"), "{}", door.program.stderr());
}

#[test]
fn a_weak_key_is_refused_at_every_start_with_its_size() {
    let at = Installation::embedded().unwrap();
    let weak = RsaPrivateKey::new(&mut rand::thread_rng(), 1024).unwrap().to_public_key();
    fs::write(at.path("alipay.pub"), weak.to_public_key_pem(LineEnding::LF).unwrap()).unwrap();
    let key = format!("accounts.{ACCOUNT}.public_keys");
    let words = [key.as_str(), "alipay.pub", "1024 bits", "2048"];
    run(&at, "config check").ends_with(2).prints(&words);
    run(&at, "serve").ends_with(2).complains_of(&words);
    run(&at, "accounts").ends_with(2).complains_of(&words);
    let mut ingress = harness::program::command("quittance-ingress").unwrap();
    ingress.args(["--config", &at.config()]);
    ingress.env("QUITTANCE__BROKER__URL", format!("amqp://127.0.0.1:{}", ports::free().unwrap()));
    let output = ingress.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
}
