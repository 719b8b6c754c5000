//! An Alipay SDK that is not ours, in both directions: what it signs we take, what we sign it takes,
//! and neither takes what was changed.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod wechat_pay;
mod wechat_pay_v2;
mod adyen;
mod standard_webhooks;
mod stripe;
mod unionpay;
mod paypal;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use harness::driver::post;
use harness::installation::{Addresses, Installation};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};
use shared::process::now;
use shared::provider::alipay::{Settings, SignClass, sign};
use shared::provider::public_key::PublicKey;
use shared::provider::{Account, Headers, Rejection, Request, Scheme, verify};

const COUNT: usize = 300;
const SEED: u64 = 20_261_123;
const APP_ID: &str = "2021000000000001";
const SUBJECTS: [&str; 8] = [
    "语雀空间 500人规模",
    "1+1=2",
    "100% %2B",
    r#"{"a":"b & c"}"#,
    "Tom & Jerry",
    "back\\slash/",
    "🧾 ümläut",
    "  blanks  ",
];

/// The interpreter with the SDK in it.
fn python() -> PathBuf {
    let prepared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python/bin/python");
    let python = std::env::var_os("QUITTANCE_TEST_PYTHON").map_or(prepared, PathBuf::from);
    assert!(python.exists(), "the SDKs are not installed: `./test` prepares it");
    python
}

/// Runs a script of this folder and answers the lines it prints.
fn sdk(script: &str, arguments: &[&str], input: &[String]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(script);
    let mut command = Command::new(python());
    // Alone, so that a script may bear the name of the package that it tries.
    command.args(["-I", "-X", "utf8"]).arg(script).args(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.iter().map(|line| format!("{line}\n")).collect::<String>();
    // Written aside, because the answers come while it is still read.
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "the script failed: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn account(public_key: &str) -> Account {
    let keys = vec![PublicKey::parse(public_key).unwrap()];
    let settings = Settings { app_id: APP_ID.into(), seller_id: None, keys };
    Account { name: "shop".into(), scheme: Scheme::Alipay(settings) }
}

#[test]
fn we_take_what_the_sdk_signs_and_nothing_that_was_changed() {
    let lines = sdk("sdk.py", &["sign", &COUNT.to_string(), &SEED.to_string()], &[]);
    let (key, notifications) = lines.split_first().unwrap();
    assert_eq!(notifications.len(), COUNT);
    let account = account(text(&key["public_key"]));
    for line in notifications {
        let body = Bytes::from(text(&line["body"]).to_owned());
        let verdict =
            verify(&account, Request { headers: Headers::default(), body }, now()).map(drop);
        let expected = if line["genuine"] == true { Ok(()) } else { Err(Rejection::Forged) };
        assert_eq!(verdict, expected, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_door_takes_what_the_sdk_signs_and_nothing_that_was_changed() {
    let lines = sdk("sdk.py", &["sign", &COUNT.to_string(), &(SEED + 1).to_string()], &[]);
    let (key, notifications) = lines.split_first().unwrap();
    let installation = Installation::embedded().unwrap();
    std::fs::write(installation.path("alipay.pub"), text(&key["public_key"])).unwrap();
    let file = installation.path("quittance.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let any_seller = config.lines().filter(|line| !line.starts_with("seller_id"));
    std::fs::write(&file, any_seller.collect::<Vec<_>>().join("\n")).unwrap();

    let mut door = installation.serve(Addresses::free().unwrap()).await.unwrap();
    let client = reqwest::Client::new();
    for line in notifications {
        let answer = post(&client, &door.url, text(&line["body"])).await.unwrap();
        let expected = if line["genuine"] == true { (200, "success") } else { (401, "fail") };
        assert_eq!((answer.0, answer.1.as_str()), expected, "{line}");
    }
    assert!(door.program.terminate().await.unwrap().success());
}

#[test]
fn the_sdk_takes_what_we_sign_and_nothing_that_was_changed() {
    let mut random = StdRng::seed_from_u64(SEED);
    let key = RsaPrivateKey::new(&mut random, 2048).unwrap();
    let public_key = key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let mut input = vec![json!({ "public_key": public_key }).to_string()];
    let mut expected = vec![];
    for number in 0..COUNT {
        let body = body(number, &key, &mut random);
        let changed = number % 4 == 3;
        let body = if changed { body.replace("total_amount=", "total_amount=9") } else { body };
        input.push(json!({ "body": body }).to_string());
        expected.push(Value::Bool(!changed));
    }
    assert_eq!(sdk("sdk.py", &["verify"], &input), expected);
}

/// A notification that we sign, in random words and in random order.
fn body(number: usize, key: &RsaPrivateKey, random: &mut StdRng) -> String {
    let (id, order) = (format!("{number:032}"), format!("OURS-{number}"));
    let amount = format!("{}.{:02}", random.gen_range(0..100_000), random.gen_range(0..100));
    let subject = *SUBJECTS.choose(random).unwrap();
    let noise: String = (0..random.gen_range(1..20)).map(|_| random.r#gen::<char>()).collect();
    let mut pairs: Vec<(&str, &[u8])> = vec![
        ("app_id", APP_ID.as_bytes()),
        ("charset", b"utf-8"),
        ("notify_id", id.as_bytes()),
        ("notify_type", b"trade_status_sync"),
        ("out_trade_no", order.as_bytes()),
        ("trade_status", b"TRADE_SUCCESS"),
        ("total_amount", amount.as_bytes()),
        ("subject", subject.as_bytes()),
        ("body", noise.as_bytes()),
    ];
    pairs.shuffle(random);
    sign(&pairs, SignClass::V1, key)
}
