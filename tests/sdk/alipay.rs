//! The PyPI package python-alipay-sdk against ours, by `RSA2` and by `RSA`.

use bytes::Bytes;
use harness::driver::post;
use harness::installation::{Addresses, Installation};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SerialNumber};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};
use shared::process::now;
use shared::provider::alipay::certificate::{root_serial_number, serial_number};
use shared::provider::alipay::{Settings, SignClass, SignType, sign_with};
use shared::provider::public_key::{HashFunction, PublicKey};
use shared::provider::{Account, Headers, Rejection, Request, Scheme, verify, verify_return};

use crate::{COUNT, SEED, SUBJECTS, sdk, text};

const SCRIPT: &str = "alipay.py";
const APP_ID: &str = "2021000000000001";
const CERTIFICATES: usize = 40;
/// The algorithm, its word for the SDK, its hash, and the shortest key that it may have.
const ALGORITHMS: [(SignType, &str, HashFunction, usize); 2] = [
    (SignType::RSA2, "RSA2", HashFunction::Sha256, 2048),
    (SignType::RSA, "RSA", HashFunction::Sha1, 1024),
];

fn account(
    public_key: &str,
    (sign_type, _, hash, _): (SignType, &str, HashFunction, usize),
) -> Account {
    let keys = vec![PublicKey::parse_for(public_key, hash).unwrap()];
    let settings = Settings { app_id: APP_ID.into(), seller_id: None, sign_type, keys };
    Account { name: "shop".into(), scheme: Scheme::Alipay(settings) }
}

#[test]
fn we_take_what_the_sdk_signs_and_nothing_that_was_changed() {
    for algorithm in ALGORITHMS {
        let lines = sdk(SCRIPT, &["sign", &COUNT.to_string(), &SEED.to_string(), algorithm.1], &[]);
        let (key, messages) = lines.split_first().unwrap();
        assert_eq!(messages.len(), COUNT);
        let account = account(text(&key["public_key"]), algorithm);
        for line in messages {
            let body = Bytes::from(text(&line["body"]).to_owned());
            let verdict = if line["kind"] == "return" {
                verify_return(&account, &body, now()).map(drop)
            } else {
                verify(&account, Request { headers: Headers::default(), body }, now()).map(drop)
            };
            let expected = if line["genuine"] == true { Ok(()) } else { Err(Rejection::Forged) };
            assert_eq!(verdict, expected, "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_door_takes_what_the_sdk_signs_and_nothing_that_was_changed() {
    let lines = sdk(SCRIPT, &["sign", &COUNT.to_string(), &(SEED + 1).to_string(), "RSA2"], &[]);
    let (key, messages) = lines.split_first().unwrap();
    let installation = Installation::embedded().unwrap();
    std::fs::write(installation.path("alipay.pub"), text(&key["public_key"])).unwrap();
    let file = installation.path("quittance.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let any_seller = config.lines().filter(|line| !line.starts_with("seller_id"));
    std::fs::write(&file, any_seller.collect::<Vec<_>>().join("\n")).unwrap();

    let mut door = installation.serve(Addresses::free().unwrap()).await.unwrap();
    let client = reqwest::Client::new();
    for line in messages {
        let answer = post(&client, &door.url, text(&line["body"])).await.unwrap();
        let is_taken = line["genuine"] == true && line["kind"] != "return";
        let expected = if is_taken { (200, "success") } else { (401, "fail") };
        assert_eq!((answer.0, answer.1.as_str()), expected, "{line}");
    }
    assert!(door.program.terminate().await.unwrap().success());
}

#[test]
fn the_sdk_takes_what_we_sign_and_nothing_that_was_changed() {
    let mut random = StdRng::seed_from_u64(SEED);
    for (sign_type, word, _, bits) in ALGORITHMS {
        let key = RsaPrivateKey::new(&mut random, bits).unwrap();
        let public_key = key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
        let mut input = vec![json!({ "public_key": public_key }).to_string()];
        let mut expected = vec![];
        for number in 0..COUNT {
            let pairs = pairs(number, &mut random);
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| (*key, value.as_bytes())).collect();
            let body = sign_with(sign_type, &pairs, SignClass::V1, &key);
            let changed = number % 4 == 3;
            let body = if changed { body.replace("total_amount=", "total_amount=9") } else { body };
            input.push(json!({ "body": body }).to_string());
            expected.push(Value::Bool(!changed));
        }
        assert_eq!(sdk(SCRIPT, &["verify", word], &input), expected, "{word}");
    }
}

#[test]
fn certificates_have_the_serial_numbers_that_the_sdk_gives_them() {
    let mut random = StdRng::seed_from_u64(SEED);
    let key = RsaPrivateKey::new(&mut random, 2048).unwrap();
    let rsa = KeyPair::from_pem(&key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap();
    let elliptic = KeyPair::generate().unwrap();
    let (mut input, mut ours) = (vec![], vec![]);
    for number in 0..CERTIFICATES {
        let one = certificate(number, &rsa, &mut random);
        let bundle = [
            certificate(number, &elliptic, &mut random),
            one.clone(),
            certificate(number, &rsa, &mut random),
        ];
        let bundle = bundle.join("\n");
        ours.push(json!([serial_number(&one).unwrap(), root_serial_number(&bundle)]));
        input.push(json!({ "certificate": one, "bundle": bundle }).to_string());
    }
    assert_eq!(sdk(SCRIPT, &["certificates"], &input), ours);
}

/// A certificate of a random authority, in Alipay's order of names.
fn certificate(number: usize, key: &KeyPair, random: &mut StdRng) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let serial: Vec<u8> = (0..random.gen_range(1..=20)).map(|_| random.r#gen()).collect();
    for (kind, value) in [
        (DnType::CountryName, "CN".to_owned()),
        (DnType::OrganizationName, format!("组织 {}", random.gen_range(0..1000))),
        (DnType::OrganizationalUnitName, "Certification Authority".to_owned()),
        (DnType::CommonName, format!("Authority Class {number} R1")),
    ] {
        params.distinguished_name.push(kind, value);
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.self_signed(key).unwrap().pem()
}

/// A notification that we sign, in random words and in random order.
fn pairs(number: usize, random: &mut StdRng) -> Vec<(&'static str, String)> {
    let amount = format!("{}.{:02}", random.gen_range(0..100_000), random.gen_range(0..100));
    let subject = *SUBJECTS.choose(random).unwrap();
    let noise: String = (0..random.gen_range(1..20)).map(|_| random.r#gen::<char>()).collect();
    let mut pairs = vec![
        ("app_id", APP_ID.to_owned()),
        ("charset", "utf-8".to_owned()),
        ("notify_id", format!("{number:032}")),
        ("notify_type", "trade_status_sync".to_owned()),
        ("out_trade_no", format!("OURS-{number}")),
        ("trade_status", "TRADE_SUCCESS".to_owned()),
        ("total_amount", amount),
        ("subject", subject.to_owned()),
        ("body", noise),
    ];
    pairs.shuffle(random);
    pairs
}
