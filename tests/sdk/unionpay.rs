//! UnionPay against the package cryptography, because no SDK of UnionPay's is published for Python or
//! npm; and chains that were signed with SHA-1, as CFCA's were.

use ops::simulate::certificate::{Subject, issue};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rsa::RsaPrivateKey;
use serde_json::{Value, json};
use shared::process::now;
use shared::provider::certificate::{Authorities, Certificate, ChainHash};
use shared::provider::unionpay::trust::{Certificates, Trust};
use shared::provider::unionpay::{Encoding, Reader, Settings, Signing, sign};
use shared::provider::{self, Account, Genuine, Headers, Rejection, Request, Scheme, verify};

use crate::{COUNT, SEED, sdk, text};

const ORGANISATION: &str = "中国银联股份有限公司";
const MER_ID: &str = "777290058167151";
const RESERVED: [&str; 8] = [
    "透传",
    "1+1=2",
    "100% %2B",
    r#"{"a":"b & c"}"#,
    "shop=1&item=2",
    "🧾 ümläut",
    "  blanks  ",
    "",
];

fn account(first: &Value, weakest: ChainHash) -> Account {
    let read = |pem: &Value| Certificate::parse_all(text(pem).as_bytes()).unwrap();
    let (root, intermediate) = (read(&first["root"]), read(&first["intermediate"]));
    let authorities = Authorities::new(root, &intermediate, weakest).unwrap();
    let trusted = Certificates::new(&[], Some(authorities), ORGANISATION).unwrap();
    let settings = Settings { mer_id: MER_ID.to_owned(), trust: Trust::Certificates(trusted) };
    Account { name: "shop".to_owned(), scheme: Scheme::UnionPay(settings) }
}

fn request(line: &Value) -> Request {
    Request { headers: Headers::default(), body: text(&line["body"]).to_owned().into() }
}

#[test]
fn we_take_what_another_signs_and_nothing_that_was_changed() {
    let lines = sdk("unionpay.py", &["sign", &COUNT.to_string(), &SEED.to_string()], &[]);
    let (first, notifications) = lines.split_first().unwrap();
    assert_eq!(notifications.len(), COUNT);
    let account = account(first, ChainHash::SHA1);
    let reader = provider::Reader::UnionPay(Reader { encoding: Encoding::Utf8 });
    for (number, line) in notifications.iter().enumerate() {
        let verdict = verify(&account, request(line), now()).map(drop);
        let expected = if line["genuine"] == true { Ok(()) } else { Err(Rejection::Forged) };
        assert_eq!(verdict, expected, "{line}");
        if expected.is_ok() {
            let body = text(&line["body"]).as_bytes();
            let read = reader.read(&Genuine { http: &[], received_at: now(), body }).unwrap();
            assert_eq!(read[0].payment().unwrap().order_number, format!("SDK{number}"));
        }
    }
}

#[test]
fn a_chain_that_was_signed_with_sha_1_is_taken_only_where_the_account_says_so() {
    let lines = sdk("unionpay.py", &["sign", "1", &SEED.to_string()], &[]);
    let verdict =
        |weakest| verify(&account(&lines[0], weakest), request(&lines[1]), now()).map(drop);
    assert_eq!(verdict(ChainHash::SHA1), Ok(()));
    assert_eq!(verdict(ChainHash::default()), Err(Rejection::UnknownKey));
}

#[test]
fn another_takes_what_we_sign_and_nothing_that_was_changed() {
    let mut random = StdRng::seed_from_u64(SEED);
    let key = RsaPrivateKey::new(&mut random, 2048).unwrap();
    let subject = Subject::UnionPay { organisation: ORGANISATION };
    let issued = issue(&key, subject, now()).unwrap();
    let by = Signing::Certificate { key: &key, certificate: &issued.leaf };
    let (mut input, mut expected) = (vec![json!({ "root": issued.root }).to_string()], vec![]);
    for number in 0..COUNT {
        let (order, query) = (format!("OURS{number}"), format!("{number:021}"));
        let amount = random.gen_range(1..10_000_000_i64).to_string();
        let reserved = *RESERVED.choose(&mut random).unwrap();
        let mut pairs: Vec<(&str, &[u8])> = vec![
            ("encoding", b"utf-8"),
            ("merId", MER_ID.as_bytes()),
            ("orderId", order.as_bytes()),
            ("queryId", query.as_bytes()),
            ("reqReserved", reserved.as_bytes()),
            ("respCode", b"00"),
            ("txnAmt", amount.as_bytes()),
            ("txnTime", b"20261123120000"),
            ("txnType", b"01"),
        ];
        pairs.shuffle(&mut random);
        let body = sign(&pairs, by);
        let genuine = number % 4 != 3;
        let body = if genuine { body } else { body.replacen("txnAmt=", "txnAmt=9", 1) };
        input.push(json!({ "body": body }).to_string());
        expected.push(Value::Bool(genuine));
    }
    assert_eq!(sdk("unionpay.py", &["verify"], &input), expected);
}
