//! UnionPay's vectors: the tests of yansongda/pay, signed by UnionPay's sandbox. Its certificate ended in
//! 2025, and its issuer's is not in the file; so it is pinned.
//!
//! The file's `qra_md5` is another protocol (union QR: XML with MD5), which we do not speak.

use serde_json::Value;
use shared::notification::{Fact, PaymentStatus};
use shared::provider::certificate::{Authorities, Certificate, ChainHash};
use shared::provider::form::{Form, encode};
use shared::provider::unionpay::trust::{Certificates, Trust};
use shared::provider::unionpay::{Encoding, Reader, Settings, signed_text};
use shared::provider::{self, Account, Genuine, Headers, Rejection, Request, Scheme, verify};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::{NOW, file, text};

const FILE: &str = "unionpay-yansongda.json";
const ORGANISATION: &str = "中国银联股份有限公司";
/// While the certificate was valid.
const THEN: OffsetDateTime = datetime!(2024-01-05 16:58:42 +8);

struct Case {
    name: String,
    body: String,
    stated_text: Option<String>,
    stated_hash: Option<String>,
    expected: bool,
}

fn cases(file: &Value) -> Vec<Case> {
    let stated = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let case = |case: &Value| {
        let params = case["params"].as_object().unwrap();
        Case {
            name: text(&case["name"]).to_owned(),
            body: encode(params.iter().map(|(key, value)| (key.as_str(), text(value).as_bytes()))),
            stated_text: stated(&case["string_to_sign"]),
            stated_hash: stated(&case["sha256_hex"]),
            expected: case["expected"].as_bool().unwrap(),
        }
    };
    let cases: Vec<_> = file["cases"].as_array().unwrap().iter().map(case).collect();
    assert_eq!(cases.len(), 5);
    cases
}

fn pinned(file: &Value) -> Certificate {
    let pem = text(&file["separately_distributed_public_cert_pem"]);
    Certificate::parse(pem.as_bytes()).unwrap()
}

fn verdict(trusted: Certificates, body: &str, now: OffsetDateTime) -> Result<(), Rejection> {
    let trust = Trust::Certificates(trusted);
    let scheme = Scheme::UnionPay(Settings { mer_id: "777290058167151".to_owned(), trust });
    let request = Request { headers: Headers::default(), body: body.to_owned().into() };
    verify(&Account { name: "shop".to_owned(), scheme }, request, now).map(drop)
}

#[test]
fn each_of_unionpays_texts_and_hashes_is_the_stated_one() {
    let Some(file) = file(FILE) else { return };
    for case in cases(&file).iter().filter(|case| case.expected) {
        let form = Form::parse(case.body.as_bytes()).unwrap();
        let ours = String::from_utf8(signed_text(&form)).unwrap();
        assert_eq!(Some(&ours), case.stated_text.as_ref(), "{}", case.name);
        let hash = shared::provider::mac::to_hex(&sha256(ours.as_bytes()));
        assert_eq!(Some(&hash), case.stated_hash.as_ref(), "{}", case.name);
    }
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).to_vec()
}

#[test]
fn the_door_takes_what_the_pinned_certificate_signed_and_no_other() {
    let Some(file) = file(FILE) else { return };
    let pinned = [pinned(&file)];
    let trusted = || Certificates::new(&pinned, None, ORGANISATION).unwrap();
    for case in cases(&file) {
        let expected = if case.expected { Ok(()) } else { Err(Rejection::Forged) };
        for now in [NOW, THEN] {
            assert_eq!(verdict(trusted(), &case.body, now), expected, "{}", case.name);
        }
        let unix = case.body.replace("%0D%0A", "%0A");
        assert_ne!(unix, case.body);
        assert_eq!(verdict(trusted(), &unix, THEN), Err(Rejection::Forged), "{}", case.name);
    }
}

#[test]
fn the_certificate_in_the_message_is_nobodys_without_its_issuer() {
    let Some(file) = file(FILE) else { return };
    let own = pinned(&file);
    assert_eq!(own.common_name(), Some("041@8310000000083040@中国银联股份有限公司@00016495"));
    assert!(own.is_valid_at(THEN) && !own.is_valid_at(NOW));
    // Not even if it is listed as a root itself.
    let authorities = Authorities::new(vec![own], &[], ChainHash::SHA1).unwrap();
    let trusted = || Certificates::new(&[], Some(authorities.clone()), ORGANISATION).unwrap();
    for case in cases(&file) {
        let verdict = verdict(trusted(), &case.body, THEN);
        assert_eq!(verdict, Err(Rejection::UnknownKey), "{}", case.name);
    }
}

#[test]
fn what_the_door_takes_can_be_read() {
    let Some(file) = file(FILE) else { return };
    let reader = provider::Reader::UnionPay(Reader { encoding: Encoding::Utf8 });
    let mut told = vec![];
    for case in cases(&file).iter().filter(|case| case.expected) {
        let genuine = Genuine { http: &[], received_at: NOW, body: case.body.as_bytes() };
        told.push(match reader.read(&genuine).unwrap().remove(0).fact {
            Some(Fact::Payment(fact)) => {
                assert_eq!(fact.status, PaymentStatus::Succeeded);
                (fact.order_number, fact.amount.minor, fact.occurred_at)
            }
            Some(Fact::Refund(fact)) => {
                assert_ne!(fact.transaction, fact.refund);
                (fact.refund_no.unwrap(), fact.amount.minor, fact.occurred_at)
            }
            other => panic!("{}: {other:?}", case.name),
        });
    }
    let expected = [
        ("yansongda20220908132206", datetime!(2022-09-08 13:22:06 +8)),
        ("pay20240105145046", datetime!(2024-01-05 14:50:46 +8)),
        ("cancelpay20240105164725", datetime!(2024-01-05 16:47:25 +8)),
        ("refundpay20240105165842", datetime!(2024-01-05 16:58:42 +8)),
    ];
    assert_eq!(told, expected.map(|(number, at)| (number.to_owned(), 1, at)));
}
