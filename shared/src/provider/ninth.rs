//! Is a further provider one file and one variant? The worked example of `docs/adding-a-provider.md`,
//! declared as a reader of it would, goes the whole way from its section to its facts.

#![expect(unreachable_patterns, reason = "a single provider cannot change into another")]

use bytes::Bytes;
use time::macros::datetime;

use super::*;
use crate::secret::Secret;

providers! {
    AcmePay = acme_pay,
}

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
const BODY: &[u8] =
    br#"{"id":"n1","type":"payment.paid","shop":"s1","transaction":"t1","order_no":"A-1",
    "amount":1000,"currency":"EUR","at":"2026-11-23T11:59:58Z"}"#;

fn section() -> Section {
    let table: toml::Table = "shop = \"s1\"\nsecrets = \"whsec-one whsec-two\"".parse().unwrap();
    Section::deserialize(Provider::AcmePay, table).unwrap()
}

fn scheme() -> Scheme {
    let nothing = |_: &std::path::Path| Err("no file is named".to_owned());
    section().scheme(&mut Material::new(&nothing)).unwrap()
}

fn reader() -> Reader {
    let nothing = |_: &std::path::Path| Err("no file is named".to_owned());
    section().reader(&mut Material::new(&nothing)).unwrap()
}

fn request(body: &'static [u8], secret: &str) -> Request {
    let headers = acme_pay::sign(body, &Secret::new(secret.into()), NOW);
    let pairs = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    Request { headers: Headers::new(pairs).unwrap(), body: Bytes::from_static(body) }
}

#[test]
fn a_ninth_provider_is_one_file_and_one_variant() {
    let acme = Provider::ALL[0];
    assert_eq!((acme.as_str(), acme.headers().len(), acme.carried().len()), ("acme_pay", 2, 0));
    assert_eq!((acme.accept().body, acme.reject().status), ("ok", 401));
    assert_eq!((scheme().provider(), reader().provider()), (acme, acme));
    let mut renewed = scheme();
    renewed.inherit(&scheme());
    assert_eq!(renewed.keys(), scheme().keys());
    assert_eq!(scheme().verify_return(b"", NOW), Err(Rejection::NoReturn));
    let proof = scheme().verify(&request(BODY, "whsec-two"), NOW).unwrap();
    assert_eq!(proof.key, scheme().keys()[1].id);
    let signed_alike = request(BODY, "whsec-two");
    assert!(scheme().rsa(&signed_alike, NOW).is_none());
    assert_eq!(scheme().needed(&signed_alike), acme.headers());
    assert_eq!(scheme().distrust(&signed_alike, NOW), None);
    assert_eq!(scheme().other_environment(&signed_alike), None);
    let genuine = Genuine { http: &[], received_at: NOW, body: BODY };
    let notification = reader().read(&genuine).unwrap().remove(0);
    let fact = notification.payment().unwrap();
    assert_eq!((fact.order_number.as_str(), fact.amount.minor), ("A-1", 1000));
}

#[test]
fn what_it_refuses() {
    let verdict = |request: &Request, now| scheme().verify(request, now).map(|_| ());
    let genuine = request(BODY, "whsec-one");
    assert_eq!(verdict(&genuine, NOW), Ok(()));
    assert_eq!(verdict(&genuine, NOW + time::Duration::minutes(5)), Err(Rejection::Stale));
    assert_eq!(verdict(&request(BODY, "another"), NOW), Err(Rejection::Forged));
    let unsigned = Request { headers: Headers::default(), ..genuine };
    assert_eq!(verdict(&unsigned, NOW), Err(Rejection::Unsigned));
    let other = request(br#"{"shop":"s2"}"#, "whsec-one");
    assert_eq!(verdict(&other, NOW), Err(Rejection::NotOurs("shop")));
}
